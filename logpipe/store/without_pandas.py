"""Keeping pandas out of what has no use for it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder


@contextmanager
def without_pandas() -> Iterator[None]:
    """Within the block pandas is as good as not installed, unless it is loaded already.

    DuckDB loads it with the first bound parameter, to see whether that is a missing value of pandas, and PyArrow for
    DuckDB's sake with the first table: a second of work, and 40 MB.
    """
    refusal = _Refusal()
    sys.meta_path.insert(0, refusal)
    try:
        yield
    finally:
        sys.meta_path.remove(refusal)


class _Refusal(MetaPathFinder):
    def find_spec(self, fullname: str, _path: object, _target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not loaded for this command", name=fullname)
