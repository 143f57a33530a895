"""`make demo`: take a generated day through the pipeline by the commands a user types, and compare with the truth."""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sample_logs.generate import generate
from sample_logs.judge import MOST_EXTRA, Judgement, Row, extra, judge, onset

ROOT: Final = Path(__file__).resolve().parent.parent
LOGPIPE: Final = Path(sys.executable).with_name("logpipe")

COLOURED: Final = not os.environ.get("NO_COLOR") and (bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty())
BOLD, GREEN, RED = "1", "32", "31"

DEAREST_MINUTES: Final = """\
SELECT minute, service, sum(events) FILTER (http_status >= 500) AS server_errors, sum(events) AS requests
FROM rollup_minute WHERE operation = 'POST /checkout'
GROUP BY ALL ORDER BY server_errors DESC LIMIT 5"""

NEXT: Final = """\
What to try next, from here:

  . .venv/bin/activate; export LOGPIPE_DB={folder}/logs.duckdb
  logpipe explain ID                          any finding above, with the SQL that shows it again
  logpipe diff ID                             what else was different while it lasted
  logpipe ingest {folder}/logs                    once more: nothing is read twice
  logpipe report                              the list of reports
  logpipe query "SELECT * FROM events LIMIT 5" --format json
  logpipe ingest /var/log                     your own logs, into a database of their own with --db
  less sample_logs/README.md                  what went wrong on that day, and how it was made
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The demonstration; 1 when an incident was missed or too much else was found."""
    folder = asked_folder(arguments)
    database = f"{folder}/logs.duckdb"
    os.chdir(ROOT)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a text file, as the interpreter makes it
    heading("A day of a small shop")
    make_logs(folder)
    heading("Into the database, each line exactly once")
    logpipe("ingest", f"{folder}/logs", "--db", database)
    logpipe("verify", "--db", database)
    logpipe("rejects", "--limit", "3", "--db", database)
    heading("What went wrong?")
    logpipe("analyze", "--db", database)
    findings = rows("findings", "--json", "--db", database)
    heading("The stored findings, and why one was reported")
    logpipe("findings", "--severity", "critical", "--db", database)
    logpipe("explain", chosen(findings), "--db", database)
    heading("Reports, and SQL")
    logpipe("report", "errors-by-service", "--db", database)
    logpipe("report", "slow-queries", "--limit", "2", "--db", database)
    logpipe("report", "business-events", "--db", database)
    logpipe("query", DEAREST_MINUTES, "--db", database)
    heading("To Prometheus and Loki")
    logpipe("ship", "prometheus", "-o", f"{folder}/prometheus.prom", "--db", database)
    logpipe("ship", "loki", "--since", "1h", "-o", f"{folder}/loki.jsonl", "--db", database)
    for name in ("prometheus.prom", "loki.jsonl"):
        path = folder / name
        print(f"{folder}/{name}: {count_lines(path):,} lines, {path.stat().st_size / 1e6:.1f} MB")
    heading(f"Against the ground truth, {folder}/truth.json")
    right = compare(json.loads((folder / "truth.json").read_text(encoding="utf-8")), findings, folder)
    print("\n" + NEXT.format(folder=folder), end="")
    return 0 if right else 1


def asked_folder(arguments: Sequence[str] | None) -> Path:
    """The folder that the command line names, from ROOT where it lies there; one with files of others ends it."""
    parser = argparse.ArgumentParser(prog="sample_logs/demo.py", description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=ROOT / "demo", help="made anew, with all that is in it (default: demo)"
    )
    folder: Path = parser.parse_args(arguments).folder.resolve()
    ours = folder == ROOT / "demo" or (folder / "truth.json").exists() or not folder.exists()
    if not ours and (not folder.is_dir() or any(folder.iterdir())):
        parser.error(f"{folder} is not a folder of this demo; name one that is empty or not there")
    return folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder


def make_logs(folder: Path) -> None:
    """Write the logs afresh."""
    shutil.rmtree(folder, ignore_errors=True)
    print(f"writing {folder}/logs by logpipe's own emitter, under a clock that runs a day in seconds ...")
    begun = time.perf_counter()
    records = generate(folder / "logs")["records"]
    took = time.perf_counter() - begun
    named = ", ".join(f"{count:,} of {name}" for name, count in records.items())
    print(f"{sum(records.values()):,} records in {took:.0f} s: {named}")


def logpipe(*arguments: str) -> None:
    """Run a command as a user would, showing it first; ends the demonstration when it fails."""
    shown = " ".join(shlex.quote(argument) if "\n" not in argument else f'"{argument}"' for argument in arguments)
    print(f"\n{styled('$ logpipe ' + shown, BOLD)}")
    done = subprocess.run([LOGPIPE, *arguments], check=False)
    if done.returncode:
        sys.exit(f"that ended with exit code {done.returncode}")


def rows(*arguments: str) -> list[Row]:
    """The JSON lines that a command answers with."""
    done = subprocess.run([LOGPIPE, *arguments], check=True, stdout=subprocess.PIPE)
    return [json.loads(line) for line in done.stdout.splitlines()]


def chosen(findings: Sequence[Row]) -> str:
    """The finding to explain: the error spike of the shop, else the first."""
    spikes = [one for one in findings if one["kind"] == "error_spike" and one["service"] == "shop-web"]
    return str((spikes or list(findings))[0]["finding_id"])


def compare(truth: dict[str, Any], findings: list[Row], folder: Path) -> bool:
    """Print the table of incidents and what else was found; whether all is as it should be."""
    seen = [*findings, *rejects(truth, folder)]
    incidents = truth["incidents"]
    judged = judge(incidents, seen)
    print(f"\n{'incident':<15}{'service':<13}{'since':<10}{'found':<8}{'onset off by':>13}")
    for judgement in judged:
        print(line(judgement))
    others = list(extra(incidents, seen))
    print(f"\n{sum(one.found for one in judged)} of {len(judged)} incidents found, {len(others)} findings besides")
    for other in others:
        print(f"  {onset(other):%H:%M}  {other['kind']}  {other['service']}: {other['title']}")
    return all(one.found for one in judged) and len(others) <= MOST_EXTRA


def line(judged: Judgement) -> str:
    """A row of the table, and below it what happened."""
    incident, found = judged.incident, judged.found
    off = "-" if judged.off is None else signed(judged.off)
    mark = styled(f"{'yes' if found else 'NO':<8}", GREEN if found else RED)
    figures = f"{incident['kind']:<15}{incident['service']:<13}{onset(incident):%H:%M:%S}  {mark}{off:>13}"
    return f"{figures}\n    {incident['sentence']}"


def signed(off: timedelta) -> str:
    """Minutes and seconds with their sign."""
    seconds = round(off.total_seconds())
    return f"{'-' if seconds < 0 else '+'}{abs(seconds) // 60}:{abs(seconds) % 60:02d} min"


def rejects(truth: dict[str, Any], folder: Path) -> list[Row]:
    """The rejected lines as a finding, if they are those that were damaged: by file and byte, every one."""
    lines = rows("rejects", "--limit", "1000", "--json", "--db", f"{folder}/logs.duckdb")
    for incident in (one for one in truth["incidents"] if one["kind"] == "rejects"):
        damaged = sorted(place for kind in ("torn", "fused", "foreign") for place in incident[kind])
        if [(one["path"], one["source_pos"]) for one in lines] == [
            (str(ROOT / folder / "logs" / incident["subject"]), place) for place in damaged
        ]:
            return [{"kind": "rejects", "service": incident["service"], "started_at": time_before(lines[0], folder)}]
    return []


def time_before(rejected: Row, folder: Path) -> str:
    """The time of the record before a rejected line, as RFC 3339."""
    sql = f"""
        SELECT epoch_us(max(ts)) AS us FROM events
        WHERE source_id = {rejected["source_id"]:d} AND source_pos < {rejected["source_pos"]:d}"""
    [row] = rows("query", sql, "--format", "json", "--db", f"{folder}/logs.duckdb")
    return (datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(microseconds=row["us"])).isoformat()


def count_lines(path: Path) -> int:
    """Lines of a file."""
    with path.open("rb") as file:
        return sum(1 for _ in file)


def heading(text: str) -> None:
    """A step of the demonstration."""
    print(f"\n{styled('── ' + text + ' ' + '─' * (76 - len(text)), BOLD)}")


def styled(text: str, style: str) -> str:
    """In a style, where there is colour."""
    return f"\x1b[{style}m{text}\x1b[0m" if COLOURED else text


if __name__ == "__main__":
    sys.exit(main())
