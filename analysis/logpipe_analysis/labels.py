"""What really happened, as people wrote it down, and how well findings tell of it."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import orjson

from logpipe.errors import InputError
from logpipe_analysis.finding import Finding

FIELDS = ("start", "end", "service", "kind")


@dataclass(frozen=True, slots=True)
class Label:
    """One incident."""

    start: datetime
    end: datetime | None
    """None where it lasts."""
    service: str | None = None
    """None where any service's findings tell of it."""
    kind: str | None = None


class Reported(Protocol):
    """A finding, and when it was first told."""

    @property
    def finding(self) -> Finding: ...
    @property
    def onset(self) -> datetime: ...
    @property
    def reported_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Score:
    """How findings agree with labels. A finding is right when it begins within a label, give or take the slack."""

    findings: int
    right: int
    labels: int
    found: int
    median_delay: timedelta | None
    """From the beginning of a label that was found to its first report."""

    @property
    def precision(self) -> float:
        """1 where nothing was reported."""
        return self.right / self.findings if self.findings else 1.0

    @property
    def recall(self) -> float:
        """1 where there was nothing to find."""
        return self.found / self.labels if self.labels else 1.0

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def score(fired: Sequence[Reported], labels: Iterable[Label], slack: timedelta) -> Score:
    """Compare; several findings of one label are all right, and the first of them counts for the delay."""
    labels = list(labels)
    told = [[one for one in fired if _tells(one, label, slack)] for label in labels]
    right = sum(any(_tells(one, label, slack) for label in labels) for one in fired)
    delays_s = [
        (min(one.reported_at for one in ones) - label.start).total_seconds()
        for label, ones in zip(labels, told, strict=True)
        if ones
    ]
    middle = timedelta(seconds=median(delays_s)) if delays_s else None
    return Score(len(fired), right, len(labels), len(delays_s), middle)


def _tells(one: Reported, label: Label, slack: timedelta) -> bool:
    return (
        label.service in (None, one.finding.service)
        and label.kind in (None, one.finding.kind)
        and label.start - slack <= one.onset
        and (label.end is None or one.onset < label.end + slack)
    )


def load(path: str | Path) -> list[Label]:
    """Labels from a file: CSV with a header, or a JSON list of objects; `start`, `end`, and maybe `service`, `kind`.

    Raises:
        InputError: the file cannot be read, or an entry is no label.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {str(error).lower()}", reason="labels_unreadable") from error
    entries = _of_json(text, path) if text.lstrip()[:1] in ("[", "{") else list(csv.DictReader(text.splitlines()))
    return [_label(entry, f"{path}, label {number}") for number, entry in enumerate(entries, 1)]


def _of_json(text: str, path: str | Path) -> list[Any]:
    try:
        entries = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path} is not JSON: {error}", reason="labels_unreadable") from error
    if not isinstance(entries, list):
        raise InputError(f"{path} holds no list", remedy='write [{"start": …, "end": …}, …]', reason="bad_label")
    return entries


def _label(entry: Any, where: str) -> Label:
    if not isinstance(entry, dict) or not entry.get("start"):
        raise InputError(f"{where} has no start", remedy=f"its fields are {', '.join(FIELDS)}", reason="bad_label")
    unknown = [str(name) for name in entry if name not in FIELDS]
    if unknown:
        raise InputError(
            f"{where} has a field {unknown[0]}", remedy=f"the fields are {', '.join(FIELDS)}", reason="bad_label"
        )
    start, end = _time(entry["start"], where), _time(entry["end"], where) if entry.get("end") else None
    if end is not None and end < start:
        raise InputError(f"{where} ends before it starts", reason="bad_label")
    return Label(start, end, entry.get("service") or None, entry.get("kind") or None)


def _time(text: object, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text).strip())
    except ValueError:
        raise InputError(
            f"{where}: {text!r} is no time", remedy="write 2026-01-31T12:00:00Z", reason="bad_label"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
