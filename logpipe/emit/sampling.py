"""Sampling: of records of one kind a share is written, and how many were not is told."""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from logpipe.emit import context
from logpipe.emit.entry import RESERVED
from logpipe.emit.levels import level_of
from logpipe.emit.values import Entry, text
from logpipe.record import APP, PERFORMANCE

_EVERY_S: Final = 60.0
_MOST_KINDS: Final = 1000
_OTHERS: Final = ("others", "")

Kind = tuple[str, str]
"""Logger and level of records that are sampled."""


class Sampling:
    """Decides which records are written, by the rates of their level, logger, or logger and level.

    rates: as `{"DEBUG": 0.1, "shop.cache": 0.01, "shop.http@INFO": 0.5}`; a logger's rate is that of those below it
           too, the rate of the longest name wins, and of one name that with the level
    key:   the field by which records are kept or left out together
    """

    def __init__(self, rates: Mapping[str, float], key: str) -> None:
        self._rates = rates
        self._key = key
        self._is_given = key not in RESERVED and key not in logging.makeLogRecord({}).__dict__
        self._rate = lru_cache(maxsize=4096)(self._find)
        self.after_fork_in_child()

    def keeps(self, entry: Entry) -> bool:
        """Whether the record is written; one of a sampled kind is then marked with its `sample_rate`."""
        stream = entry["stream"]
        if stream == APP:
            rate = self._rate(str(entry.get("logger", "")), str(entry["level"]))
        elif stream == PERFORMANCE:
            rate = self._rates.get("logpipe.performance")  # by no other rule: somebody counts on them
        else:
            return True
        if rate is None or rate >= 1:
            return True
        if self._share(entry) >= rate:
            return False
        mark(entry, "sample_rate", rate)
        return True

    def surely_leaves_out(self, record: logging.LogRecord) -> bool:
        """Whether `keeps` would refuse the record once it is built; a False may turn out otherwise."""
        rate = self._rate(record.name, level_of(record.levelno))
        if rate is None or rate >= 1:
            return False
        if rate == 0:
            return True
        if not self._is_given or isinstance(record.msg, dict):
            return False
        own = record.__dict__
        value = own[self._key] if self._key in own else context.FIELDS.get().get(self._key)
        return isinstance(value, str) and _share(value) >= rate

    def after_fork_in_child(self) -> None:
        """Chance must not be the same in all children."""
        self._chance = random.Random()  # noqa: S311 - no secret; its own, as the application may seed the shared one

    def _find(self, logger: str, level: str) -> float | None:
        name = logger
        while name:
            for rule in (f"{name}@{level}", name):
                if rule in self._rates:
                    return self._rates[rule]
            name = name.rpartition(".")[0]
        return self._rates.get(level)

    def _share(self, entry: Entry) -> float:
        """A number from 0 to below 1: the same for all records, in all processes, that share the key's value."""
        for key in (self._key, "trace_id"):
            value = entry.get(key)
            if value is not None:
                return _share(text(value))
        return self._chance.random()


class SampledOut:
    """Counts what was left out, by logger and level, until a record tells of it."""

    def __init__(self) -> None:
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """The parent tells of its own."""
        self._lock = threading.RLock()
        self._counts: Counter[Kind] = Counter()
        self._tell_at = 0.0

    def count(self, kind: Kind) -> None:
        """Counts a record that is not written."""
        with self._lock:
            if not self._counts:
                self._tell_at = time.monotonic() + _EVERY_S
            self._counts[kind if kind in self._counts or len(self._counts) < _MOST_KINDS else _OTHERS] += 1

    def take(self, *, now: bool) -> Counter[Kind] | None:
        """The counts, which the caller then tells; a minute after the first of them unless `now`."""
        if not self._counts or not (now or time.monotonic() >= self._tell_at):
            return None
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return counts or None


def _share(value: str) -> float:
    digest = blake2b(value.encode("utf-8", "backslashreplace"), digest_size=6).digest()
    return int.from_bytes(digest) / (1 << 48)


def kind_of(entry: Entry) -> Kind:
    """Under what the record is counted."""
    return str(entry.get("logger", "")), str(entry["level"])


def mark(entry: Entry, name: str, value: object) -> None:
    """Adds a key of the emitter's to a record; a field of the caller's with that name is kept under `name_`."""
    if name in entry:
        other = f"{name}_"
        while other in entry:
            other += "_"
        entry[other] = entry.pop(name)
    entry[name] = value
