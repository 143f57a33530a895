"""Shipping to Loki: each line that it takes is there once, each that it refuses is written down, whatever it does."""

import json
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from logpipe.errors import LogpipeError, SettingError
from logpipe.store import Store
from logpipe_shippers.delivery.backoff import Backoff
from logpipe_shippers.delivery.run import run
from logpipe_shippers.delivery.secrets import Secret
from logpipe_shippers.delivery.shipper import Refusal
from logpipe_shippers.loki import LokiSettings, LokiShipper, lines, streams
from tests.shippers.loki_receiver import Loki, serving
from tests.shippers.loki_stores import NOW, add, add_many
from tests.stores import new_store, passing_store

HOUR = timedelta(hours=1)
EVER = datetime(1, 1, 2, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Path]:
    """Kept open here, so that to open it for each batch and each question costs next to nothing."""
    path = tmp_path / "logs.duckdb"
    with new_store(path):
        yield path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are as in life, but a thousand times as short."""
    failed = Backoff.failed
    monkeypatch.setattr(Backoff, "failed", lambda self, asked_s=None: failed(self, asked_s) / 1000)


@pytest.fixture
def loki() -> Iterator[Loki]:
    with serving(Loki()) as loki:
        yield loki


def ship(db: Path, loki: Loki, **changes: Any) -> list[LogpipeError]:
    """What there is, by a target that is made anew."""
    shipper = LokiShipper("main", LokiSettings(**({"url": loki.url} | changes)))
    return run([shipper], str(db), follow=False)


def refused(db: Path) -> list[tuple[int, str]]:
    with Store.open(db) as store:
        return store.execute("SELECT source_pos, reason FROM refusals ORDER BY ALL")


def counts(db: Path) -> tuple[int, int]:
    with Store.open(db) as store:
        [found] = store.execute("SELECT accepted, refused FROM shipping")
    return found[0], found[1]


def test_a_request_beyond_the_burst_is_made_smaller(db: Path, loki: Loki, caplog: pytest.LogCaptureFixture) -> None:
    """It would meet a 429 for ever; later requests are small at once."""
    with Store.open(db) as store:
        add_many(store, 800, since=NOW - HOUR, step=timedelta(seconds=1), message="repeat('x', 1000) || n")
    loki.burst_bytes = 300_000
    assert ship(db, loki, batch_events=400) == []
    assert (len(loki.lines), counts(db)) == (800, (800, 0))
    assert loki.statuses.count(429) < 10
    assert "from now on they have" in caplog.text


@pytest.mark.parametrize("kind", ["protobuf", "json"])
def test_a_line_arrives_with_its_labels_time_and_metadata(db: Path, loki: Loki, kind: str) -> None:
    """The same in both formats, decoded by the published definitions."""
    at = NOW - timedelta(minutes=3, microseconds=-7)
    row = {
        "ts": at,
        "environment": 'p"r\\o\nd',
        "stream": "app",
        "level": "ERROR",
        "message": 'said "no"\n\x01\té😀',
        "duration_ms": 12.5,
        "attributes": '{"cart": {"items": [1]}, "note": "a\\"b\\u0000c"}',
    }
    with Store.open(db) as store:
        add(store, row)
    assert ship(db, loki, format=kind) == []
    [((stream, ns, line), metadata)] = loki.lines.items()
    assert stream == (
        '{"deployment_environment_name": "p\\"r\\\\o\\nd", "logpipe_stream": "app", "service_name": "web"}'
    )
    assert ns == (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    assert line == row["message"]
    assert metadata == {
        "level": "ERROR",
        "duration_ms": "12.5",
        "source_id": "1",
        "source_pos": "0",
        "cart": '{"items":[1]}',
        "note": 'a"b\0c',
    }
    expected = ("application/json", "gzip") if kind == "json" else ("application/x-protobuf", "")
    assert loki.kinds == {expected}


def test_everything_arrives_once_in_bodies_that_are_small_enough(db: Path, loki: Loki) -> None:
    """Through several batches and bodies, of several sources; a second run sends nothing."""
    with Store.open(db) as store:
        for source_id in (1, 2):
            add_many(
                store,
                500,
                source_id=source_id,
                since=NOW - HOUR,
                step=timedelta(seconds=1),
                message=f"'{source_id} ' || n",
            )
    assert ship(db, loki, batch_events=300, batch_bytes=5_000) == []
    assert sum(loki.requested_lines) == len(loki.lines) == 1000
    assert len(loki.statuses) > 15
    assert counts(db) == (1000, 0)
    assert ship(db, loki) == []
    assert sum(loki.requested_lines) == 1000


def test_repeats_stay_apart_and_are_sent_alike_each_time(db: Path, loki: Loki) -> None:
    """Also those that come later, and those that another batch sent before."""
    at = NOW - HOUR
    with Store.open(db) as store:
        add(store, *[{"ts": at, "message": "tick"}] * 3, {"ts": at, "message": "tock"})
        add(store, *[{"ts": at, "message": "tick"}] * 2, source_id=2)
    assert ship(db, loki, batch_events=2) == []
    assert loki.texts() == {"tick": 5, "tock": 1}
    with Store.open(db) as store:
        add(store, {"ts": at, "message": "tick"}, source_id=2)
        add(store, {"ts": at, "message": "tick"})
    assert ship(db, loki) == []
    first = dict(loki.lines)
    assert loki.texts() == {"tick": 7, "tock": 1}
    with Store.open(db) as store:
        store.execute("DELETE FROM shipping")
        store.execute("DELETE FROM loki_streams")
    assert ship(db, loki, batch_events=3) == []
    assert loki.lines == first


def test_what_is_read_late_is_taken_though_it_is_behind(db: Path, loki: Loki) -> None:
    """A second file of the same service, a day older: its lines go to a stream beside, in which they are in order."""
    with Store.open(db) as store:
        for source_id, days in ((1, 1), (2, 2), (3, 1)):
            add_many(
                store,
                12,
                source_id=source_id,
                since=NOW - timedelta(days=days),
                step=timedelta(minutes=29),
                message=f"'{source_id} ' || n",
            )
    assert ship(db, loki, batch_events=5) == []
    assert set(loki.statuses) == {204}
    assert len(loki.lines) == 36
    assert len({stream for stream, _, _ in loki.lines}) == 2
    before = dict(loki.lines)
    with Store.open(db) as store:
        store.execute("DELETE FROM shipping")
        store.execute("DELETE FROM loki_streams")
    assert ship(db, loki, batch_events=13) == []
    assert loki.lines == before


@pytest.mark.parametrize("minutes", [[7] * 20, [50, -30] * 10, [300, -290, 400, -30] * 5])
def test_a_batch_that_was_sent_and_not_settled_is_sent_again_without_a_refusal(
    db: Path, loki: Loki, minutes: list[int]
) -> None:
    """As after a kill; else what a stream has of the end of the batch would make its beginning too old for it."""
    ends = list(accumulate(minutes))
    begin = NOW - timedelta(minutes=max(ends))
    with Store.open(db) as store:
        add(store, *({"ts": begin + timedelta(minutes=end), "message": f"m{n}"} for n, end in enumerate(ends)))
    while len(loki.lines) < 20:
        for attempt in ("killed", "settled"):
            shipper = LokiShipper("main", LokiSettings(url=loki.url, batch_bytes=200))
            with Store.open(db) as store, closing(shipper):
                batch = shipper.take(store)
                assert batch is not None
                delivery = shipper.send(batch)
                if attempt == "settled":
                    shipper.settle(store, batch, delivery)
    assert refused(db) == []
    assert counts(db) == (20, 0)
    assert loki.texts() == {f"m{n}": 1 for n in range(20)}


def test_a_batch_of_a_rare_service_is_as_long_as_may_be(db: Path, loki: Loki) -> None:
    """However many events of others are between its own: a day's backlog would take that many batches."""
    begin = NOW - 6 * HOUR
    services = ["rare", *["web"] * 19] * 15
    with Store.open(db) as store:
        add(store, *({"ts": begin + timedelta(minutes=n), "service": name} for n, name in enumerate(services)))
        shipper = LokiShipper("main", LokiSettings(url=loki.url, services=("rare",)))
        with closing(shipper):
            batch = shipper.take(store)
    assert batch is not None
    assert batch.lines is not None
    assert len(batch.lines.rows) == 4


@pytest.mark.parametrize(
    "trouble", ["429:1", "503", "500", "408", "drop", "reset", "take", "slow", "429:Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_a_server_in_trouble_is_asked_again(db: Path, loki: Loki, trouble: str) -> None:
    """Until it takes the lines; those that it has already are there once, and no body is sent again that it took."""
    with Store.open(db) as store:
        add_many(store, 60, since=NOW - HOUR, step=timedelta(seconds=1))
    loki.troubles = ["", trouble, trouble]
    assert ship(db, loki, batch_bytes=2_000) == []
    assert loki.texts() == Counter(f"m{n}" for n in range(60))
    assert len(loki.lines) == 60
    assert sum(loki.requested_lines) <= 60 + 2 * max(loki.requested_lines)
    assert counts(db) == (60, 0)


def test_a_rate_that_is_too_high_ends_in_all_lines(db: Path, loki: Loki) -> None:
    """A limit of bytes a second is met by waiting."""
    loki.burst_bytes = 50_000
    with Store.open(db) as store:
        add_many(store, 2000, since=NOW - HOUR, step=timedelta(seconds=1))
    assert ship(db, loki, batch_bytes=15_000) == []
    assert len(loki.lines) == 2000
    assert 429 in loki.statuses


def test_a_server_that_is_not_there_loses_nothing(db: Path, loki: Loki) -> None:
    """The run gives up with an error, and the next one goes on."""
    with Store.open(db) as store:
        add(store, {})
    loki.troubles = ["503"] * 8
    [error] = ship(db, loki)
    assert "answered 503: not now" in str(error)
    assert ship(db, loki) == []
    assert len(loki.lines) == 1


def test_a_server_that_hangs_is_left_after_a_time(db: Path, loki: Loki) -> None:
    """And tried again."""
    with Store.open(db) as store:
        add(store, {})
    loki.troubles = ["hang"]
    assert ship(db, loki, timeout_s=0.3) == []
    assert len(loki.lines) == 1


def test_what_loki_would_refuse_is_not_sent_but_written_down(db: Path, loki: Loki) -> None:
    """Too old, too new, or without a time; with the reason that Loki gives. What is within its limits is taken."""
    with Store.open(db) as store:
        add(
            store,
            {"ts": NOW - timedelta(days=8)},
            {"ts": NOW - timedelta(days=6)},
            {"ts": NOW + timedelta(hours=20)},
            {"ts": NOW + timedelta(minutes=5)},
            {"ts": None},
            {"ts": "infinity"},
            {"ts": "1955-11-05T00:00:00Z"},
        )
    assert ship(db, loki, since=timedelta(days=30_000)) == []
    assert (len(loki.lines), set(loki.statuses)) == (2, {204})
    reasons = dict(refused(db))
    assert sorted(reasons) == [0, 20, 40, 50, 60]
    assert reasons[0].startswith(f"timestamp too old: {NOW - timedelta(days=8):%Y-%m-%dT%H:%M:%SZ}, oldest acceptable")
    assert reasons[20] == f"timestamp too new: {NOW + timedelta(hours=20):%Y-%m-%dT%H:%M:%SZ}"
    assert reasons[40] == reasons[50] == reasons[60] == lines.NO_TIME


def test_what_is_too_old_is_passed_over_in_few_steps(db: Path, loki: Loki) -> None:
    """However much lies between lines that are wanted, of which none is lost; a preview does the same."""
    with Store.open(db) as store:
        add(store, {"message": "first"})
        for days in range(8, 0, -1):
            add_many(store, 150, source_id=2, since=NOW - timedelta(days=days), step=timedelta(seconds=1))
        add(store, {"message": "last"}, source_id=2)
        store.execute("UPDATE events SET ts = ?, message = 'within' WHERE source_pos = 4_570", [NOW - HOUR])
        store.execute("UPDATE events SET ts = NULL WHERE source_pos = 9_120")
    settled: list[int] = []
    settings = LokiSettings(url=loki.url, since=12 * HOUR, batch_events=5)
    with Store.open(db) as store:
        previewed = [*LokiShipper("main", settings).preview(store)]
    assert sum(lines for lines, _ in previewed) == 3
    shipper = LokiShipper("main", settings)
    assert run([shipper], str(db), follow=False, told=lambda _, delivery: settled.append(delivery.accepted)) == []
    assert {line for _, _, line in loki.lines} == {"first", "within", "last"}
    assert [position for position, _ in refused(db)] == [9_120]
    assert sum(settled) == 3
    assert len(settled) < 40  # of 240 slices


def test_limits_are_settings(db: Path, loki: Loki) -> None:
    """Of a Loki that was told otherwise."""
    loki.max_age_s, loki.max_line_bytes, loki.max_metadata_entries, loki.max_metadata_bytes = 9e9, 300, 4, 300
    with Store.open(db) as store:
        add(store, {"ts": NOW - timedelta(days=300), "message": "x" * 400, "attributes": '{"a":1,"b":2,"c":3,"d":4}'})
    limits = {
        "max_age": timedelta(days=400),
        "max_line_bytes": 300,
        "max_metadata_entries": 4,
        "max_metadata_bytes": 300,
    }
    assert ship(db, loki, since=timedelta(days=400), **limits) == []
    [((_, _, line), metadata)] = loki.lines.items()
    assert line.endswith("… [cut by logpipe, 400 bytes]")
    assert metadata["logpipe_omitted_fields"] == "3"


def test_lines_that_loki_refuses_are_found_among_those_it_takes(db: Path, loki: Loki) -> None:
    """By sending halves; each is written down with Loki's words, and no other line is."""
    loki.max_line_bytes = 500
    with Store.open(db) as store:
        add_many(
            store,
            200,
            since=NOW - HOUR,
            step=timedelta(seconds=1),
            message="CASE WHEN n IN (3, 77, 78, 199) THEN repeat('x', 600) ELSE 'm' || n END",
        )
    assert ship(db, loki) == []
    assert len(loki.lines) == 196
    found = refused(db)
    assert [position for position, _ in found] == [30, 770, 780, 1990]
    assert all(reason.startswith("max entry size '500' bytes exceeded for stream") for _, reason in found)
    assert counts(db) == (196, 4)
    assert len(loki.statuses) < 60


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"max_age_s": 60.0}, "timestamp too old"),
        ({"max_ahead_s": -9e9}, "timestamp too new"),
        ({"max_labels": 0}, "label names; limit 0"),
        ({"newest": {'{"service_name": "web"}': 2**62}}, "entry too far behind"),
    ],
)
def test_a_reason_of_all_lines_costs_few_requests(db: Path, rules: dict[str, Any], reason: str) -> None:
    """Where what Loki says of one line holds for all before, or after it, or for the stream."""
    with Store.open(db) as store:
        add_many(store, 500, since=NOW - HOUR, step=timedelta(seconds=1))
    with serving(Loki(**rules)) as loki:
        assert ship(db, loki) == []
    assert loki.lines == {}
    found = refused(db)
    assert len(found) == 500
    assert all(reason in why for _, why in found)
    assert len(loki.statuses) <= 4


def test_an_age_that_is_lower_than_ours_splits_the_lines(db: Path, loki: Loki) -> None:
    """Each side of it is where it belongs, at a logarithmic cost."""
    now = datetime.now(UTC)
    loki.max_age_s, loki.clock = 1799, now.timestamp
    with Store.open(db) as store:
        add_many(store, 1000, since=now - timedelta(minutes=40), step=timedelta(seconds=2))
    assert ship(db, loki) == []
    assert {int(line[1:]) for line in loki.texts()} == set(range(301, 1000))
    assert [position for position, _ in refused(db)] == [10 * n for n in range(301)]
    assert len(loki.statuses) < 40


def test_a_body_that_is_too_large_is_halved(db: Path, loki: Loki) -> None:
    """A 413 of a proxy; only a line that is too large alone is refused."""
    loki.max_request_bytes = 1_000
    with Store.open(db) as store:
        add_many(
            store,
            100,
            since=NOW - HOUR,
            step=timedelta(seconds=1),
            message="CASE n WHEN 5 THEN (SELECT string_agg(md5(i::VARCHAR), '') FROM range(100) t(i)) ELSE 'm' END",
        )
    assert ship(db, loki) == []
    assert len(loki.lines) == 99
    assert refused(db) == [(50, "request body too large")]


@pytest.mark.parametrize("status", ["400", "422"])
def test_words_that_say_nothing_of_lines_are_no_end_of_them(db: Path, loki: Loki, status: str) -> None:
    """Once: the lines of the body are sent again."""
    with Store.open(db) as store:
        add_many(store, 10, since=NOW - HOUR, step=timedelta(seconds=1))
    loki.troubles = [status]
    assert ship(db, loki) == []
    assert (len(loki.lines), refused(db)) == (10, [])


@pytest.mark.parametrize(
    ("rules", "changes", "said"),
    [
        (
            {"refuses_all": "The plain HTTP request was sent to HTTPS port"},
            {},
            "refuses whatever it is sent: The plain",
        ),
        ({"takes_metadata": False}, {}, "takes no structured metadata"),
        ({"tenant": "shop"}, {}, "answered 401: no org id"),
        ({"authorization": "Bearer horse"}, {"bearer_token": Secret("battery")}, "answered 401: Unauthorized"),
        ({}, {"tenant": "shop"}, "answered 401"),
    ],
)
def test_a_wrong_setting_is_said_and_costs_no_line(
    db: Path, rules: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    """Nothing is written down as refused; once it is mended, all lines are shipped."""
    with Store.open(db) as store:
        add_many(store, 10, since=NOW - HOUR, step=timedelta(seconds=1))
    with serving(Loki(**rules)) as loki:
        [error] = ship(db, loki, **changes)
        assert said in str(error)
        assert "battery" not in str(error)
        assert (refused(db), loki.lines) == ([], {})
        loki.refuses_all, loki.takes_metadata, loki.tenant, loki.authorization = None, True, None, None
        assert ship(db, loki) == []
        assert len(loki.lines) == 10


def test_tenant_and_credentials_travel_along(db: Path) -> None:
    """As Loki and the proxies before it want them."""
    with Store.open(db) as store:
        add(store, {})
    password = f"Basic {b64encode(b'me:horse').decode()}"
    with serving(Loki(tenant="shop", authorization=password)) as loki:
        assert ship(db, loki, tenant="shop", user="me", password=Secret("horse")) == []
    assert len(loki.lines) == 1


def test_a_new_target_begins_a_week_back(db: Path, loki: Loki) -> None:
    """What came with earlier entries of the ledger is neither shipped nor refused."""
    with Store.open(db) as store:
        add(store, {"ts": NOW - timedelta(days=30)})
        add(store, {"ts": NOW - timedelta(days=6)})
    assert ship(db, loki) == []
    assert (len(loki.lines), refused(db)) == (1, [])


def test_only_the_wanted_services_are_shipped(db: Path, loki: Loki) -> None:
    """And the others are passed over."""
    with Store.open(db) as store:
        add(store, {"service": "web"}, {"service": "worker"}, {"service": None})
    assert ship(db, loki, services=("worker",)) == []
    assert [stream for stream, _, _ in loki.lines] == ['{"service_name": "worker"}']


def test_more_streams_than_are_allowed_are_other_ones_each_time(
    db: Path, loki: Loki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ones keep their names, also in later runs, and when all is sent again."""
    monkeypatch.setattr(streams, "MAX_STREAMS", 3)
    with Store.open(db) as store:
        add(store, *({"service": f"s{n}"} for n in range(5)))
    assert ship(db, loki, batch_events=2) == []
    with Store.open(db) as store:
        add(store, *({"service": f"s{n}", "message": "later"} for n in range(5)))
    assert ship(db, loki) == []
    expected = {f"s{n}": 2 for n in range(3)} | {"other": 4}
    assert Counter(stream[18:-2] for stream, _, _ in loki.lines) == expected
    with Store.open(db) as store:
        store.execute("DELETE FROM shipping")
        store.execute("DELETE FROM loki_streams")
    assert ship(db, loki, batch_events=3) == []
    assert len(loki.lines) == 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "xml"}, "format is 'xml', not protobuf or json"),
        ({"batch_bytes": 0}, "batch_bytes is 0, not 1 or more"),
        ({"max_metadata_entries": 2_000}, "max_metadata_entries is 2000, not from 2 to 1024"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], said: str) -> None:
    """By name."""
    with pytest.raises(SettingError) as wrong:
        LokiSettings(url="http://localhost", **changes)
    assert said in str(wrong.value)


def test_while_it_waits_others_may_have_the_database(tmp_path: Path) -> None:
    """A Loki that hangs holds up no ingest; what that brings meanwhile is for the next run."""
    db = tmp_path / "logs.duckdb"
    with new_store(db) as store:
        add(store, {})
    with serving(Loki(troubles=["hang"])) as loki:
        shipper = LokiShipper("main", LokiSettings(url=loki.url))
        thread = threading.Thread(target=run, args=([shipper], str(db)), kwargs={"follow": False})
        thread.start()
        assert loki.hanging.wait(120)
        with Store.open(db) as store:
            add(store, {})
        loki.let_go.set()
        thread.join(120)
        assert len(loki.lines) == 1
        assert ship(db, loki) == []
        assert len(loki.lines) == 2


# Any text but surrogates, which DuckDB cannot hold; long runs of what JSON escapes or UTF-8 widens.
_text = st.one_of(
    st.text(max_size=30),
    st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=3), st.integers(1_000, 150_000)),
    st.sampled_from(["", "\0", "x" * 300_000, "\0" * 300_000, "é\n", "😀" * 70_000]),
)
_json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_keys = st.text(max_size=12) | st.sampled_from(["level", "service_name", "logpipe_stream", "a.b", "a_b", "1", ""])
_attributes = st.one_of(
    st.none(),
    st.dictionaries(_keys, _json, max_size=6).map(json.dumps),
    st.integers(100, 300).map(lambda count: "{" + ",".join(f'"key{i}":"{"x" * 400}"' for i in range(count)) + "}"),
    st.integers(1, 900).map(lambda depth: '{"deep":' + "[" * depth + "]" * depth + "}"),
    st.sampled_from(["[1, 2]", '"text"', '{"big": 123456789012345678901234567890, "a": 1e400}']),
)
_times = st.one_of(
    st.datetimes(datetime(1960, 1, 1), datetime(2300, 1, 1)).map(lambda time: time.isoformat() + "Z"),  # noqa: DTZ001
    st.sampled_from([None, "infinity", "-infinity", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z"]),
)
_rows = st.fixed_dictionaries(
    {
        "ts": _times,
        "service": st.none() | _text,
        "environment": st.none() | _text,
        "stream": st.none() | _text,
        "level": st.sampled_from([None, "INFO", "ERROR"]),
        "message": st.none() | _text,
        "duration_ms": st.none() | st.floats(),
        "db_statement": st.none() | _text,
        "exception_stacktrace": st.none() | _text,
        "attributes": _attributes,
    }
)


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with passing_store() as store:
        yield store


@pytest.fixture(scope="module")
def patient() -> Iterator[Loki]:
    """One that takes lines of any time."""
    with serving(Loki(max_age_s=9e10, max_ahead_s=9e10, max_request_bytes=1 << 30)) as loki:
        yield loki


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(_rows, max_size=8), kind=st.sampled_from(["protobuf", "json"]))
@example(rows=[{"ts": f"2026-01-0{day}T00:00:00Z", "service": "api"} for day in (1, 2)], kind="protobuf")
def test_any_events_are_taken_or_refused_beforehand(
    memory: Store, patient: Loki, rows: list[dict[str, object]], kind: str
) -> None:
    """Every event with a time arrives, and Loki itself refuses not one."""
    for table in ("events", "ledger", "shipping", "loki_streams"):
        memory.execute(f"DELETE FROM {table}")
    patient.lines.clear()
    patient.newest.clear()
    add(memory, {}, *rows)
    ages = {"max_age": timedelta(days=36_500), "max_ahead": timedelta(days=300_000)}
    shipper = LokiShipper("main", LokiSettings(url=patient.url, format=kind, **ages), EVER)  # type: ignore[arg-type]
    accepted, refusals = 0, list[Refusal]()
    with closing(shipper):
        # More than one where times of a stream lie far apart.
        while (batch := shipper.take(memory)) is not None:
            delivery = shipper.send(batch)
            shipper.settle(memory, batch, delivery)
            accepted += delivery.accepted
            refusals += delivery.refusals
    assert set(patient.statuses) == {204}
    assert accepted == len(patient.lines)
    assert accepted + len(refusals) == len(rows) + 1
    assert all(refusal.reason == lines.NO_TIME for refusal in refusals)
