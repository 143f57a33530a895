"""From bytes to arrays of lines and values: what has to be fast, in C and NumPy."""
