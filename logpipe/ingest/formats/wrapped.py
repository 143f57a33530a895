"""Lines that carry a line of another format: what a container runtime or a log router wrote around a program's output.

A wrapper is a format of its own, which says what text a line carries. Of the carried texts the inner format makes the
records: its columns come first, and the wrapper's fill in what it leaves open. Wrappers do not nest, but one that is a
format in its own right stands inside another as that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import duckdb
import pyarrow as pa

from logpipe.ingest.formats.base import Context, Format, text_literal
from logpipe.ingest.formats.plain import PLAIN
from logpipe.record import COLUMNS
from logpipe.store.arrow import to_arrow

SEPARATOR: Final = "+"
"""Between the names of the wrapper and of what it carries: `cri+json`."""

_DEEPEST: Final = 50_000
"""More brackets than this may nest deeper than a parser's stack bears."""


@runtime_checkable
class Wrapper(Format, Protocol):
    """A format whose lines carry those of another."""

    def carried(self, _line: str, /) -> str:
        """SQL, over that of a line, of the text that it carries; with a newline behind where that text is whole.

        NULL where the line carries none.
        """

    def around(self, _line: str, /) -> str:
        """SQL, over that of a line, of what stands around the text, but for its time and place in the log.

        Of two lines that agree in it, the inner format may make one record. NULL where the line carries no text.
        """


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A format inside a wrapper; a wrapper by itself carries plain text."""

    outer: Wrapper
    inner: Format = PLAIN
    stands_alone: bool = False
    """Whether the wrapper is a format in its own right, which may also stand inside another."""
    scan: None = None

    @property
    def name(self) -> str:
        """See `Format`."""
        return self.outer.name if self.inner is PLAIN else f"{self.outer.name}{SEPARATOR}{self.inner.name}"

    @property
    def title(self) -> str:
        """See `Format`."""
        return self.outer.title if self.inner is PLAIN else f"{self.outer.title}, carrying {self.inner.title}"

    @property
    def _carries_nothing(self) -> bool:
        return self.stands_alone and self.inner is PLAIN

    @property
    def as_inner(self) -> Format | None:
        """What of it may stand inside another wrapper."""
        return self.outer if self.stands_alone else None

    def claims(self, lines: Sequence[str]) -> float:
        """See `Format`; of the wrapper alone."""
        return self.outer.claims(lines)

    def carried_lines(self, lines: Sequence[str]) -> list[str]:
        """What the lines carry, pieces put together."""
        with duckdb.connect() as connection:
            connection.register("sample", pa.table({"raw": pa.array(lines, pa.string())}))
            found = connection.execute(f"SELECT {self.outer.carried('raw')} AS text FROM sample").fetchall()
            return "".join(text or "" for (text,) in found).split("\n")

    def continues(self, line: str, before: str, /) -> str | None:
        """See `Format`: where the wrapper says so, or the inner format of lines with the same around them."""
        if self._carries_nothing:
            return self.outer.continues(line, before)
        within = self.inner.continues(self._text(line), self._text(before))
        around, around_before = self.outer.around(line), self.outer.around(before)
        alike = within and f"({within}) AND ({around} IS NULL OR {around} = {around_before})"
        ways = [way for way in (self.outer.continues(line, before), alike) if way is not None]
        return " OR ".join(f"coalesce({way}, false)" for way in ways) or None

    def select(self, connection: duckdb.DuckDBPyConnection, context: Context) -> str:
        """See `Format`."""
        if self._carries_nothing:
            return self.outer.select(connection, context)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE wrapped AS SELECT *, {_PARSEABLE} AS text FROM ("
            f"SELECT pos, bytes, split_part(raw, chr(10), 1) AS first, {self._carried_sql()} AS carried FROM lines)"
        )
        around = _select(self.outer, connection, context, "first")
        within = _select(self.inner, connection, context, "text")
        return f"WITH around AS ({around}), within AS ({within}) {_merged(self.outer.name)}"

    def _text(self, line: str) -> str:
        return f"rtrim(coalesce({self.outer.carried(line)}, {line}), chr(10))"

    def _carried_sql(self) -> str:
        of_each = f"lambda line: coalesce({self.outer.carried('line')}, line || chr(10))"
        joined = f"array_to_string(list_transform(string_split(raw, chr(10)), {of_each}), '')"
        text = f"CASE WHEN contains(raw, chr(10)) THEN {joined} ELSE coalesce({self.outer.carried('raw')}, raw) END"
        return f"rtrim({text}, chr(10) || chr(13))"


def around_text(line: str, text: str, places: str) -> str:
    """SQL of the JSON object that a line is, without the text that it carries, its time and its place in the log.

    text:   pattern of the text's key; journald writes a list of its bytes where it is no UTF-8
    places: pattern of the keys of times and places; a value that does not look like one stays
    """
    value = r'(?:"(?:[^"\\]|\\.)*"|\[[\d, ]*\])'
    place = '"[0-9a-fimstxTZ;:.=+-]*"'
    return (
        f"CASE WHEN starts_with({line}, '{{') THEN"
        rf""" regexp_replace({line}, '"(?:{text})" *: *{value}|"(?:{places})" *: *{place}', '', 'g') END"""
    )


_PARSEABLE: Final = (
    f"CASE WHEN length(carried) > {_DEEPEST}"
    f" AND length(carried) - length(replace(replace(carried, '[', ''), '{{', '')) > {_DEEPEST}"
    " THEN '{' ELSE carried END"
)


def _select(format_: Format, connection: duckdb.DuckDBPyConnection, context: Context, text: str) -> str:
    """The format's SELECT over that column of `wrapped`; it may look at the lines first, and finds them so too."""
    relation = f"SELECT pos, bytes, {text} AS raw FROM wrapped"
    with connection.cursor() as cursor:
        cursor.register("lines", to_arrow(connection.execute(relation)))
        return f"WITH lines AS ({relation}) {format_.select(cursor, context)}"


def _merged(wrapper: str) -> str:
    """The SELECT of both: what the inner format rejects is plain text, what the wrapper rejects is a reject.

    Where the inner line has a time of its own, the wrapper's is the attribute `observed_timestamp`; but where that is
    the same second and the inner line tells no fraction of it, the wrapper's is the record's.
    """
    values = {column: f"coalesce(within.{column}, around.{column})" for column in COLUMNS}
    values["ts"] = f"CASE WHEN {_SAME_SECOND} THEN around.ts ELSE {values['ts']} END"
    values["message"] = (
        "CASE WHEN carried = '' THEN coalesce(around.message, '')"
        " WHEN within.reason IS NULL AND strlen(text) = strlen(carried) THEN within.message ELSE carried END"
    )
    columns = (f"CASE WHEN around.reason IS NULL THEN {value} END AS {column}" for column, value in values.items())
    return (
        f"SELECT * EXCLUDE (outside, inside) FROM (SELECT {', '.join(columns)}, {_OBSERVED} AS outside,"
        " within.attributes::VARCHAR AS inside,"
        f" CASE WHEN around.reason IS NULL THEN {_BOTH.format(name=text_literal(wrapper))} END::JSON AS attributes,"
        " pos, around.bytes AS bytes, around.reason AS reason"
        " FROM wrapped JOIN around USING (pos) JOIN within USING (pos))"
    )


_SAME_SECOND: Final = r"(date_trunc('second', around.ts) = within.ts AND NOT regexp_matches(carried, ':\d\d[.,]0'))"

_OBSERVED: Final = f"""
    CASE WHEN within.ts IS NULL OR around.ts IS NULL OR {_SAME_SECOND} THEN around.attributes
        ELSE json_merge_patch(coalesce(around.attributes, '{{}}'), json_object('observed_timestamp',
            strftime(around.ts AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ'))) END::VARCHAR"""
"""The wrapper's attributes, with its time where that does not become the record's."""

_BOTH: Final = """
    CASE WHEN outside IS NULL THEN inside WHEN inside IS NULL THEN outside
        WHEN list_has_any(json_keys(outside), json_keys(inside))
        THEN json_merge_patch(inside, json_object({name}, outside::JSON))
        ELSE left(outside, -1) || ',' || substr(inside, 2) END"""
"""The attributes of the two in one object; those of the wrapper apart where a key stands in both."""
