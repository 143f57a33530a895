"""Detection and records on logs of other people's making: how much of what upstream parsers say logpipe says too.

    LOGPIPE_EVAL_DATA=... python benchmarks/eval_formats.py [--half tune] [--format NAME] [--failures 20] [--write]

Every file of `$LOGPIPE_EVAL_DATA/formats` goes through the ingest itself, one source each, in one store, with
`--time-zone UTC`; then the events are compared with what stands in `*.expected.json` (see its SOURCES.md).

How it judges, without looking at names of files:

- **Detection** is right where the stored format (of a wrapper either name) is one of those that `formats.toml` lists
  for the corpus' format.
- **Pairing**: each expected record is given at most one event, both in order, so that the most fields agree; one that
  is left without an event has all its fields wrong.
- **Timestamps** agree to the precision that is expected (`stated_times.py`): a year or a zone that the line does not
  say is not compared, for only upstream's settings know it. A time that was taken from the record before or from the
  file is wrong.
- **Levels** are compared on logpipe's six (`format_expectations.py`).
- **Messages** agree up to white space at the ends and runs of it, colours left out; a stack trace may stand behind the
  message or in its own column, `key=value` pairs that humanlog renders behind it in the attributes. lnav and Loghub
  read line by line: of a joined record the first line must agree. An expected message that is the whole line says that
  upstream did not parse it, and is not counted. Where upstream leaves a log line inside a log line (syslog,
  containers) as text and logpipe reads it too, logpipe's message must be a part of that text. A place in the source
  (`Shop.java:12 - `) that upstream leaves in front may be in columns instead.
- **A file that is one JSON or XML document over many lines** is no log of lines; its expectations are counted apart. So
  are texts beyond ASCII in a file that is neither UTF-8 nor has a byte-order mark: no line says its encoding.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

from format_expectations import Expected, expected
from stated_times import stated_time

from logpipe.errors import InputError, LogpipeError
from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files.discovery import find
from logpipe.ingest.formats import FORMATS
from logpipe.ingest.formats.wrapped import SEPARATOR
from logpipe.ingest.ingest import Ingester
from logpipe.ingest.options import Options
from logpipe.store import Store

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
FIELDS = ("timestamp", "level", "message", "status")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LAYERS = re.compile(r"""[\\"'\s]|\\[nrt]""")
_LOG_LINE = re.compile(r"\s*(?:\{|\S.{0,60}?\d\d:\d\d:\d\d)")
"""A text that is a line of a log in itself."""
_EVENTS = """
SELECT source_pos, bytes, epoch_us(ts), level, message, exception_stacktrace, http_status, attributes
FROM events WHERE source_id = ? ORDER BY source_pos
"""

Verdicts = dict[str, bool]


@dataclass(frozen=True, slots=True)
class Event:
    """What the store holds of one record."""

    raw: str
    at: datetime | None
    """None where the time was inferred."""
    level: str | None
    message: str
    trace: str | None
    status: int | None


@dataclass(slots=True)
class Result:
    """What became of one file, or of many."""

    files: int = 0
    detected: int = 0
    crashes: int = 0
    records: int = 0
    right: int = 0
    """Records of which every expected field is right."""
    asked: Counter[str] = field(default_factory=Counter)
    agreed: Counter[str] = field(default_factory=Counter)
    silent: int = 0
    """Expected records that say nothing of the four fields."""
    apart: int = 0
    """Expected records of documents that are no logs of lines, and texts of unknown encoding."""

    def add(self, other: "Result") -> None:
        for name in ("files", "detected", "crashes", "records", "right", "silent", "apart"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.asked.update(other.asked)
        self.agreed.update(other.agreed)


class Judge:
    """Ingests files into one store and compares."""

    def __init__(self, data: Path, store: Store, folder: Path, failures: int) -> None:
        self._data, self._store, self._folder, self._failures = data, store, folder, failures
        self._ingester = Ingester(store, Options())
        self._accepted = tomllib.loads((HERE / "formats.toml").read_text())
        assert FORMATS.keys() >= {name for names in self._accepted.values() for name in names}

    def judge(self, row: dict[str, str], number: int) -> Result:
        """One file of the corpus."""
        result = Result(files=1)
        content = (self._data / row["file"]).read_bytes()
        path = self._folder / str(number) / Path(row["file"]).name
        path.parent.mkdir()
        path.write_bytes(content)
        rested = time.time() - 3600
        os.utime(path, (rested, rested))
        name, events = self._ingest(path, row, content, result)
        accepted = self._accepted.get(row["format"], [row["format"]])
        result.detected = int(not {name, *name.split(SEPARATOR)}.isdisjoint(accepted))
        if not result.detected:
            self._fail(f"{row['file']}: detected {name}, right is {' or '.join(accepted)}")
        self._compare(row, content, events, result)
        return result

    def _ingest(self, path: Path, row: dict[str, str], content: bytes, result: Result) -> tuple[str, list[Event]]:
        try:
            self._ingester.sweep(find([str(path)])[0])
        except Exception as error:  # noqa: BLE001 - a crash is what is looked for
            result.crashes += 1
            print(f"CRASH {row['file']}: {type(error).__name__}: {error}", file=sys.stderr)
        for error in self._ingester.summary.errors:
            result.crashes += error.reason not in ("json_array", "binary")
            self._fail(f"{row['file']}: {error}")
        self._ingester.summary.errors.clear()
        sources = self._store.execute("SELECT source_id, format FROM sources WHERE path = ?", [str(path)])
        if not sources:
            return "none", []
        [(source_id, name)] = sources
        return name, [_event(content, *event) for event in self._store.execute(_EVENTS, [source_id])]

    def _compare(self, row: dict[str, str], content: bytes, events: list[Event], result: Result) -> None:
        wanted = list(self._expectations(row))
        counted = [] if _is_document(content) else [one for one in wanted if _is_knowable(one, content)]
        result.apart += len(wanted) - len(counted)
        raws = {_bare(event.raw) for event in events} | {_bare(content.decode("utf-8", "replace"))}
        said = [_without_echo(one, raws) for one in counted]
        result.silent += sum(one.says_nothing for one in said)
        for one, event in pair(said, events):
            if one.says_nothing:
                continue
            verdicts = verdicts_of(one, event)
            result.records += 1
            result.right += all(verdicts.values())
            result.asked.update(verdicts.keys())
            result.agreed.update(name for name, agrees in verdicts.items() if agrees)
            if not all(verdicts.values()):
                wrong = [name for name, agrees in verdicts.items() if not agrees]
                self._fail(f"{row['file']}: {', '.join(wrong)}\n  expected {one}\n  got      {event}")

    def _expectations(self, row: dict[str, str]) -> Iterator[Expected]:
        name = re.sub(r"\.log$", ".expected.json", row["file"])
        if row.get("expected") and (self._data / name).exists():
            for record in json.loads((self._data / name).read_text())["records"]:
                yield expected(row["source"], record)

    def _fail(self, sentence: str) -> None:
        if self._failures > 0:
            print(sentence)
            self._failures -= 1


def _event(
    content: bytes,
    pos: int,
    size: int,
    microseconds: int,
    level: str | None,
    message: str | None,
    trace: str | None,
    status: int | None,
    attributes: str | None,
) -> Event:
    inferred = json.loads(attributes or "{}").get("time_inferred")
    known = inferred not in ("record_before", "file_modified") and abs(microseconds) < 6e16
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds) if known else None
    return Event(content[pos : pos + size].decode("utf-8", "replace"), at, level, message or "", trace, status)


def _is_document(content: bytes) -> bool:
    """Whether the file as a whole is one value of JSON or XML that spans lines."""
    text = content.decode("utf-8", "replace").strip()
    if text.startswith("<Event "):
        return True
    if "\n" not in text or text[:1] not in "{[":
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_knowable(one: Expected, content: bytes) -> bool:
    """Whether the text is ASCII, or the file says its encoding."""
    if one.message is None or one.message.isascii() or content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _without_echo(one: Expected, raws: set[str]) -> Expected:
    """Without a message that is the whole line, unless it is joining that is judged."""
    if one.message is None or one.whole or _bare(one.message) not in raws:
        return one
    return replace(one, message=None)


def pair(wanted: Sequence[Expected], events: Sequence[Event]) -> Iterator[tuple[Expected, Event | None]]:
    """Each expectation with an event or none, in order, so that most fields agree; nearest to one by one."""
    if len(wanted) == len(events) and all(
        all(verdicts_of(one, event).values()) for one, event in zip(wanted, events, strict=True)
    ):
        yield from zip(wanted, events, strict=True)
        return
    best = [[0.0] * (len(events) + 1) for _ in range(len(wanted) + 1)]
    gain = [[_gain(one, event) for event in events] for one in wanted]
    for i in range(len(wanted) - 1, -1, -1):
        for j in range(len(events) - 1, -1, -1):
            best[i][j] = max(gain[i][j] + best[i + 1][j + 1], best[i + 1][j], best[i][j + 1])
    i = j = 0
    while i < len(wanted):
        if j < len(events) and best[i][j] == gain[i][j] + best[i + 1][j + 1]:
            yield wanted[i], events[j]
            i, j = i + 1, j + 1
        elif j < len(events) and best[i][j] == best[i][j + 1]:
            j += 1
        else:
            yield wanted[i], None
            i += 1


def _gain(one: Expected, event: Event) -> float:
    weights = {"message": 4.0, "timestamp": 2.0, "level": 1.0, "status": 1.0}
    return 0.01 + sum(weights[name] for name, agrees in verdicts_of(one, event).items() if agrees)


def verdicts_of(one: Expected, event: Event | None) -> Verdicts:
    """By expected field, whether the event agrees."""
    verdicts = {}
    moment = stated_time(one.time) if one.time is not None else None
    if moment is not None:
        verdicts["timestamp"] = event is not None and event.at is not None and moment.agrees(event.at, event.raw)
    if one.level is not None:
        verdicts["level"] = event is not None and event.level == one.level
    if one.message is not None:
        verdicts["message"] = event is not None and _says(event, one)
    if one.status is not None:
        verdicts["status"] = event is not None and event.status == one.status
    return verdicts


_PLACE = re.compile(r"[\w$.-]+\.[a-z]{1,5}:\d+ - ")


def _says(event: Event, one: Expected) -> bool:
    message, wanted = _normal(event.message), _normal(one.message or "")
    texts = {message}
    if event.trace:
        texts |= {_normal(f"{event.message}\n{event.trace}"), _normal(event.trace)}
    if one.whole:
        texts.add(_normal(event.raw))
    if one.by_line:
        texts.add(_normal(event.message.partition("\n")[0]))
    if wanted in texts or _PLACE.sub("", wanted, count=1) == message:
        return True
    if _LOG_LINE.match(one.message or "") and _bare(event.raw).endswith(_bare(wanted)):
        return bool(message) and _bare(message) in _bare(wanted)
    return one.pairs_behind and re.match(re.escape(message) + r" ?[\w.-]+=", wanted) is not None


def _bare(text: str) -> str:
    """Without what one more layer of quoting changes."""
    return _LAYERS.sub("", _COLOUR.sub("", text))


def _normal(text: str) -> str:
    return " ".join(_COLOUR.sub("", text).split())


def table(results: dict[str, Result]) -> str:
    """The results as Markdown, by the corpus' formats."""
    head = "| format | files | detected | records | timestamp | level | message | status | all right | crashes |"
    lines = [head, "|" + " --- |" * 10]
    total = Result()
    for name, result in sorted(results.items()):
        total.add(result)
        lines.append(_row(name, result))
    lines.append(_row("**all**", total))
    return "\n".join(lines)


def _row(name: str, result: Result) -> str:
    shares = [f"{_share(result.agreed[field], result.asked[field])}" for field in FIELDS]
    cells = [name, str(result.files), _share(result.detected, result.files), str(result.records), *shares]
    return f"| {' | '.join((*cells, _share(result.right, result.records), str(result.crashes)))} |"


def _share(part: int, whole: int) -> str:
    """As a percentage, cut and not rounded, so that 100 means all."""
    return f"{1000 * part // whole / 10:g} %" if whole else "–"


def main() -> None:
    """Judge what the arguments choose, and print or write the table."""
    arguments = _arguments()
    if "LOGPIPE_EVAL_DATA" not in os.environ:
        sys.exit("this needs the corpus: name the folder that holds formats/ in LOGPIPE_EVAL_DATA")
    data = Path(os.environ["LOGPIPE_EVAL_DATA"]) / "formats"
    rows = [json.loads(line) for line in (data / "MANIFEST.jsonl").read_text().splitlines()]
    rows = [row for row in rows if arguments.half in (None, row["half"]) and fnmatch(row["format"], arguments.format)]
    started = time.monotonic()
    results: dict[str, dict[str, Result]] = {}
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "logs.duckdb") as store:
        judge = Judge(data, store, Path(folder), arguments.failures)
        for number, row in enumerate(rows):
            by_format = results.setdefault(row["half"], {})
            by_format.setdefault(row["format"], Result()).add(judge.judge(row, number))
        verdict = verify(store)
    text = "\n\n".join(_section(half, by_format) for half, by_format in results.items())
    text += f"\n\n`verify` afterwards: {verdict.lines:,} lines, {len(verdict.problems)} problems."
    print(text)
    print(f"\n{time.monotonic() - started:.0f} s")
    if arguments.write:
        _write(text)


def _section(half: str, by_format: dict[str, Result]) -> str:
    total = Result()
    for result in by_format.values():
        total.add(result)
    note = (
        f"Not counted: {total.silent} expected records that say nothing of these fields (refused by upstream, "
        f"repeating the line, continuation lines), {total.apart} of documents that are no logs "
        "of lines, or in an encoding that no line says."
    )
    return f"Half `{half}`:\n\n{table(by_format)}\n\n{note}"


def _write(text: str) -> None:
    """Put the section into RESULTS.md, in place of the one before."""
    heading = "## Formats"
    command = "`LOGPIPE_EVAL_DATA=... python benchmarks/eval_formats.py --write`"
    before = RESULTS.read_text()
    others = re.sub(rf"{heading}\n.*?(?=\n## |\Z)", "", before, flags=re.DOTALL).rstrip()
    RESULTS.write_text(f"{others}\n\n{heading}\n\n{command}\n\n{text}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("tune", "heldout"))
    parser.add_argument("--format", default="*", help="one of the corpus' formats, or a pattern such as aws_*")
    parser.add_argument("--failures", type=int, default=0, help="print so many")
    parser.add_argument("--write", action="store_true", help="write the table to RESULTS.md")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except (LogpipeError, InputError) as error:
        sys.exit(str(error))
