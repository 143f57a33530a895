"""Files and streams into the store."""

import logging

# What it says of itself goes where the program that runs it wants; by itself nowhere, not even to standard error.
logging.getLogger(__name__).addHandler(logging.NullHandler())
