"""Templates of one statement become one, and those of several stay apart."""

import random
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logpipe.store import Store
from logpipe_analysis.generalising import generalised

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank")


@pytest.fixture(scope="module")
def store() -> Store:
    """Any store: masks are macros."""
    return Store.open(":memory:")


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("order 17 shipped to 10.0.0.7:8080", "order <*> shipped to <*>"),
        ("took 1.5 s, 300 kB (0.3 MB) sent", "took <*> sent"),
        ("at Fri Jun 17 20:55:07 2005 by db-1.example.org", "at <*> by <*>"),
        ("at 2026-01-05 12:00:01,5 +01:00: ok", "at <*>: ok"),
        ('"GET /v2/54fa/servers?all=True&since=2026 HTTP/1.1" status: 200', '"GET <*>" status: <*>'),
        ("session opened for user root by (uid=0)", "session opened for user <*> by (uid=<*>)"),
        ("connection from 1.2.3.4 () closed", "connection from <*> closed"),
        ("mail to jo.do@example.org failed", "mail to <*> failed"),
        ("read https://example.org/a/b?c=d, slowly", "read <*>, slowly"),
        ("ready=true, policy=3, lock=Lock{9f4e}", "ready=true, policy=<*>, lock=<*>"),
        ("java.io.IOException: not running", "java.io.IOException: not running"),
        ("status:404 in state.clipTop:0", "status:<*> in state.clipTop:<*>"),
        ("nothing varies here", "nothing varies here"),
    ],
)
def test_what_varies_is_masked(store: Store, message: str, template: str) -> None:
    """Numbers, times, addresses, paths and quantities, with their key and their sentence left."""
    assert store.execute("SELECT message_template(?)", [message]) == [(template,)]


@given(st.text(st.sampled_from("aAdDfzZMJué _\\-+.,%~$*#<>()[]{}='\"&?\n\t\0"), max_size=60))
@example("Mon Jan Dec Z UTC ms percent dead.beef-cafe user password for")
@example("\\\\host\\share C;\\temp ~$+-<*>.. %s %(name)s {0x}")
@example("a" * 1990)
def test_only_what_has_a_digit_a_colon_a_slash_or_an_at_is_masked(store: Store, message: str) -> None:
    """Others are not searched: as they stay where a number, of which all is searched, follows."""
    plain = re.sub("[0-9:/@]", "", message)
    [(alone, followed)] = store.execute("SELECT message_masked($1), message_masked($1 || ' 1')", [plain])
    assert (alone, followed) == (plain, f"{plain} <*>")


@pytest.mark.parametrize("letter", ["a", "é", "1"])
def test_only_the_beginning_of_a_long_message_is_masked(store: Store, letter: str) -> None:
    """Two thousand characters, whatever they take in bytes."""
    [(masked,)] = store.execute("SELECT message_masked(?)", [f"{letter}: {letter * 3000}"])
    assert masked == ("<*>: <*>" if letter == "1" else f"{letter}: {letter * 1997}")


def test_a_position_with_many_values_is_one() -> None:
    """Six names make a place for a name; five may be five statements."""
    assert set(generalised(f"hello {name}, come in" for name in NAMES).values()) == {"hello <*>, come in"}
    assert len(set(generalised(f"hello {name}, come in" for name in NAMES[:5]).values())) == 5


def test_what_looks_like_a_value_is_one_sooner() -> None:
    """Quoted texts, qualified names and assigned values vary together."""
    templates = [
        'lock tag="audio", name=android.media.server, ws=null',
        'lock tag="radio", name=phone, ws=<*>',
        'lock tag="screen", name=com.example.power, ws=<*>',
    ]
    assert set(generalised(templates).values()) == {"lock tag=<*>, name=<*>, ws=<*>"}


@pytest.mark.parametrize(
    "templates",
    [
        [f"{name} startup succeeded" for name in NAMES],
        ["overlap is true", "overlap is false"],
        list(NAMES),
        ["java.io.IOException: broken", "java.io.TimeoutError: broken"],
        ["session opened", "session closed"],
    ],
    ids=["first words", "truths", "single words", "exceptions", "few words"],
)
def test_what_says_what_happened_stays(templates: list[str]) -> None:
    """First words, truths, single words, exceptions and a few words that differ are no values."""
    assert generalised(templates) == {template: template for template in templates}


def test_lists_of_any_length_are_one() -> None:
    """Elements that repeat are told once."""
    templates = ["sets <*> <ok> <*> <ok> end", "sets <*> <ok> <*> <ok> <*> <ok> end"]
    assert len(set(generalised(templates).values())) == 1


def test_a_composed_value_is_one_where_another_has_a_plain_one() -> None:
    """`node-[<*>]` stands for what is `<*>` elsewhere."""
    assert len(set(generalised(["targeting nodes:<*> at once", "targeting nodes:node-[<*>] at once"]).values())) == 1


@given(
    st.lists(st.sampled_from(("a", "b", "user", "=", "<*>", '"x"', "a.b.c", "(", "true")), max_size=6), st.integers()
)
def test_the_order_in_which_templates_come_does_not_matter(tokens: list[str], seed: int) -> None:
    """The outcome is a function of the set."""
    templates = sorted(
        {" ".join((*tokens[:at], name, *tokens[at:])) for name in NAMES for at in range(len(tokens) + 1)}
    )
    shuffled = random.Random(seed).sample(templates, len(templates))
    assert generalised(shuffled) == generalised(templates)
