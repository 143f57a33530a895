"""What the log costs, and what less of it would have saved and lost, by the rules of the emitter."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from logpipe.emit.sampling import Sampling
from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis.cost import Cost, Saving, cost
from logpipe_analysis.patterns import mine
from logpipe_analysis.reports import Scope
from tests.analysis.filling import fill
from tests.stores import copied, new_store

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]


@pytest.fixture(scope="module")
def one_day(traffic: Traffic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day: a chatty cache, a page, an audit of business, and an error now and then in a request of the page."""

    def requests(when: Any, _: Any) -> Any:
        return [f"r{int(minute)}" for minute in when]

    code: dict[str, Any] = {"module": "cache", "function": "get", "line": 12}
    cache = traffic(1, 1440, 20, logger="shop.cache", template="hit %s", request_id=requests, **code)
    page = traffic(2, 1440, 4, logger="shop.page", template="served %s", request_id=requests, module="page", line=3)
    audit = traffic(3, 1440, 2, logger="logpipe.business", stream="business", event="sold")
    failures = traffic(
        4, 1440, lambda minutes: 1.0 * (minutes % 144 == 0), logger="shop.cache", severity=17, request_id=requests
    )
    path = tmp_path_factory.mktemp("day") / "logs.duckdb"
    with new_store(path) as store:
        fill(store, cache, page, audit, failures)
    return path


@pytest.fixture
def day(one_day: Path, tmp_path: Path) -> Iterator[Store]:
    with Store.open(copied(one_day, tmp_path / "logs.duckdb")) as store:
        yield store


def played(store: Store, *, sample: tuple[str, ...] = (), demote: tuple[str, ...] = ()) -> list[Saving]:
    """What the rules and places asked for would have saved."""
    return list(cost(store, Scope(), sample=sample, demote=demote).savings)


def counted(store: Store, condition: str) -> int:
    """Events under a condition; all are 100 bytes long."""
    return int(store.execute(f"SELECT count(*) FROM events WHERE {condition}")[0][0])


def test_the_lines_add_up_the_dearest_first(day: Store) -> None:
    """By the line of code and by pattern, bytes a day are those of the events."""
    for by_pattern, first in ((False, "cache:get:12"), (True, "hit %s")):
        found = cost(day, Scope(), by_pattern=by_pattern)
        assert found.lines[0].place == first
        assert found.bytes_a_day * found.days == pytest.approx(100 * counted(day, "true"))
        assert sum(line.byte_share for line in found.lines) == pytest.approx(1)
        assert [line.bytes_a_day for line in found.lines] == sorted((i.bytes_a_day for i in found.lines), reverse=True)


def test_patterns_are_those_that_are_listed(traffic: Traffic, filled: Filled) -> None:
    """Merged where `patterns` merges; a query is none by its values; what is not counted yet has its own."""
    names = ("ann", "ben", "cleo", "dora", "eve", "finn", "gus", "hanna")
    store = filled(
        traffic(1, 60, 4, message=lambda when, _: [f"login of {names[n % 8]} was refused" for n in range(len(when))]),
        traffic(2, 60, 4, db_statement=lambda when, _: [f"SELECT {n}" for n in range(len(when))], stream="performance"),
        traffic(3, 60, 4, template="retry %s of 3", message="retry 2 of 3"),
    )
    mine(store)
    listed = {template for (template,) in store.execute("SELECT template FROM top_patterns")}
    assert {line.place for line in cost(store, Scope(), by_pattern=True).lines} == listed
    assert listed == {"login of <*> was refused", "performance", "retry %s of 3"}
    filled(traffic(4, 60, 1, message="cart 7 emptied"), store=store)
    assert listed | {"cart <*> emptied"} == {line.place for line in cost(store, Scope(), by_pattern=True).lines}


def test_what_is_proposed_leaves_enough_and_spares_errors_and_business(day: Store) -> None:
    """The cache is sampled 1:10, since 1:100 would leave too few to count; the settings can be pasted."""
    found = cost(day, Scope())
    rules = {saving.what: saving for saving in found.savings if saving.how == "sample"}
    assert {name: saving.rate for name, saving in rules.items()} == {"shop.cache@INFO": 0.1, "shop.page@INFO": 0.5}
    cached = rules["shop.cache@INFO"]
    assert cached.lost_errors_a_day == 0
    assert cached.bytes_a_day * found.days == pytest.approx(90 * counted(day, "logger = 'shop.cache' AND severity = 9"))
    assert found.settings == {
        "shop": 'setup_logging(service="shop", sample={"shop.cache@INFO": 0.1, "shop.page@INFO": 0.5}, tail="DEBUG")'
    }


@pytest.mark.parametrize("rule", ["INFO", "shop", "shop@INFO", "shop.cache", "shop.cache@DEBUG", "sho", "logpipe"])
def test_a_rule_is_played_through_as_the_emitter_reads_it(day: Store, rule: str) -> None:
    """The emitter, asked about each record, leaves out the same at rate 0."""
    sampling = Sampling({rule: 0.0}, "request_id")
    kept = sum(
        events * sampling.keeps({"logger": logger, "level": level, "stream": stream})
        for logger, level, stream, events in day.execute(
            "SELECT logger, level, stream, count(*) FROM events GROUP BY ALL"
        )
    )
    found = cost(day, Scope(), sample=[f"{rule}=0"])
    lost = sum(saving.lost_events_a_day for saving in found.savings) * found.days
    assert lost == pytest.approx(counted(day, "true") - kept)


def test_a_line_at_debug_is_gone_with_what_it_showed(day: Store) -> None:
    """All its bytes are saved; the records in requests that failed and the lines of findings are told as lost."""
    source = day.execute("SELECT source_pos FROM events WHERE logger = 'shop.page' ORDER BY ts LIMIT 3")
    evidence = ", ".join(f'{{"source_id": 1, "source_pos": {pos}}}' for (pos,) in source)
    day.execute(
        "INSERT INTO findings SELECT 'x', 'f', 'silence', 'info', 'shop', NULL, NULL, now(), NULL, 1, 1, '', 1, 1, '', "
        f"'', '[{evidence}]', '', 60, 'open', now(), now()"
    )
    [saving] = played(day, demote=("page:3",))
    days = cost(day, Scope()).days
    failed = "request_id IN (SELECT request_id FROM events WHERE severity = 17)"
    assert saving.lost_events_a_day * days == pytest.approx(counted(day, "logger = 'shop.page'"))
    assert saving.lost_of_failed_requests_a_day * days == pytest.approx(
        counted(day, f"logger = 'shop.page' AND {failed}")
    )
    assert (saving.lost_of_findings, saving.lost_errors_a_day) == (3, 0)


@pytest.mark.parametrize("rule", ["shop", "shop=2", "shop=x", "=0.1", "shop=."])
def test_what_is_no_rule_says_what_one_is(day: Store, rule: str) -> None:
    """The sentence has an example."""
    with pytest.raises(QueryError, match=r"is no rule.*shop.http@INFO=0.01"):
        played(day, sample=(rule,))


def test_a_place_that_logged_nothing_is_an_error(day: Store) -> None:
    """It may be misspelt."""
    with pytest.raises(QueryError, match="nothing was logged at 'page:4'"):
        played(day, demote=("page:4",))


def test_an_empty_store_costs_nothing(filled: Filled, traffic: Traffic) -> None:
    """No lines, no proposals, no division by nothing."""
    found = cost(filled(traffic(1, 1, 0)), Scope())
    assert found == Cost(found.days, (), ())
    assert np.isfinite(found.days)
