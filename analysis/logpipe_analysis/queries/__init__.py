"""What the log says of database queries: which are the same, and what each costs."""
