"""The generated day: the same from the same seed, whole, and as its truth says."""

import json
import re
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logpipe.record import KEYS
from sample_logs.damage import damage
from sample_logs.generate import Truth, generate
from sample_logs.incidents import second

SCALE = 0.01
DAMAGED = "shop-api/performance.jsonl"
PLACES = {"torn", "fused", "foreign", "invalid_utf8"}
OF_THE_PROCESS = re.compile(rb'"(?:process":\d+|instance":"[0-9a-f]+")')


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """A small day, and its truth as it was written."""
    folder = tmp_path_factory.mktemp("day") / "logs"
    generate(folder, scale=SCALE)
    return folder, json.loads((folder.parent / "truth.json").read_text(encoding="utf-8"))


def jsonl(folder: Path) -> Iterator[Path]:
    return folder.glob("*/*.jsonl")


def records(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of all files but the damaged one."""
    for path in jsonl(folder):
        if str(path.relative_to(folder)) != DAMAGED:
            yield from map(json.loads, path.read_bytes().splitlines())


def at(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["timestamp"])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, without what a process has of its own."""
    files = [path for path in folder.rglob("*") if path.suffix in (".jsonl", ".log")]
    return {str(path.relative_to(folder)): OF_THE_PROCESS.sub(b"", path.read_bytes()) for path in files}


def without_process(damaged: Path, places: dict[str, Any]) -> dict[str, Any]:
    """What the truth tells of damage, as if the file had nothing of a process's own: ids have more digits or fewer."""
    data = damaged.read_bytes()

    def shifted(at: int) -> int:
        return len(OF_THE_PROCESS.sub(b"", data[:at]))

    return {key: [shifted(at) for at in value] if key in PLACES else value for key, value in places.items()}


def of_any_process(folder: Path, truth: Truth) -> Truth:
    """The truth of a day in that folder, with its damage as above."""
    return truth | {"incidents": [without_process(folder / DAMAGED, one) for one in truth["incidents"]]}


def test_the_same_seed_makes_the_same_bytes(day: tuple[Path, Truth], tmp_path: Path) -> None:
    """Process ids and instances aside, every file is the same to the byte."""
    generate(tmp_path / "logs", scale=SCALE)
    first, second = contents(day[0]), contents(tmp_path / "logs")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert of_any_process(tmp_path / "logs", truth) == of_any_process(*day)


def test_damage_is_the_same_whatever_the_process_id(day: tuple[Path, Truth], tmp_path: Path) -> None:
    """One of four digits tears the lines where one of seven does."""
    (path,) = day[0].glob("shop-worker/performance.jsonl")
    left: list[bytes] = []
    told: list[dict[str, Any]] = []
    for process in (b"1000", b"4194304"):
        (damaged := tmp_path / "damaged.jsonl").write_bytes(
            re.sub(rb'"process":\d+', b'"process":' + process, path.read_bytes())
        )
        told.append(without_process(damaged, asdict(damage(damaged, b"2026-03-12T06"))))
        left.append(OF_THE_PROCESS.sub(b"", damaged.read_bytes()))
    assert left[0] == left[1] != OF_THE_PROCESS.sub(b"", path.read_bytes())
    assert told[0] == told[1]


def test_another_seed_makes_another_day(day: tuple[Path, Truth], tmp_path: Path) -> None:
    """The seed is what the traffic is drawn from."""
    generate(tmp_path / "logs", seed=7, scale=SCALE)
    first, second = contents(day[0]), contents(tmp_path / "logs")
    assert first["nginx.access.log"] != second["nginx.access.log"]


def test_a_part_of_the_day_is_that_part_of_the_whole(day: tuple[Path, Truth], tmp_path: Path) -> None:
    """The same records, and the incidents that go on in it."""
    truth = generate(tmp_path / "logs", scale=SCALE, since=second("16:00"), until=second("17:00"))
    assert {one["kind"] for one in truth["incidents"]} == {"slow_query", "latency_shift", "error_spike"}
    begin, end = datetime.fromisoformat(truth["since"]), datetime.fromisoformat(truth["until"])
    part, whole = (
        [(one["timestamp"], one["service"], one.get("message")) for one in records(folder) if begin <= at(one) < end]
        for folder in (tmp_path / "logs", day[0])
    )
    assert len(part) > 100
    assert sorted(part, key=str) == sorted(whole, key=str)
    assert truth["records"]["services"] >= len(part)


def test_every_line_is_a_record_of_the_day(day: tuple[Path, Truth]) -> None:
    """Files that were not damaged hold records only, in the order of their time, all of the day."""
    midnight = datetime.fromisoformat(day[1]["date"]).replace(tzinfo=UTC)
    for path in jsonl(day[0]):
        if str(path.relative_to(day[0])) == DAMAGED:
            continue
        times = [at(json.loads(line)) for line in path.read_bytes().splitlines()]
        assert times == sorted(times)
        assert all(midnight <= one < midnight + timedelta(days=1) for one in times)


def test_the_truth_counts_the_records(day: tuple[Path, Truth]) -> None:
    """Lines of the services' files are the records of the truth and the damaged lines."""
    folder, truth = day
    lines = sum(len(path.read_bytes().splitlines()) for path in jsonl(folder))
    [rejects] = [one for one in truth["incidents"] if one["kind"] == "rejects"]
    assert lines == truth["records"]["services"] + rejects["lines"]
    assert len((folder / "nginx.access.log").read_text().splitlines()) == truth["records"]["nginx"]


def test_the_damage_stands_where_the_truth_says(day: tuple[Path, Truth]) -> None:
    """Exactly the lines at the bytes of the truth are no records; one record holds a byte that is not UTF-8."""
    folder, truth = day
    [rejects] = [one for one in truth["incidents"] if one["kind"] == "rejects"]
    bad, invalid, position = [], [], 0
    for line in (folder / DAMAGED).read_bytes().splitlines(keepends=True):
        try:
            json.loads(line.decode("utf-8", "replace"))
        except ValueError:
            bad.append(position)
        if b"\xf6" in line:
            invalid.append(position)
        position += len(line)
    assert bad == sorted([*rejects["torn"], *rejects["fused"], *rejects["foreign"]])
    assert len(bad) == rejects["lines"]
    assert invalid == rejects["invalid_utf8"]


def test_incidents_lie_in_the_day_and_in_order(day: tuple[Path, Truth]) -> None:
    """One incident of each kind, each with its onset inside the day."""
    incidents = day[1]["incidents"]
    onsets = [datetime.fromisoformat(one["started_at"]) for one in incidents]
    assert onsets == sorted(onsets)
    assert {one.date().isoformat() for one in onsets} == {day[1]["date"]}
    assert all(one["ended_at"] is None or one["ended_at"] > one["started_at"] for one in incidents)
    assert {one["kind"] for one in incidents} == {
        "error_spike", "slow_query", "latency_trend", "latency_shift", "new_pattern", "silence", "rejects",
    }  # fmt: skip
    assert len(incidents) == 7


def incident(truth: Truth, kind: str) -> tuple[datetime, datetime]:
    """Beginning and end."""
    [one] = [one for one in truth["incidents"] if one["kind"] == kind]
    end = one["ended_at"] or "9999-01-01T00:00:00+00:00"
    return datetime.fromisoformat(one["started_at"]), datetime.fromisoformat(end)


def test_the_worker_is_silent_while_it_is_down(day: tuple[Path, Truth]) -> None:
    """No record of any stream in the outage, a steady heartbeat around it."""
    start, end = incident(day[1], "silence")
    times = [at(one) for one in records(day[0]) if one["service"] == "shop-worker"]
    assert not [one for one in times if start <= one < end]
    assert min(abs(one - start) for one in times) < timedelta(seconds=20)
    assert min(abs(one - end) for one in times) < timedelta(seconds=20)


def test_the_new_exception_is_new_and_first_seen_at_its_onset(day: tuple[Path, Truth]) -> None:
    """It never came before; all other exceptions came in the first hour."""
    start, _ = incident(day[1], "new_pattern")
    first: dict[str, datetime] = {}
    for one in records(day[0]):
        if "exception_type" in one:
            first[one["exception_type"]] = min(at(one), first.get(one["exception_type"], at(one)))
    assert timedelta() <= first.pop("shop.tax.TaxRateMissing") - start < timedelta(seconds=5)
    assert len(first) >= 5
    assert max(first.values()) < datetime.fromisoformat(day[1]["date"]).replace(tzinfo=UTC) + timedelta(hours=1)


def test_the_query_takes_ten_times_as_long_without_its_index(day: tuple[Path, Truth]) -> None:
    """By the medians of before and after; other queries stay as they were."""
    start, _ = incident(day[1], "slow_query")
    slower, others = (
        [one for one in records(day[0]) if one.get("db_statement", "").startswith(beginning)]
        for beginning in ("SELECT id, product_id", "UPDATE stock")
    )
    assert 7 < median_ms(slower, start, after=True) / median_ms(slower, start, after=False) < 13
    assert 0.8 < median_ms(others, start, after=True) / median_ms(others, start, after=False) < 1.25


def median_ms(queries: list[dict[str, Any]], moment: datetime, *, after: bool) -> float:
    return statistics.median(float(one["duration_ms"]) for one in queries if (at(one) >= moment) is after)


def test_the_version_changes_with_the_deployment(day: tuple[Path, Truth]) -> None:
    """One deployment event, the first record of the new version; no record of the old one after it."""
    start, _ = incident(day[1], "latency_shift")
    web = [one for one in records(day[0]) if one["service"] == "shop-web"]
    [deployment] = [one for one in web if one.get("event") == "deployment"]
    assert at(deployment) == start
    assert {one["version"] for one in web if at(one) < start} == {"2.7.4"}
    assert {one["version"] for one in web if at(one) >= start} == {"2.8.0"}


def test_records_have_the_keys_of_the_record_first(day: tuple[Path, Truth]) -> None:
    """What the emitter knows comes in the record's order, attributes of the shop after it."""
    for one in records(day[0]):
        known = [key for key in one if key in KEYS]
        assert known == sorted(known, key=KEYS.index) == list(one)[: len(known)]


def test_nginx_saw_the_requests_that_the_services_answered(day: tuple[Path, Truth]) -> None:
    """Server errors of the shop's own records are those of the access log."""
    lines = (day[0] / "nginx.access.log").read_text().splitlines()
    seen = Counter(int(line.split('" ')[1].split()[0]) for line in lines if " /api/" not in line)
    answered = Counter(
        one["http_status"]
        for one in records(day[0])
        if one.get("event") == "http_request" and one["service"] == "shop-web"
    )
    assert seen == answered
    assert seen[502] > 0
