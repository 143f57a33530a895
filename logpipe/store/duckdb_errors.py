"""DuckDB's errors as ours, by what its messages say; DuckDB has no finer types for these."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import duckdb

from logpipe.errors import StoreError, StoreFull, StoreLocked
from logpipe.store import quack
from logpipe.store.attached import own_words

_UNOPENED: Final = re.compile(
    r"Cannot open file .*?: (Permission denied|No such file or directory|Read-only file system)"
)
_OWNER: Final = re.compile(r"\(PID (\d+)\)")
_HELD: Final = "end that process, or, unless it follows logs, wait for it"
_OPEN_HERE: Final = ("Unique file handle conflict", "different configuration than existing connections")


def owner_gone(url: str) -> StoreError:
    """Of a statement that was under way; what a transaction had not committed was not written."""
    return StoreError(
        f"the process that had {url} ended while it was asked",
        remedy="run the command again",
        reason="owner_gone",
    )


@contextmanager
def translated(url: str) -> Iterator[None]:
    """
    Raises:
        StoreError: the block failed with an error of DuckDB, of the database at `url`.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{url} is a name that is no UTF-8", remedy="choose another file with --db", reason="store_unreadable"
        ) from error
    except duckdb.Error as error:
        text = own_words(str(error))
        first_line = text.splitlines()[0] if text else type(error).__name__
        if quack.is_unreachable(text):
            raise owner_gone(url) from error
        if quack.REFUSED in text:
            raise StoreError(f"the owner of {url} refused a statement that does more than read") from error
        if "Could not set lock on file" in text or "Conflicting lock" in text:
            owner = _OWNER.search(text)
            holder = f"process {owner[1]}" if owner else "another process"
            raise StoreLocked(f"{url} is in use by {holder}", remedy=_HELD) from error
        if any(sign in text for sign in _OPEN_HERE):
            raise StoreError(
                f"{url} is open in this process already",
                remedy="use that store, or close it first",
                reason="store_open",
            ) from error
        if "not a valid DuckDB database" in text:
            raise StoreError(
                f"{url} is not a DuckDB database", remedy="choose another file with --db", reason="store_foreign"
            ) from error
        if isinstance(error, duckdb.OutOfMemoryException):
            raise StoreError(
                f"{url}: {first_line}", remedy="wait until other queries have ended", reason="out_of_memory"
            ) from error
        if "No space left on device" in text or "File too large" in text:
            raise StoreFull(
                f"no room left on the volume of {url}", remedy="free some space and run the command again"
            ) from error
        if unopened := _UNOPENED.search(text):
            raise StoreError(
                f"cannot open {url}: {unopened[1].lower()}",
                remedy="its folder must exist, and both be writable",
                reason="store_unreadable",
            ) from error
        raise StoreError(f"{url}: {first_line}") from error
