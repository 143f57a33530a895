"""Detectors: a store in, findings out; and the SQL reports."""
