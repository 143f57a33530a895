"""What a receiver answers, and what is told of it: never a secret."""

import logging
import ssl
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme

from logpipe.errors import SettingError
from logpipe_shippers.delivery.access import Access
from logpipe_shippers.delivery.receiver import Misconfigured, Receiver, Rejected, Unavailable
from logpipe_shippers.delivery.secrets import Secret
from tests.shippers.http_server import Answers, serving

PASSWORD = "c0rrect-horse"


@pytest.fixture
def server() -> Iterator[Answers]:
    with serving() as answers:
        yield answers


@pytest.fixture
def receiver(server: Answers) -> Iterator[Receiver]:
    access = Access(server.url, user="shop", password=Secret(PASSWORD))
    with Receiver(access, "/push", {"X-Scope-OrgID": "shop"}) as one:
        yield one


def test_a_body_goes_to_its_path_with_its_headers(receiver: Receiver, server: Answers) -> None:
    """The path is added once, whether the address has it or not."""
    receiver.post(b"body", {"Content-Type": "text/plain"})
    [got] = server.got
    assert (got.path, got.body, got.headers["X-Scope-OrgID"]) == ("/push", b"body", "shop")
    assert got.headers["Authorization"].startswith("Basic ")
    assert got.headers["User-Agent"].startswith("logpipe/")
    assert str(Receiver(Access("http://one:1/loki/push"), "/loki/push").url) == "http://one:1/loki/push"
    assert str(Receiver(Access("http://one:1/behind/"), "/loki/push").url) == "http://one:1/behind/loki/push"
    assert str(Receiver(Access("http://one:1/alerts"), "/api/v2/alerts").url) == "http://one:1/alerts/api/v2/alerts"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_refused_is_refused_for_good(receiver: Receiver, server: Answers, status: int) -> None:
    """With what the receiver said."""
    server.say(status, "line 3 is\ntoo long")
    with pytest.raises(Rejected) as refused:
        receiver.post(b"")
    assert (refused.value.status, refused.value.said) == (status, "line 3 is too long")


@pytest.mark.parametrize(
    ("status", "after", "wait_s"), [(429, "7", 7), (503, "", None), (500, "soon", None), (408, "", None)]
)
def test_a_receiver_that_is_busy_says_for_how_long(
    receiver: Receiver, server: Answers, status: int, after: str, wait_s: float | None
) -> None:
    """In seconds, or not at all."""
    server.say(status, "busy", Retry_After=after)
    with pytest.raises(Unavailable) as busy:
        receiver.post(b"")
    assert busy.value.wait_s == wait_s


def test_a_receiver_may_name_a_date(receiver: Receiver, server: Answers) -> None:
    """As RFC 9110 lets it."""
    server.say(503, "", Retry_After=format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    with pytest.raises(Unavailable) as busy:
        receiver.post(b"")
    assert busy.value.wait_s is not None
    assert 3480 <= busy.value.wait_s <= 3600


@pytest.mark.parametrize("status", [401, 403, 404, 301])
def test_wrong_credentials_are_one_clear_error_without_them(receiver: Receiver, server: Answers, status: int) -> None:
    """Even where the receiver repeats what it was sent."""
    server.say(status, f"no user with {PASSWORD}")
    with pytest.raises(Misconfigured) as wrong:
        receiver.post(b"")
    assert PASSWORD not in str(wrong.value)
    assert str(wrong.value) == (
        f"{server.url}/push answered {status}: no user with ***; check the address, the tenant and the credentials"
    )


def test_headers_of_ones_own_are_sent_and_not_shown(server: Answers) -> None:
    """They hold the keys of hosted services."""
    with Receiver(Access(server.url, headers={"X-Key": Secret(PASSWORD)}), "/push", {"X-Tenant": "shop"}) as one:
        server.say(403, f"no user with {PASSWORD}")
        with pytest.raises(Misconfigured) as wrong:
            one.post(b"")
    assert (server.got[0].headers["X-Key"], server.got[0].headers["X-Tenant"]) == (PASSWORD, "shop")
    assert PASSWORD not in str(wrong.value)


@pytest.mark.parametrize(("status", "refuses"), [(503, False), (500, True), (408, False), (400, True)])
def test_a_protocol_may_name_what_is_tried_again(server: Answers, status: int, refuses: bool) -> None:
    """And say how a reason is read; what is left of a server's errors is for good, of a client's waits for somebody."""
    server.say(status, "so")
    with Receiver(Access(server.url), "/push", retried={503}, said=lambda answer: f"{answer.text} it is") as one:
        expected = Rejected if refuses else Unavailable if status == 503 else Misconfigured
        with pytest.raises(expected, match="so it is"):
            one.post(b"")


def test_a_connection_that_breaks_or_cannot_be_made_is_tried_again(receiver: Receiver, server: Answers) -> None:
    """Neither says anything of what was sent."""
    server.say(0)
    with pytest.raises(Unavailable, match="cannot be reached"):
        receiver.post(b"")
    with pytest.raises(Unavailable), Receiver(Access("http://localhost:1"), "/push") as nobody:
        nobody.post(b"")


def test_a_password_in_the_address_is_not_shown(server: Answers, caplog: pytest.LogCaptureFixture) -> None:
    """Nor in the error of an address that is none, nor in the log that the library of HTTP writes."""
    caplog.set_level(logging.DEBUG)
    with Receiver(Access(server.url.replace("//", f"//shop:{PASSWORD}@")), "/push") as one:
        server.say(401, f"{PASSWORD} is wrong")
        with pytest.raises(Misconfigured) as wrong:
            one.post(b"")
    assert PASSWORD not in str(wrong.value)
    with pytest.raises(Misconfigured) as none:
        Receiver(Access(f"ftp://shop:{PASSWORD}@host"), "/push")
    assert PASSWORD not in str(none.value)
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    "url", [f"http://shop:{PASSWORD}/x@host", f"ftp://shop:{PASSWORD}@{PASSWORD}@host", f"http://:{PASSWORD}\n@:x"]
)
def test_a_password_in_an_address_that_is_none_is_not_shown(url: str) -> None:
    """Whatever it holds, that makes the address none."""
    with pytest.raises(Misconfigured) as none:
        Receiver(Access(url), "/push")
    assert PASSWORD not in str(none.value)


def test_a_key_in_the_query_is_sent_and_not_shown(server: Answers) -> None:
    """Some services take it there."""
    with Receiver(Access(f"{server.url}/push?key={PASSWORD}"), "/push") as one:
        server.say(401, f"key={PASSWORD} is wrong")
        with pytest.raises(Misconfigured) as wrong:
            one.post(b"")
    assert server.got[0].path == f"/push?key={PASSWORD}"
    assert PASSWORD not in str(wrong.value)


def test_a_receiver_that_repeats_the_headers_shows_nothing(receiver: Receiver, server: Answers) -> None:
    """Nor what the password was encoded to, nor the rest of a secret that another one begins."""
    sent = b64encode(f"shop:{PASSWORD}".encode()).decode()
    server.say(400, f"Authorization: Basic {sent}")
    with pytest.raises(Rejected) as refused:
        receiver.post(b"")
    assert refused.value.said == "Authorization: Basic ***"
    keys = {"A": Secret("horse"), "B": Secret("horse-battery"), "C": Secret("x")}
    with Receiver(Access(server.url, headers=keys, user="shop", password=Secret("")), "/push") as one:
        server.say(400, "horse-battery is wrong")
        with pytest.raises(Rejected) as refused:
            one.post(b"")
    assert refused.value.said == "*** is wrong"


@pytest.mark.parametrize("text", ["t0ken\n", "t0k\u00e9n", "t0\x00ken", ""])
def test_what_no_header_may_hold_is_a_wrong_setting(text: str) -> None:
    """And not a fault in the middle of a run; it is not shown."""
    for access in (
        Access("http://one:1", bearer_token=Secret(text)),
        Access("http://one:1", headers={"A": Secret(text)}),
    ):
        with pytest.raises(SettingError, match="that no header may have") as wrong:
            Receiver(access, "/push")
        assert "t0" not in str(wrong.value)
    with pytest.raises(SettingError):
        Receiver(Access("http://one:1"), "/push", {"X-Scope-OrgID": "shop\r\nX: y"})


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_nobody_waits_for_ever_or_not_at_all(seconds: float) -> None:
    """The clock of the connection takes none of them."""
    with pytest.raises(SettingError, match="timeout_s is"):
        Access("http://one:1", timeout_s=seconds)


def test_an_answer_without_end_is_read_to_a_limit(server: Answers) -> None:
    """A receiver that is none may send whatever it likes."""
    server.say(400, "x" * 20_000_000)
    with Receiver(Access(server.url), "/push", said=lambda answer: str(len(answer.content))) as one:
        with pytest.raises(Rejected, match=r"with 400: 1048576$"):
            one.post(b"")
        one.post(b"")


def test_tls_is_verified_by_the_authority_that_is_named(tmp_path: Path) -> None:
    """Without it the certificate is not trusted, which no attempt mends."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with serving(context) as answers:
        access = Access(answers.url, bearer_token=Secret("t0ken"), ca_file=str(tmp_path / "ca.pem"))
        with Receiver(access, "/push") as trusting:
            trusting.post(b"secret")
        assert answers.got[0].headers["Authorization"] == "Bearer t0ken"
        with (
            Receiver(replace(access, ca_file=None), "/push") as careful,
            pytest.raises(Misconfigured, match="not trusted"),
        ):
            careful.post(b"secret")


def test_a_client_may_show_its_own_certificate(tmp_path: Path) -> None:
    """As receivers that ask for one want it; who has none is not let in."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    own = authority.issue_cert("shop@example.org")
    own.private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    with serving(context) as answers:
        access = Access(answers.url, ca_file=str(tmp_path / "ca.pem"), client_certificate=str(tmp_path / "own.pem"))
        with Receiver(access, "/push") as known:
            known.post(b"")
        with Receiver(replace(access, client_certificate=None), "/push") as stranger, pytest.raises(Unavailable):
            stranger.post(b"")
    assert len(answers.got) == 1


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Before anything is sent."""
    with pytest.raises(SettingError, match=r"ca\.pem cannot be read"):
        Receiver(Access("https://localhost", ca_file=str(tmp_path / "ca.pem")), "/push")


def test_there_is_one_way_to_authenticate() -> None:
    """Two would leave open which of them is meant."""
    with pytest.raises(SettingError, match="password and a bearer token"):
        Receiver(Access("http://localhost", user="a", password=Secret("a"), bearer_token=Secret("b")), "/push")
