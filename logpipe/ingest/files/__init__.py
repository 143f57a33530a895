"""Log files on disk: finding them, reading them, and knowing them again."""
