"""Counting outside of SQL comes to what SQL counts."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logpipe.store import Store
from logpipe.store.kinds import counted_by_kind, digits_alike

_PIECES = (
    *("Jan 12 10:11:12", "2024-01-02T03:04:05.678Z", "https://a.b/c?d=1", "me@host7.org", "db.example.org:5432"),
    *(
        "fe80::1:2:3:4",
        "12.5 ms",
        "3 GB",
        "0x7f",
        "/var/log/1",
        "a.b.C:17",
        "user",
        "=",
        "[",
        "]",
        "-",
        "+1",
        "8%",
        "é",
    ),
)
MESSAGES = st.one_of(
    st.text(max_size=60),
    st.text("0123456789abfTZ:/.,-+@%#\\ ()[]=<>*", max_size=60),
    st.lists(st.sampled_from(_PIECES), max_size=8).map(" ".join),
    st.text("0179: m", min_size=1, max_size=6).map(lambda text: text * 600),
)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.open(":memory:") as store:
        yield store


@given(messages=st.lists(MESSAGES, min_size=1))
@settings(deadline=None)
def test_a_mask_tells_no_digit_from_another(store: Store, messages: list[str]) -> None:
    """So that messages may be masked by their shape alone, and by the characters that are looked at."""
    shapes = digits_alike(pa.array([message[:2000] for message in messages])).to_pylist()
    [(same,)] = store.execute(
        "SELECT list_bool_and(list_transform(list_zip($messages::VARCHAR[], $shapes::VARCHAR[]), "
        "lambda pair: message_masked(pair[1]) = message_masked(pair[2])))",
        {"messages": messages, "shapes": shapes},
    )
    assert same
    assert not any(set(shape) & set("123456789") for shape in shapes)


ROWS = st.tuples(st.integers(0, 3), st.integers(0, 2), st.one_of(st.none(), MESSAGES))


@given(rows=st.lists(ROWS), apart=st.integers(1, 10**6))
@settings(deadline=None)
def test_the_counts_are_those_of_sql(store: Store, rows: list[tuple[int, int, str | None]], apart: int) -> None:
    """Of each minute and kind, with the first example, wherever in time the minutes are."""
    minutes, keys, said = ([row[column] for row in rows] for column in range(3))
    store.execute(
        "CREATE OR REPLACE TABLE keyed AS SELECT make_timestamptz(minute * $apart * 60000000) AS minute, "
        "key::UBIGINT AS key, pos::UBIGINT AS source_pos, said FROM (SELECT unnest($minutes::BIGINT[]) AS minute, "
        "unnest($keys::BIGINT[]) AS key, unnest($said::VARCHAR[]) AS said, unnest(range(len($keys))) AS pos)",
        {"minutes": minutes, "keys": keys, "said": said, "apart": apart},
    )
    store.connection.register("counted", counted_by_kind(store.connection, "FROM keyed ORDER BY source_pos"))
    counted = store.execute("SELECT minute, kind, events, source_pos FROM counted ORDER BY ALL")
    store.connection.unregister("counted")
    assert counted == store.execute(
        "SELECT minute, xor(key, hash(message_masked(said))) AS kind, count(*), min(source_pos) FROM keyed "
        "GROUP BY minute, kind ORDER BY ALL"
    )
