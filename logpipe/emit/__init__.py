"""The emitter: `logging` and loguru records as JSON lines, in four files that rotate."""
