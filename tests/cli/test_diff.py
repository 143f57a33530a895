"""`logpipe diff`, as it is called."""

from pathlib import Path

import orjson
import pytest

from logpipe.store import Store, rollup
from tests.commands import call


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hours of two services; for ten minutes every third record of one is refused, with a hostile message."""
    path = tmp_path_factory.mktemp("store") / "logs.duckdb"
    with Store.open(path) as store, store.transaction() as connection:
        connection.execute(
            """
            INSERT INTO events (ts, service, severity, level, message, source_id, source_pos, bytes)
            SELECT ts, if(i % 2 = 0, 'shop', 'mail'), if(failed, 17, 9), if(failed, 'ERROR', 'INFO'),
                if(failed, 'no \x1b[31mstock', 'sold'), 7, i * 100, 100
            FROM (SELECT i, TIMESTAMPTZ '2026-01-05 00:00:00Z' + i * INTERVAL 1 SECOND AS ts,
                    i BETWEEN 9000 AND 9599 AND i % 6 = 0 AS failed
                FROM range(14400) AS numbers(i))
            """
        )
        rollup.roll_up(connection, "events")
        connection.execute("INSERT INTO ledger VALUES (1, 7, 0, 1440000, 14400, 14400, 0, 0, 0, 0, 0, '', '', now())")
        connection.execute(
            "INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, state, "
            "first_seen_at) VALUES (7, 'logs/shop.jsonl', 'shop', 1, 0, '', 'logpipe', 'shop', 'UTC', 'active', now())"
        )
    return path


def test_a_stretch_against_the_time_before_it(database: Path) -> None:
    """What only it has is told with both counts, and cannot write to the terminal."""
    done = call("diff", "2026-01-05T02:30/02:40", "--db", str(database))
    assert done.returncode == 0, done.stderr
    assert "A  2026-01-05 02:30:00 to 2026-01-05 02:40:00 (10 min): 600 events, 60 a minute" in done.stdout
    assert "B  2026-01-05 01:30:00 to 2026-01-05 02:30:00 (60 min): 3,600 events, 60 a minute" in done.stdout
    assert "only A      message no \N{REPLACEMENT CHARACTER}[" in done.stdout
    assert "100 events, 17 % of A" in done.stdout
    assert "the same events: level ERROR" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_finding_stands_for_its_stretch_and_service(database: Path) -> None:
    """Its id in place of two times; with --all-services of everything."""
    [found] = [orjson.loads(line) for line in call("analyze", "--json", "--db", str(database)).stdout.splitlines()]
    own = call("diff", found["finding_id"], "--db", str(database))
    assert "of shop looked at" in own.stdout
    assert "100 events, 33 % of A" in own.stdout
    every = call("diff", found["finding_id"], "--all-services", "--db", str(database))
    assert "100 events, 17 % of A" in every.stdout
    assert call("diff", f"i{found['finding_id']}", "--db", str(database)).stdout == own.stdout


def test_a_length_is_the_time_before_the_other_stretch(database: Path) -> None:
    """The last hour against the two before it."""
    done = call("diff", "1h", "2h", "--db", str(database))
    assert "B  2026-01-05 01:00:00 to 2026-01-05 03:00:00 (2 h): 7,200 events" in done.stdout


def test_nothing_on_one_side_is_not_no_difference(database: Path) -> None:
    """A note says which side is empty."""
    done = call("diff", "1h", "--service", "nonesuch", "--db", str(database))
    assert "No difference" not in done.stdout
    assert "nothing to compare" in done.stderr


def test_json_has_one_difference_a_line(database: Path) -> None:
    """With its values, rows, shares and interval."""
    done = call("diff", "02:30/02:40", "01:00/02:00", "--json", "--service", "shop", "--db", str(database))
    [one] = [orjson.loads(line) for line in done.stdout.splitlines() if orjson.loads(line)["what"] == "share"]
    assert (one["more_in_a"], one["rows"], one["certain"]) == (True, [100, 0], True)
    assert one["low"] < one["ratio"] < one["high"]


def test_nothing_different_is_said(database: Path) -> None:
    """Two quiet hours."""
    done = call("diff", "00:00/01:00", "01:00/02:00", "--db", str(database))
    assert done.returncode == 0
    assert "No difference that is more than chance" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["nonesuch"], 2, "or the id of a finding"),
        (["02:00/01:00"], 2, "is not a stretch of time"),
        (["02:00/03:00", "02:30/04:00"], 1, "the two ranges overlap"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(database: Path, words: list[str], code: int, sentence: str) -> None:
    """The exit code, the value and the remedy."""
    done = call("diff", *words, "--db", str(database))
    assert done.returncode == code
    assert sentence in " ".join(done.stderr.replace("│", " ").split())
