"""From files to rows in the store: cut into chunks, converted, committed."""
