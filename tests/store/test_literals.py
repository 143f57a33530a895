"""Values inside SQL text: the engine reads back what was written."""

from datetime import UTC

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpipe.store.literals import filled_in, literal

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=20),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.datetimes(timezones=st.just(UTC)),
)


@given(st.one_of(VALUES, st.lists(st.integers(-1000, 1000), max_size=3)))
def test_a_literal_is_its_value(value: object) -> None:
    """Of any content, in any zone."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    [(read,)] = connection.execute(f"SELECT {literal(value)}").fetchall()
    assert read == value


@given(VALUES, VALUES)
def test_parameters_are_filled_in_where_the_engine_would(one: object, other: object) -> None:
    """By order or name, also after text beyond ASCII, and never in strings, names or comments."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    by_name = "SELECT 'é ? $a' AS \"$b?\", $a, $$ ? $a $$, [$b], /* ? */ ($a) IS NULL -- $a"
    filled = filled_in(by_name, {"a": one, "b": other})
    assert connection.execute(filled).fetchall() == [("é ? $a", one, " ? $a ", [other], one is None)]
    in_order = 'SELECT \'𝄞?\', ?, "?" FROM (SELECT ? AS "?")'
    assert connection.execute(filled_in(in_order, [one, other])).fetchall() == [("𝄞?", one, other)]


def test_a_negative_number_stays_one() -> None:
    """Also behind a minus sign."""
    assert duckdb.sql(filled_in("SELECT 1 -$n AS two", {"n": -1})).fetchall() == [(2,)]


def test_a_value_that_cannot_be_written_is_refused() -> None:
    """Rather than written wrongly."""
    with pytest.raises(TypeError, match="object"):
        literal(object())
