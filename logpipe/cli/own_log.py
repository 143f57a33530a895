"""The log of a long ingest itself."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def logging_to(path: str | None) -> Iterator[None]:
    """Write what ingest says of itself to `path` while the block runs; where that cannot be, say so and go on."""
    import logging
    from pathlib import Path

    from logpipe.cli import output
    from logpipe.emit.json_file import JsonFileHandler

    if path is None:
        yield
        return
    try:
        handler = JsonFileHandler(Path(path), service="logpipe")
    except OSError as error:
        output.warning(f"{path} cannot be written, so nothing is logged: {(error.strerror or str(error)).lower()}")
        yield
        return
    logger = logging.getLogger("logpipe")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()
        if handler.lost:
            output.warning(f"{handler.lost:,} lines of {path} could not be written")
