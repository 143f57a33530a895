"""A day of a small shop: its logs, and what went wrong in it as ground truth."""
