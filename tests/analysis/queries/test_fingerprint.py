"""Which statements are the same query."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpipe.ingest.scanning.masks import masked
from logpipe.store import Store
from logpipe_analysis.queries.fingerprint import fingerprint

SYSTEMS = ("mysql", "postgresql", None)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT  *\n FROM Orders\tWHERE id=12;", "select * from orders where id = ?"),
        ("select x'4f', N'a', 'it''s', 1.5e-3, .5, -7, 0xFF, +2 from t", "select ?, ?, ?, ?, ?, ?, ?, ? from t"),
        ("select a-5, b - 5, f(-5), c*-5", "select a - ?, b - ?, f(?), c * ?"),
        ("select null, TRUE, x is not null from t", "select ?, ?, x is not ? from t"),
        ("select * from t where a = $1 and b = %s and c = %(c)s and d = :d and e = ?",
         "select * from t where a = ? and b = ? and c = ? and d = ? and e = ?"),
        ("select a::text, b[1:2] from t", "select a::text, b[??] from t"),
        ("select * from t where id in (1, -2,\n3) and a not in ('x')",
         "select * from t where id in(?+) and a not in(?+)"),
        ("select * from t where (a, b) in ((1, 2), (3, 4))", "select * from t where (a, b) in(?+)"),
        ("select * from t where id in (select 1)", "select * from t where id in(select ?)"),
        ("select * from t where id = any(array[1, 2, 3])", "select * from t where id = any (array[? +])"),
        ("insert into t (a, b) values (1, 'x'), (2, null), (3, 'z')", "insert into t(a, b) values(?+)"),
        ("insert into t values (now(), 1), (now(), 2)", "insert into t values(now(), ?)"),
        ("insert into t values (1) on duplicate key update a = values(a)",
         "insert into t values(?+) on duplicate key update a = values(a)"),
        ("select * from t limit 5", "select * from t limit ?"),
        ("select * from t limit 5, 10", "select * from t limit ?"),
        ("select * from t limit 5 offset 10", "select * from t limit ?"),
        ("select * from t order by a ASC, b desc, c asc", "select * from t order by a, b desc, c"),
        ("select 1 union select 2 union select 4", "select ? /*repeat union*/"),
        ("select * from (select 1 union all select 2) as x join (select 3 union select 4) as y",
         "select * from (select ? /*repeat union all*/) as x join (select ? /*repeat union*/) as y"),
        ("select a from t union select b from t", "select a from t union select b from t"),
        ("select foo_1 from foo_2_3", "select foo_? from foo_?_?"),
        ("select 12_13_foo from (select 12foo from 123_bar) as 123baz",
         "select ?_?_foo from (select ?foo from ?_bar) as ?baz"),
        ("/* app:web */ select /*+ INDEX(t i) */ 1 -- tail\n from t", "select ? from t"),
        ("use `shop`", "use ?"),
        ("CALL sweep_carts(1, 'x')", "call sweep_carts"),
        ("administrator command: Quit", "administrator command: Quit"),
        ("SELECT /*!40001 SQL_NO_CACHE */ * FROM `film`", "mysqldump"),
        ("REPLACE /*shop.carts:3/12*/ INTO checksums SELECT 1", "percona-toolkit"),
        ("SHOW /*!50002 GLOBAL */ STATUS", "show /*! ? global */ status"),
        ("select 'a text without its end, -- and 1", "select ?"),
        ("select 1 /* a comment without its end", "select ?"),
    ],
)  # fmt: skip
def test_a_query_goes_without_its_values(statement: str, expected: str) -> None:
    """Blanks, case, comments, lists and signs neither."""
    assert fingerprint(statement) == expected
    if expected not in ("mysqldump", "percona-toolkit") and "/*" not in expected:
        assert fingerprint(expected) == expected


@pytest.mark.parametrize(
    ("system", "statement", "expected"),
    [
        ("mysql", r"""select "it's", 'it\'s', "a \" b", 'c:\\' from t""", "select ?, ?, ?, ? from t"),
        ("mysql", "select `a'b` # it's\n from t", "select `a'b` from t"),
        ("mysql", "select 5--1, 2 -- it's\n from t", "select ? - ?, ? from t"),
        ("mysql", "select 1 /* /* */ from t", "select ? from t"),
        ("postgresql", r"""select "it's", 'c:\', E'it\'s' from t""", """select "it's", ?, ? from t"""),
        ("postgresql", "select a #> '{b}', $$it's$$, $x$ $$ ' $x$ from t", "select a # > ?, ?, ? from t"),
        ("postgresql", "select 1 /* it's /* nested */ still */ from t", "select ? from t"),
        (None, 'select `a`, "it\'s" from t', "select `a`, ? from t"),
    ],
)
def test_quotes_and_comments_are_of_the_system(system: str | None, statement: str, expected: str) -> None:
    """Where the record names none, backticks tell MySQL."""
    assert fingerprint(statement, system) == expected


names = st.sampled_from(["a", "t1", "users_2", '"Name"', "`n`", "x.y", "foo(", ")", "select", "from", "where", "="])
texts = st.text("ab1'\"`\\-/*#$ \n", max_size=6)
values = st.one_of(
    st.integers(-999, 999).map(str),
    st.sampled_from(
        ["1.5", ".5", "1e9", "0xFF", "$1", "?", "%s", ":id", "null", "(1, 2)", "in (1, -2)", "values (1), (2)"]
    ),
    texts.map(lambda text: "'" + text.replace("\\", "").replace("'", "''") + "'"),
)
asides = st.one_of(
    texts.map(lambda text: f"/* {text.replace('/', '').replace('*', '')} */"),
    texts.map(lambda text: "-- " + text.replace("\n", "") + "\n"),
)
statements = st.lists(st.one_of(names, values, asides, st.sampled_from([",", "  ", "\n"])), max_size=12).map(" ".join)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.open(":memory:") as store:
        yield store


@pytest.mark.parametrize("system", SYSTEMS)
@given(statements)
def test_the_macro_tells_apart_what_is_told_apart(store: Store, system: str | None, statement: str) -> None:
    """The macro's text has the exact fingerprint of the statement, so it never brings different ones together."""
    [(quick,)] = store.execute("SELECT query_fingerprint(?, system := ?)", [statement, system])
    assert fingerprint(quick, system) == fingerprint(statement, system)


@pytest.mark.parametrize("system", SYSTEMS)
@given(st.lists(st.one_of(statements, st.text("ab1'\"`\\-/*#$?():! \n", max_size=30)), max_size=5))
def test_a_mask_has_the_fingerprint_of_its_statement(system: str | None, texts: list[str]) -> None:
    """Whatever the dialect, so that statements may be brought together by it."""
    masks = masked(pa.array(["before", *texts], pa.string())[1:], is_mysql=system == "mysql").to_pylist()
    assert [fingerprint(mask, system) for mask in masks] == [fingerprint(text, system) for text in texts]


@pytest.mark.parametrize("system", SYSTEMS)
@given(statements)
def test_a_mask_has_the_macros_fingerprint_of_its_statement(store: Store, system: str | None, statement: str) -> None:
    """So the roll-ups may count statements of one mask together; some the macro leaves as they are."""
    [mask] = masked(pa.array([statement]), is_mysql=system == "mysql").to_pylist()
    [(one, other)] = store.execute(
        "SELECT query_fingerprint(m, system := s), query_fingerprint(q, system := s)"
        " FROM (SELECT ? AS m, ? AS q, ? AS s)",
        [mask, statement, system],
    )
    assert one == other or other == statement.strip(" ;")


def test_masks_bring_statements_together() -> None:
    """Numbers, texts and what comments say do not matter."""
    written = ["select 1, 'a' /* x */ from t2", "select 23, 'bc' /* y */ from t3"]
    assert masked(pa.array(written), is_mysql=False).to_pylist() == ["select 0, '' /**/ from t0"] * 2


@given(
    st.lists(st.one_of(names, values), max_size=10),
    st.lists(st.sampled_from([" ", "\n", " /* x */ ", "\t "]), min_size=1),
)
def test_blanks_and_comments_do_not_matter(tokens: list[str], blanks: list[str]) -> None:
    """Between tokens any of them is as good as another."""
    spaced = "".join(token + blanks[index % len(blanks)] for index, token in enumerate(tokens))
    assert fingerprint(spaced, "postgresql") == fingerprint(" ".join(tokens), "postgresql")


@given(st.text("ab1'\"`\\-/*#$?() \n:%", max_size=40), st.sampled_from(SYSTEMS))
def test_any_text_has_a_fingerprint(text: str, system: str | None) -> None:
    """Also what is no SQL, and it ends."""
    assert isinstance(fingerprint(text, system), str)
