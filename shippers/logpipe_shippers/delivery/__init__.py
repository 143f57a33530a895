"""Bringing what the store holds to receivers: each target with its own cursor, its own retries and its own thread."""
