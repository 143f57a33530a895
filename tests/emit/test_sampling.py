"""Sampling: what is never left out, what is left out together, and that it is told."""

import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from loguru import logger as loguru_logger

from logpipe import Logging, get_logger, log_business_event, log_context, log_performance
from logpipe.testing import capture

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, object]]]
Clock = SimpleNamespace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of sampling, which passes when a test says so."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("logpipe.emit.sampling.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def numbers_without_gap(records: list[dict[str, object]]) -> bool:
    """Whether the records of each instance are numbered from 1 on, none left out."""
    counts = Counter(record["instance"] for record in records)
    wanted = {(instance, number) for instance, count in counts.items() for number in range(1, count + 1)}
    return {(record["instance"], record["seq"]) for record in records} == wanted


def test_errors_and_business_are_never_sampled(start: Start, written: Written) -> None:
    """Whatever rule would hit them."""
    levels = dict.fromkeys(("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), 0.0)
    start(sample={**levels, "shop": 0, "logpipe": 0, "logpipe.business": 0})
    for level in (10, 20, 30, 40, 50):
        get_logger("shop.cart").log(level, "m")
        loguru_logger.log(level, "m") if level > 30 else None
    log_business_event("sold")
    log_performance("query", 1)
    records = written()
    assert Counter(record["level"] for record in records) == {"ERROR": 2, "CRITICAL": 2, "INFO": 2}
    assert {record.get("event") for record in records if record["level"] == "INFO"} == {"sold", "query"}


def test_performance_is_sampled_by_its_own_name_only(start: Start, written: Written) -> None:
    """Somebody counts on these records: only who names them gets fewer."""
    start(sample={"logpipe.performance": 0.0})
    log_performance("query", 1)
    assert written("performance") == []


@pytest.mark.parametrize(
    ("logger", "level", "is_written"),
    [
        ("a", 10, False),
        ("a", 20, True),
        ("cache", 20, False),
        ("cache.redis", 30, False),
        ("cached", 20, True),
        ("cache.loud", 20, True),
        ("cache.loud.er", 10, True),
        ("http", 20, False),
        ("http", 30, True),
    ],
)
def test_the_rule_that_says_most_wins(
    start: Start, written: Written, logger: str, level: int, is_written: bool
) -> None:
    """The longest name of a logger, with its level before without, and the level alone last."""
    start(level="DEBUG", sample="debug=0, cache=0, cache.loud=1, http@info=0, http=1")
    get_logger(logger).log(level, "m")
    assert bool(written()) == is_written
    assert all("sample_rate" not in record for record in written())


def test_a_kept_record_tells_its_rate(start: Start, written: Written) -> None:
    """So that counts can be scaled; a field of the caller's with that name stays, under another."""
    start(sample="INFO=0.25").flush()
    for _ in range(2000):
        get_logger("a").info("m", extra={"sample_rate": "mine"})
    kept = written()
    assert 300 < len(kept) < 700
    assert {(record["sample_rate"], record["sample_rate_"]) for record in kept} == {(0.25, "mine")}
    assert numbers_without_gap(kept)


def test_what_was_left_out_is_told_once_a_minute_and_at_the_end(start: Start, written: Written, clock: Clock) -> None:
    """By logger and level; together with what was written it is what was logged."""
    installed = start(level="DEBUG", sample="DEBUG=0.5,cache=0")
    for _ in range(100):
        get_logger("a").debug("m")
        get_logger("cache").info("m")
    clock.now += 59
    get_logger("cache").info("m")
    get_logger("a").info("too early")
    assert "logpipe.sampled" not in {record.get("event") for record in written()}
    clock.now += 2
    get_logger("a").info("a minute later")
    (told,) = [record for record in written() if record.get("event") == "logpipe.sampled"]
    kept = sum(record["message"] == "m" for record in written())
    assert told["kinds"] == {"cache INFO": 101, "a DEBUG": 100 - kept}
    assert (told["count"], told["level"], told["logger"]) == (201 - kept, "INFO", "logpipe")
    get_logger("cache").info("m")
    installed.close()
    assert [record["count"] for record in written() if record.get("event") == "logpipe.sampled"][1:] == [1]
    assert numbers_without_gap(written())


def test_a_thousand_kinds_are_told_apart(start: Start, written: Written) -> None:
    """Who makes a logger for each request fills no memory, and all that was left out is counted still."""
    installed = start(sample="INFO=0")
    for number in range(1010):
        get_logger().handle(logging.makeLogRecord({"name": f"logger {number}", "levelno": logging.INFO, "msg": "m"}))
    installed.flush()
    (told,) = written()
    assert isinstance(told["kinds"], dict)
    assert (told["count"], len(told["kinds"]), told["kinds"]["others"]) == (1010, 1001, 10)


@pytest.mark.parametrize("field", ["request_id", "trace_id"])
def test_records_of_a_request_are_kept_or_left_out_together(start: Start, written: Written, field: str) -> None:
    """By the key, or by the trace where there is no key."""
    start(sample="INFO=0.5")
    for number in range(200):
        with log_context(**{field: f"r{number}"}):
            get_logger("a").info("first")
            get_logger("b").info("second")
    counts = Counter(record[field] for record in written())
    assert set(counts.values()) == {2}
    assert 60 < len(counts) < 140


def test_all_processes_decide_alike(start: Start, written: Written, tmp_path: Path) -> None:
    """Also one that is not a child, with another seed for hashes."""
    program = """
import sys
from logpipe import get_logger, setup_logging
setup_logging(service=sys.argv[1], log_dir=sys.argv[2], console=False, sample={"INFO": 0.3}, sample_key="job")
for number in range(100):
    get_logger("a").info("m", extra={"job": number})
"""
    jobs = []
    for seed in ("1", "2"):
        environ = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", program, f"s{seed}", tmp_path], check=True, env=environ)
        jobs.append([record["job"] for record in written(service=f"s{seed}") if "job" in record])
    assert jobs[0] == jobs[1]
    assert 10 < len(jobs[0]) < 60


def test_a_lower_rate_keeps_some_of_what_a_higher_one_keeps(start: Start, written: Written) -> None:
    """Services with different rates keep the same requests whole, as many as the lowest has."""
    start(sample="few=0.2,many=0.6")
    for number in range(300):
        with log_context(request_id=number):
            get_logger("few").info("m")
            get_logger("many").info("m")
    kept: dict[object, set[object]] = {"few": set(), "many": set()}
    for record in written():
        kept[record["logger"]].add(record["request_id"])
    assert kept["few"] < kept["many"]


def test_a_child_tells_only_what_it_left_out_itself(
    start: Start, written: Written, forked: Callable[[Callable[[], object]], int]
) -> None:
    """And the parent what it did."""
    installed = start(sample="INFO=0")

    def child() -> None:
        get_logger("a").info("m")
        installed.flush()

    for _ in range(3):
        get_logger("a").info("m")
    forked(child)
    installed.flush()
    told = {record["process"] == os.getpid(): record["count"] for record in written()}
    assert told == {True: 3, False: 1}


def test_loguru_is_sampled_by_the_same_rules(start: Start, written: Written) -> None:
    """Its logger is the module that logs."""
    start(level="DEBUG", sample={"DEBUG": 0})
    loguru_logger.debug("left out")
    loguru_logger.info("written")
    assert [record["message"] for record in written()] == ["written"]


def test_captured_records_are_not_sampled(start: Start) -> None:
    """A test sees what the code under test logs."""
    start(sample={"INFO": 0})
    with capture() as logged:
        get_logger("a").info("m")
    assert logged.messages == ["m"]


def test_the_front_end_makes_no_difference(start: Start, written: Written) -> None:
    """Nor does where a record has the key from, or its type."""
    start(sample="INFO=0.5")
    for number in range(100):
        with log_context(request_id=str(number)):
            get_logger("context").info("m")
            loguru_logger.info("m")
        get_logger("extra").info("m", extra={"request_id": str(number)})
        get_logger("number").info("m", extra={"request_id": number})
        with log_context(request_id=f"another {number}"):
            get_logger("dict").info({"message": "m", "request_id": number})
    kept: dict[object, set[object]] = {}
    for record in written():
        kept.setdefault(record["logger"], set()).add(record["request_id"])
    assert len(kept) == 5
    assert len({frozenset(ids) for ids in kept.values()}) == 1
