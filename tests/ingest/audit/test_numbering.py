"""What the numbers of emitted files say: whole, cut, repeated, swapped, dropped, rotated, removed, not read yet."""

import json
import logging
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from logpipe import Logging, get_logger, log_business_event, log_performance, setup_logging
from logpipe.ingest.audit.numbering import Numbering, Process
from logpipe.ingest.audit.verify import verify
from logpipe.store import Store
from logpipe.store.retention import Policy, retain
from tests.commands import Done
from tests.ingest.logs import Take

Start = Callable[..., Logging]


@pytest.fixture
def start(logs: Path) -> Iterator[Start]:
    """The shop's logging, into the folder that is ingested."""
    started: list[Logging] = []

    def setup(**settings: object) -> Logging:
        given = {"service": "shop", "log_dir": logs, "console": False, "loguru": False, "level": "DEBUG"} | settings
        started.append(setup_logging(**given))  # type: ignore[arg-type] # named by the tests
        return started[-1]

    yield setup
    for one in reversed(started):
        one.close()


@pytest.fixture
def shop(start: Start) -> dict[str, Path]:
    """The files of a process that wrote forty numbers: of each ten 7 to app, and one to each of the other streams."""
    installed = start()
    for number in range(1, 41):
        match number % 10:
            case 3:
                log_performance("database_query", duration_ms=number)
            case 5:
                get_logger("shop").error("number %d", number)
            case 7:
                log_business_event("order_placed", number=number)
            case _:
                get_logger("shop").info("number %d", number)
    installed.close()
    return installed.paths


@pytest.fixture
def check(store: Store, take: Take) -> Callable[[], Numbering]:
    """Ingests the folder, and gives what the numbers say."""

    def ingest_and_check() -> Numbering:
        take()
        verdict = verify(store)
        assert verdict.problems == ()
        return verdict.numbering

    return ingest_and_check


Check = Callable[[], Numbering]


def only(numbering: Numbering) -> Process:
    """The one process that has anything to tell."""
    [process] = numbering.troubled
    assert process.absent == process.told + process.undecided + process.missing
    return process


def edit(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Lines changed by hand."""
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def test_whole_files_have_nothing_to_tell(shop: dict[str, Path], check: Check) -> None:
    """Though each file alone holds every few numbers only."""
    found = check()
    assert (found.processes, found.records, found.absent, found.troubled) == (1, 40, 0, ())


def test_lines_removed_by_hand_are_missing(shop: dict[str, Path], check: Check, store: Store) -> None:
    """Between which records, by file and byte; of any stream, and the first ones too."""
    edit(shop["app"], lambda lines: lines[1:4] + lines[6:])  # numbers 1, 8 and 9
    edit(shop["business"], lambda lines: lines[1:])  # and 7
    process = only(check())
    assert (process.missing, process.undecided, process.highest, process.records) == (4, 0, 40, 36)
    assert [(hole.first, hole.last, hole.decided) for hole in process.holes] == [(1, 1, True), (7, 9, True)]
    assert process.holes[0].previous is None
    previous, following = process.holes[1].previous, process.holes[1].next
    assert previous is not None
    assert following is not None
    for place, seq in ((previous, 6), (following, 10)):
        with Path(place.path).open("rb") as file:
            file.seek(place.source_pos)
            assert json.loads(file.readline())["seq"] == seq
    assert (process.service, process.process) == ("shop", os.getpid())


def test_numbers_past_a_block_are_counted(start: Start, check: Check) -> None:
    """Runs that begin, end, or lie at the borders of the blocks in which numbers are counted."""
    installed = start()
    for _ in range(1000):
        get_logger().info("record")
    installed.close()
    gone = {1, 64, 65, 127, *range(193, 257), *range(300, 500), 640, 999}
    edit(installed.paths["app"], lambda lines: [line for line in lines if json.loads(line)["seq"] not in gone])
    process = only(check())
    assert (process.absent, process.missing) == (len(gone), len(gone))
    runs = [(hole.first, hole.last) for hole in process.holes]
    assert runs == [(1, 1), (64, 65), (127, 127), (193, 256), (300, 499)]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_gone_is_counted(seed: int, start: Start, check: Check) -> None:
    """Few, many, nearly all; the numbers behind the last that is left have left no trace."""
    chance = random.Random(seed)
    installed = start()
    for _ in range(700):
        get_logger().info("record")
    installed.close()
    kept = sorted(chance.sample(range(1, 701), (690, 400, 40, 3)[seed]))
    edit(installed.paths["app"], lambda lines: [line for line in lines if json.loads(line)["seq"] in set(kept)])
    process = only(check())
    runs = [(before + 1, after - 1) for before, after in pairwise([0, *kept]) if after > before + 1]
    assert process.missing == process.absent == kept[-1] - len(kept)
    assert [(hole.first, hole.last) for hole in process.holes] == runs[:5]


def test_a_line_repeated_by_hand_is_told(shop: dict[str, Path], check: Check) -> None:
    """With both places; nothing is missing for it."""
    edit(shop["app"], lambda lines: [*lines, lines[3]])
    process = only(check())
    assert (process.repeated, process.absent, process.reordered) == (1, 0, 1)
    [repeat] = process.repeats
    assert (repeat.seq, repeat.rows) == (6, 2)
    assert repeat.first is not None
    assert repeat.last is not None
    assert repeat.first.source_pos < repeat.last.source_pos


def test_a_repeat_does_not_hide_a_loss(shop: dict[str, Path], check: Check) -> None:
    """As many rows as numbers, and yet one is missing."""
    edit(shop["app"], lambda lines: [*lines[:2], lines[3], *lines[3:]])
    process = only(check())
    assert (process.records, process.repeated, process.missing) == (40, 1, 1)


def test_lines_that_were_swapped_are_out_of_order(shop: dict[str, Path], check: Check) -> None:
    """Within one file; between the files of streams there is no order."""
    edit(shop["app"], lambda lines: [lines[0], lines[2], lines[1], *lines[3:]])
    process = only(check())
    assert (process.reordered, process.absent, process.repeated) == (1, 0, 0)
    [reordering] = process.reorderings
    assert (reordering.seq, reordering.behind) == (2, 4)


FULL = """
import resource, sys
from logpipe import get_logger, log_performance, setup_logging
logging = setup_logging(service="shop", log_dir=sys.argv[1], console=False, loguru=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
for number in range(100):
    get_logger().info("%s", "x" * number)
    log_performance("database_query", duration_ms=number)
logging.flush()
logging.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
get_logger().info("there is room")
logging.flush()
"""


def fill(logs: Path) -> list[Path]:
    """The files of a process that for a while had no room, and whose first reports of that had none either."""
    done = subprocess.run([sys.executable, "-c", FULL, str(logs)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return sorted((logs / "shop").glob("*.jsonl"))


def test_what_the_emitter_dropped_is_told_and_not_missing(logs: Path, check: Check) -> None:
    """To the number, also of reports that had no room themselves."""
    fill(logs)
    process = only(check())
    assert process.told == process.absent > 50
    assert (process.missing, process.undecided) == (0, 0)
    drop = process.drops[-1]
    assert "file too large" in drop.reason
    assert sum(drop.numbers for drop in process.drops) == process.told > sum(drop.count for drop in process.drops)


def test_a_loss_beside_drops_is_missing(logs: Path, check: Check) -> None:
    """What was told does not cover it."""
    app = fill(logs)[0]
    edit(app, lambda lines: lines[:3] + lines[5:])
    process = only(check())
    assert (process.missing, process.absent - process.told) == (2, 2)


ENDLESS = """
import sys
from logpipe import get_logger, setup_logging
class Endless:
    def __str__(self):
        get_logger().info("again %s", self)
        return "endless"
logging = setup_logging(service="shop", log_dir=sys.argv[1], console=False, loguru=False)
get_logger().info("%s", Endless())
logging.flush()
"""


def test_a_value_that_logs_while_it_is_logged_took_no_number(logs: Path, check: Check) -> None:
    """Such drops are told without a number, and so cover no loss."""
    subprocess.run([sys.executable, "-c", ENDLESS, str(logs)], check=True)
    assert b"logpipe.dropped" in (logs / "shop" / "app.jsonl").read_bytes()
    edit(logs / "shop" / "app.jsonl", lambda lines: lines[1:])
    process = only(check())
    assert (process.absent, process.missing, process.drops[0].numbers) == (1, 1, 0)


UNBUILT = """
import logging, sys
from logpipe import get_logger, setup_logging
class Undecided:
    def __bool__(self):
        raise ValueError("undecided")
setup_logging(service="shop", log_dir=sys.argv[1], console=False, loguru=False,
    repeat_limit=int(sys.argv[2]) or None)
get_logger().info("first")
get_logger().info("second")
get_logger().handle(logging.makeLogRecord({"levelno": 20, "msg": "m", "exc_info": Undecided()}))
"""


@pytest.mark.parametrize("repeat_limit", ["0", "9"])
def test_a_record_that_could_not_be_built_took_no_number(logs: Path, check: Check, repeat_limit: str) -> None:
    """What stands in for it covers no loss."""
    subprocess.run([sys.executable, "-c", UNBUILT, str(logs), repeat_limit], check=True)
    app = logs / "shop" / "app.jsonl"
    assert b"logpipe.unrenderable" in app.read_bytes()
    edit(app, lambda lines: lines[:1] + lines[2:])
    process = only(check())
    assert (process.absent, process.missing, process.told) == (1, 1, 0)


def test_stand_ins_that_say_nothing_of_a_number_replace_none(logs: Path, check: Check) -> None:
    """As those of earlier versions."""
    subprocess.run([sys.executable, "-c", UNBUILT, str(logs), "0"], check=True)
    without = b',"numbers":0'
    edit(logs / "shop" / "app.jsonl", lambda lines: [lines[0], *(line.replace(without, b"") for line in lines[2:])])
    process = only(check())
    assert (process.missing, process.told) == (1, 0)


def test_rotated_and_compressed_files_are_whole(start: Start, check: Check) -> None:
    """Whatever file a number went to."""
    installed = start(max_bytes=4096)
    for number in range(150):
        get_logger().info("number %d", number)
        if number % 3 == 0:
            log_performance("database_query", duration_ms=number)
    installed.close()
    folder = installed.paths["app"].parent
    assert len(list(folder.glob("app.*.jsonl.gz"))) > 5
    found = check()
    assert (found.records, found.absent, found.repeated) == (200, 0, 0)


def test_a_rotated_file_that_was_deleted_may_have_been_the_emitters_retention(start: Start, check: Check) -> None:
    """The oldest; one in the middle was not."""
    installed = start(max_bytes=4096)
    for number in range(150):
        get_logger().info("number %d", number)
    log_performance("database_query", duration_ms=1)
    installed.close()
    rotated = sorted(installed.paths["app"].parent.glob("app.*.jsonl.gz"))
    rotated[0].unlink()
    rotated[4].unlink()
    process = only(check())
    assert process.undecided > 5
    assert process.missing > 5
    assert any("older files of app" in doubt for doubt in process.doubts)
    assert [hole.decided for hole in process.holes] == [True, False]


@pytest.mark.parametrize("stream", ["app", "performance"])
def test_a_stream_that_was_not_ingested_is_no_loss(
    stream: str, shop: dict[str, Path], take: Take, store: Store
) -> None:
    """It is said which file that is; once it was, nothing is absent."""
    take(*(path for name, path in shop.items() if name != stream))
    process = only(verify(store).numbering)
    assert (process.missing, process.undecided) == (0, process.absent)
    assert process.doubts == (f"{shop[stream]} was not ingested, or not since it was compressed",)
    take()
    assert verify(store).numbering.absent == 0


def test_a_folder_that_cannot_be_seen_leaves_it_open(shop: dict[str, Path], take: Take, store: Store) -> None:
    """The stream that is not in the store may have been written elsewhere."""
    take(shop["app"], shop["error"], shop["business"])
    shop["app"].parent.rename(shop["app"].parent.with_name("away"))
    process = only(verify(store).numbering)
    assert (process.missing, process.undecided) == (0, 4)
    assert "nothing of the stream performance was ingested" in process.doubts


def test_what_stands_behind_the_place_read_is_no_loss(shop: dict[str, Path], take: Take, store: Store) -> None:
    """Of a file that another one overtook; what is absent before that time is."""
    whole = shop["performance"].read_bytes()
    edit(shop["performance"], lambda lines: lines[:2])  # the numbers 3 and 13
    edit(shop["app"], lambda lines: lines[:1] + lines[2:])  # number 2 is lost
    take()
    shop["performance"].write_bytes(whole)
    process = only(verify(store).numbering)
    assert (process.missing, process.undecided) == (1, 2)
    assert process.doubts == (f"{shop['performance']} was not read to its end",)


def test_what_retention_removed_is_no_loss(shop: dict[str, Path], check: Check, store: Store) -> None:
    """A level here; what is absent afterwards is."""
    check()
    for _ in retain(store, Policy(levels={"INFO": timedelta(0)}), datetime.now(UTC) + timedelta(minutes=2)):
        pass
    process = only(verify(store).numbering)
    assert (process.missing, process.undecided) == (0, process.absent)
    assert (process.highest, process.records, process.absent) == (35, 4, 31)
    assert "retention has removed events" in process.doubts


def test_a_rejected_line_may_be_the_one_that_is_absent(shop: dict[str, Path], check: Check) -> None:
    """Of three, two then are missing."""
    edit(shop["app"], lambda lines: [*lines[:2], b'{"torn": \n', *lines[5:]])
    process = only(check())
    assert (process.absent, process.missing, process.undecided) == (3, 2, 1)
    assert process.doubts == ("lines of its files were rejected: 1",)


def test_other_logs_have_no_numbers(logs: Path, check: Check) -> None:
    """Neither text, nor JSON that calls something else `instance` and `seq`."""
    (logs / "other.jsonl").write_text(
        "".join(
            json.dumps(
                {"timestamp": f"2026-03-12T10:00:0{n}Z", "level": "INFO", "instance": "10.0.0.1:80", "seq": n * 7}
            )
            + "\n"
            for n in range(5)
        )
    )
    (logs / "plain.log").write_text("2026-03-12 10:00:00 INFO hello\n")
    found = check()
    assert (found.processes, found.records, found.troubled) == (0, 0, ())


def test_a_formatters_lines_claim_nothing(logs: Path, check: Check) -> None:
    """What it numbered may have gone to another of its handlers."""
    from logpipe import JsonFormatter

    formatter = JsonFormatter(service="shop")
    records = [logging.LogRecord("shop", logging.INFO, __file__, 1, "number %d", (n,), None) for n in range(10)]
    lines = [formatter.format(record) for record in records]
    (logs / "web.jsonl").write_text("\n".join(lines[:4] + lines[6:]) + "\n")
    process = only(check())
    assert (process.missing, process.undecided) == (0, 2)
    assert process.doubts == ("no file of setup_logging holds any of its records",)


def test_each_process_is_told_by_itself(logs: Path, check: Check) -> None:
    """With its own numbers from 1, though they share the files."""
    code = (
        "import sys\nfrom logpipe import get_logger, setup_logging\n"
        "setup_logging(service='shop', log_dir=sys.argv[1], console=False, loguru=False)\n"
        "for number in range(50): get_logger().info('number %d', number)\n"
    )
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code, str(logs)], check=True)
    edit(logs / "shop" / "app.jsonl", lambda lines: lines[:60] + lines[61:])
    found = check()
    assert (found.processes, found.records, found.missing) == (3, 149, 1)
    assert only(found).holes[0].first == 11


def test_verify_says_it_in_words(
    shop: dict[str, Path], logpipe: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, and exit code 1 only where it was asked for."""
    monkeypatch.chdir(tmp_path)
    edit(shop["app"], lambda lines: lines[:1] + lines[2:])
    logpipe("ingest", "logs", "--db", "x.duckdb", folder=tmp_path)
    done = logpipe("verify", "--db", "x.duckdb", folder=tmp_path)
    assert done.returncode == 0
    assert (
        "at least 1 number is in no file that was ingested; absent: 2, the first between logs/shop/app.jsonl:0"
        in done.stderr
    )
    assert (
        "39 records numbered by 1 process: 1 number absent = 1 missing + 0 told by the emitter + 0 undecided"
        in done.stderr
    )
    assert logpipe("verify", "--db", "x.duckdb", "--strict", folder=tmp_path).returncode == 1
    told = json.loads(logpipe("verify", "--db", "x.duckdb", "--json", folder=tmp_path).stdout)["numbering"]
    assert (told["missing"], told["troubled"][0]["holes"][0]["first"]) == (1, 2)
    assert told["troubled"][0]["holes"][0]["previous"]["source_pos"] == 0


def test_strict_is_content_with_what_is_not_lost(
    shop: dict[str, Path], logpipe: Callable[..., Done], tmp_path: Path
) -> None:
    """Order, and what may yet come."""
    edit(shop["app"], lambda lines: [lines[0], lines[2], lines[1], *lines[3:]])
    logpipe("ingest", "logs/shop/app.jsonl", "--db", "x.duckdb", folder=tmp_path)
    done = logpipe("verify", "--db", "x.duckdb", "--strict", folder=tmp_path)
    assert done.returncode == 0
    assert "absent, which need not be a loss" in done.stderr
    assert "1 record stands behind a later one in their file" in done.stderr


def test_it_is_the_same_of_a_database_that_another_process_has(shop: dict[str, Path], take: Take, store: Store) -> None:
    """Which then runs the statements."""
    edit(shop["app"], lambda lines: [*lines[:1], *lines[2:], lines[4]])
    take()
    expected = verify(store).numbering
    store.share()
    command = [sys.executable, "-m", "logpipe", "verify", "--db", store.url, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["numbering"]
    assert (told["missing"], told["repeated"]) == (expected.missing, expected.repeated) == (1, 1)
    assert [hole["first"] for hole in told["troubled"][0]["holes"]] == [2]
