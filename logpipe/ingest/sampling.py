"""Does a format of one's own read its own samples as it says?"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from logpipe.ingest.formats.definition import Sample
from logpipe.ingest.formats.own import OwnFormat, with_own
from logpipe.ingest.options import Options
from logpipe.ingest.preview import Row, preview
from logpipe.record import FIELDS

_KEYS = {field.column: field.key for field in FIELDS}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a sample."""

    sample: Sample
    got: Row
    differences: tuple[str, ...]
    """A sentence each; none where it passed."""


def check_samples(format_: OwnFormat) -> Iterator[Outcome]:
    """Read each sample through the ingest and compare what it expects; what it does not name is not compared."""
    options = Options(format=format_.name, formats=with_own([format_]))
    for sample in format_.samples:
        with tempfile.TemporaryDirectory(prefix="logpipe-") as folder:
            path = Path(folder) / "sample.log"
            path.write_text(sample.line.rstrip("\n") + "\n")
            found = preview(str(path), options, 2)
        got = _by_key(found.events[0]) if found.events else {}
        yield Outcome(sample, got, tuple(_differences(sample, got, len(found.events) + len(found.rejects))))


def _by_key(event: Row) -> Row:
    row = {_KEYS.get(column, column): value for column, value in event.items()}
    if isinstance(text := row.get("attributes"), str):
        row["attributes"] = json.loads(text)
    return row


def _differences(sample: Sample, got: Row, records: int) -> Iterator[str]:
    if records != 1:
        yield f"{records} records instead of one"
    for key, wanted in sample.expected.items():
        if key == "attributes" and isinstance(wanted, Mapping):
            have = got.get("attributes")
            members = have if isinstance(have, dict) else {}
            for name, value in wanted.items():
                if members.get(name) != value:
                    yield f"attributes.{name}: expected {value!r}, got {members.get(name)!r}"
        elif not _same(wanted, got.get(key)):
            yield f"{key}: expected {_said(wanted)}, got {_said(got.get(key))}"


def _same(wanted: object, have: object) -> bool:
    if isinstance(have, datetime):
        moment = datetime.fromisoformat(wanted) if isinstance(wanted, str) else wanted
        return moment == have
    return wanted == have


def _said(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)
