"""Detectors: a store in, findings out; and the SQL reports.

    from logpipe.store import Store
    from logpipe_analysis import analyze

    with Store.open("logs.duckdb") as store:
        print(analyze(store).to_pandas())

Names are loaded when they are first used: what is told of findings alone needs no detector.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logpipe_analysis.analysis import Analysis, analyze
    from logpipe_analysis.finding import KINDS, Example, Finding
    from logpipe_analysis.settings import Settings

_HOMES = {
    "KINDS": "finding",
    "Analysis": "analysis",
    "Example": "finding",
    "Finding": "finding",
    "Settings": "settings",
    "analyze": "analysis",
}
__all__ = ["KINDS", "Analysis", "Example", "Finding", "Settings", "analyze"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
