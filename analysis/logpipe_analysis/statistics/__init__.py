"""Judges of series: NumPy arrays in, numbers out; they know nothing of logs."""
