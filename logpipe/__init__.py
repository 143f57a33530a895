"""Structured logging for Python services, and the pipeline behind it.

Importing this package configures nothing and loads nothing of the pipeline.
"""
