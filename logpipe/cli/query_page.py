"""The report slow-queries for people: one table of all, then a block for each query."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from logpipe.cli import output

_BARS: Final = "▁▂▃▄▅▆▇█"
_DECADES: Final = ("1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s+")
_WIDEST: Final = 60
"""Of a bar, in characters."""
_INDENT: Final = 11
_PROFILE: Final = ("#", "share", "time", "queries", "mean", "p95", "max", "v/m", "query")

Query = Mapping[str, Any]


def page(queries: Sequence[Query]) -> str:
    """The blocks, to stand below the table."""
    return "\n".join("\n".join(_block(number, query)) + "\n" for number, query in enumerate(queries, 1))


def profile(queries: Sequence[Query], width: int) -> None:
    """Print the table: a line for each query, whose text is cut to what is left of `width`."""
    rows = [_line(number, query) for number, query in enumerate(queries, 1)]
    taken = sum(3 + max(len(name), *(len(row[index]) for row in rows)) for index, name in enumerate(_PROFILE[:-1]))
    room = max(20, width - taken)
    cut = [[*row[:-1], row[-1] if len(row[-1]) <= room else row[-1][: room - 1] + "…"] for row in rows]
    output.table(_PROFILE, cut, numeric=[True] * 8 + [False])


def duration(milliseconds: float | None) -> str:
    """In the unit that a person would say, with three figures."""
    if milliseconds is None:
        return "–"
    for limit, divisor, unit in ((1, 1e-3, "µs"), (1e3, 1, "ms"), (1e6, 1e3, "s")):
        if abs(milliseconds) < limit:
            return f"{_figures(milliseconds / divisor)} {unit}"
    return f"{milliseconds / 1e3:,.0f} s"


def _figures(value: float) -> str:
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}".removesuffix(".00") if value else "0"


def _line(number: int, query: Query) -> list[str]:
    return [
        *(str(number), _share(query), duration(query["total_ms"]), f"{query['queries']:,}"),
        *(duration(query[name]) for name in ("mean_ms", "p95_ms", "max_ms", "variance_to_mean_ms")),
        output.harmless(query["fingerprint"].replace("\n", " ")),
    ]


def _share(query: Query) -> str:
    return "–" if query["time_share"] is None else f"{query['time_share']:.1%}"


def _block(number: int, query: Query) -> Iterator[str]:
    yield f"── {number} ── {_share(query)} of the time"
    yield output.harmless(query["fingerprint"])
    for name, text in (("queries", _count(query)), ("time", _times(query)), *_told(query), ("seen", _seen(query))):
        if text:
            yield name.ljust(_INDENT) + text
    yield from _distribution(query["by_decade"])
    for name in ("services", "routes", "systems", "databases", "users"):
        if query[name]:
            yield name.ljust(_INDENT) + output.harmless(query[name])
    yield f"{'worst'.ljust(_INDENT)}{duration(query['max_ms'])} at {_moment(query['worst_at'])}"
    for line in (query["worst_statement"] or "").splitlines():
        yield "    " + output.harmless(line)


def _count(query: Query) -> str:
    seconds = (query["last_seen"] - query["first_seen"]).total_seconds()
    each = f"   {query['queries'] / seconds:,.3g} a second" if seconds >= 1 else ""
    return f"{query['queries']:,}{each}"


def _times(query: Query) -> str:
    names = ("total", "min", "mean", "p50", "p95", "p99", "max")
    parts = [f"{name} {duration(query[f'{name}_ms'])}" for name in names]
    return "   ".join([*parts, f"v/m {duration(query['variance_to_mean_ms'])}"])


def _told(query: Query) -> Iterator[tuple[str, str]]:
    if query["also_logged"] is not None:
        other = f"{output.harmless(query['also_logged_by'])}: {query['also_logged']:,} executions"
        yield "also", f"logged by {other}, {duration(query['also_logged_ms'])}, not counted here"
    if query["lock_ms"] is not None:
        share = f", {query['lock_ms'] / query['total_ms']:.0%} of the time" if query["total_ms"] else ""
        yield "locks", duration(query["lock_ms"]) + share
    if query["rows_examined"] is not None:
        ratio = query["examined_per_sent"]
        each = "" if ratio is None else f": {ratio:,.3g} examined for each sent"
        yield "rows", f"{query['rows_examined']:,} examined, {query['rows_sent'] or 0:,} sent{each}"


def _seen(query: Query) -> str:
    trend = "" if query["trend"] is None else f"   mean of the second half {query['trend']:.2f} of the first"
    return f"{_moment(query['first_seen'])} to {_moment(query['last_seen'])}   [{_bars(query['over_time_ms'])}]{trend}"


def _bars(values: Sequence[float]) -> str:
    """The time it took, from the beginning of the range to its end."""
    most = max(values)
    return "".join(_BARS[min(int(value / most * 8), 7)] if value else " " for value in values) if most else ""


def _distribution(counts: Sequence[int]) -> Iterator[str]:
    most = max(counts)
    for index, (name, count) in enumerate(zip(_DECADES, counts, strict=True)):
        label = "durations" if index == 0 else ""
        yield f"{label.ljust(_INDENT)}{name:>6}  {'#' * -(-count * _WIDEST // most)}".rstrip()


def _moment(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S")
