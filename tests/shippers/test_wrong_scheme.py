"""An address with https where nothing speaks TLS, or with http where something does, is a wrong setting: said once."""

import os
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from logpipe.store import Store
from logpipe_shippers.delivery import tls
from logpipe_shippers.delivery.access import Access
from logpipe_shippers.delivery.receiver import Misconfigured, Receiver, Rejected, Unavailable
from tests.commands import call
from tests.shippers.http_server import serving
from tests.shippers.ledger import add
from tests.shippers.tcp_server import handling
from tests.stores import new_store

GO = "Client sent an HTTP request to an HTTPS server."
NGINX = "<center>The plain HTTP request was sent to HTTPS port</center>"


@contextmanager
def tls_that_answers(text: str) -> Iterator[str]:
    """A server of TLS that says so to those who speak HTTP, as servers in Go and nginx do; its address with http."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if self.request.recv(1) == b"\x16":
                self.request.sendall(b"\x15\x03\x03\x00\x02\x02\x28")  # an alert: handshake_failure
                return
            head = f"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n"
            self.request.sendall(f"{head}{text}".encode())
            while self.request.recv(65_536):
                pass

    with handling(Handler) as port:
        yield f"http://localhost:{port}"


def test_https_where_nothing_speaks_tls() -> None:
    """The answer to a handshake is plain text."""
    with serving() as answers, Receiver(Access(answers.url.replace("http", "https")), "/push") as one:
        with pytest.raises(Misconfigured) as wrong:
            one.post(b"")
        assert str(wrong.value) == (
            f"what listens at {one.shown} does not speak TLS; "
            "begin the address with http://, or name the port that speaks TLS"
        )


def test_a_proxy_may_be_what_does_not_speak_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """With http in place of https, the address would send secrets in clear text."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("http", "https"))
        with Receiver(Access("https://logs.invalid"), "/push") as one, pytest.raises(Misconfigured) as wrong:
            one.post(b"")
    assert str(wrong.value) == (
        "the proxy on the way to https://logs.invalid/push, or what listens there, does not speak TLS; "
        "begin HTTPS_PROXY with http://, as most of them want it"
    )


@pytest.mark.parametrize(
    ("reason", "plain"), [("WRONG_VERSION_NUMBER", True), ("RECORD_LAYER_FAILURE", True), ("BAD_SIGNATURE", False)]
)
def test_newer_releases_of_openssl_say_otherwise(reason: str, plain: bool) -> None:
    """From 3.2 on, of which a test has but one."""
    error = ssl.SSLError(1, "it failed")
    error.reason = reason
    assert tls.is_answered_in_plain(error) is plain


def test_plain_text_behind_a_handshake_is_no_wrong_setting(
    authority: trustme.CA, context: ssl.SSLContext, tmp_path: Path
) -> None:
    """As by a proxy whose server is gone: TLS is spoken there."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            plain = os.dup(self.request.fileno())
            with context.wrap_socket(self.request, server_side=True) as encrypted:
                encrypted.recv(65_536)
                os.write(plain, b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
                encrypted.recv(65_536)
            os.close(plain)

    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with handling(Handler) as port:
        access = Access(f"https://localhost:{port}", ca_file=str(tmp_path / "ca.pem"))
        with Receiver(access, "/push") as one, pytest.raises(Unavailable, match="cannot be reached"):
            one.post(b"x")


@pytest.mark.parametrize("asks_for_certificates", [False, True])
def test_http_where_tls_is_spoken(authority: trustme.CA, context: ssl.SSLContext, asks_for_certificates: bool) -> None:
    """By a server that closes such connections without a word."""
    if asks_for_certificates:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    with serving(context) as answers, Receiver(Access(answers.url.replace("https", "http")), "/push") as one:
        with pytest.raises(Misconfigured) as wrong:
            one.post(b"x" * 100_000)
        assert str(wrong.value) == f"what listens at {one.shown} speaks TLS; begin the address with https://"


@pytest.mark.parametrize("text", [GO, NGINX])
def test_http_where_tls_is_asked_for(text: str) -> None:
    """By a server that answers 400: that is no word on what was sent."""
    wrong = pytest.raises(Misconfigured, match="speaks TLS; begin the address with https://")
    with tls_that_answers(text) as url, Receiver(Access(url), "/push") as one, wrong:
        one.post(b"")


def test_a_refusal_may_be_about_tls() -> None:
    """Of what does not speak it, as of a line that tells of one."""
    with serving() as answers, Receiver(Access(answers.url), "/push") as one:
        answers.say(400, GO)
        with pytest.raises(Rejected, match=GO):
            one.post(b"")


def test_what_does_not_speak_tls_is_asked_once() -> None:
    """Since it may wait for more of what it takes for a request, for each of many refusals."""
    asked: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            begin = self.request.recv(65_536)
            if begin.startswith(b"\x16"):
                asked.append(begin)
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhttps")

    with handling(Handler) as port, Receiver(Access(f"http://localhost:{port}"), "/push") as one:
        for _ in range(3):
            with pytest.raises(Rejected, match="https"):
                one.post(b"")
    assert len(asked) == 1


def test_no_line_is_refused_for_a_wrong_scheme(tmp_path: Path) -> None:
    """Nor tried again by who ships once."""
    db = tmp_path / "logs.duckdb"
    with new_store(db) as store:
        add(store, 1, 5)
    with tls_that_answers(GO) as url:
        done = call("ship", "otlp", "--url", url, "--db", str(db))
    assert (done.returncode, " ".join(done.stderr.split())) == (
        1,
        f"error: what listens at {url}/v1/logs speaks TLS; begin the address with https://",
    )
    with Store.open(db) as store:
        assert store.execute("SELECT retries FROM shipping") == [(1,)]
        assert store.execute("FROM refusals") == []


def test_a_channel_tells_it_without_its_address(tmp_path: Path, context: ssl.SSLContext) -> None:
    """Which is a secret but for the host."""
    config = tmp_path / "ship.toml"
    with serving(context) as answers:
        hook = f"{answers.url.replace('https', 'http')}/h0rse"
        config.write_text(f'[notify.chat]\nurl = "{hook}"\n')
        done = call("notify", "test", "--config", str(config))
    assert done.returncode == 1
    shown = hook.replace("h0rse", "***")
    assert f"chat: what listens at {shown} speaks TLS; begin the address with https://" in " ".join(done.stderr.split())
    assert "h0rse" not in done.stderr
