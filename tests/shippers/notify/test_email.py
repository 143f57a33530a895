"""E-mail through a real server: one thread a problem, and clear errors without the password."""

import logging
import socketserver
import ssl
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from logpipe.errors import LogpipeError, SettingError
from logpipe_shippers.delivery.receiver import Misconfigured, Rejected, Unavailable
from tests.shippers.notify.mail_server import PASSWORD, USER, mail_server
from tests.shippers.notify.people import People, a_finding
from tests.shippers.tcp_server import handling

LOGIN = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@"


def to(
    scheme: str, port: int, login: str = "", query: str = "from=logpipe@example.org&to=ada@example.org", more: str = ""
) -> str:
    return f'[notify.team]\nurl = "{scheme}://{login}127.0.0.1:{port}?{query}"\n{more}\n'


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return f'ca_file = "{tmp_path / "ca.pem"}"'


def test_a_problem_is_one_thread(people: People) -> None:
    """By its subject, and by references to its first message; as text and as HTML, where nothing of a log is markup."""
    with mail_server() as mails:
        people.configure(
            to("smtp+plain", mails.port, query="from=logpipe@example.org&to=ada@example.org,bob@example.org")
        )
        people.find(one := a_finding("aaaa2222", "critical", text="<script>alert('é')</script>"))
        people.tell()
        people.end(one)
        people.tell()
    first, end = mails.got
    assert mails.recipients[0] == ["ada@example.org", "bob@example.org"]
    assert (first["From"], first["To"]) == ("logpipe@example.org", "ada@example.org, bob@example.org")
    assert first["Subject"] == "[critical] web: errors ×36 (aaaa2222)"
    assert end["Subject"] == f"Re: {first['Subject']}"
    assert end["In-Reply-To"] == end["References"] == first["Message-ID"]
    assert first["References"] is None
    assert end["Message-ID"] != first["Message-ID"]
    plain, html = first.get_body(("plain",)), first.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "next   logpipe explain aaaa2222" in plain.get_content()
    assert "<script>alert('é')" in plain.get_content()
    assert "&lt;script&gt;" in html.get_content()
    assert "<script>" not in html.get_content()
    ended = end.get_body(("plain",))
    assert ended is not None
    assert ended.get_content().startswith("[resolved] web")


def test_a_message_that_is_sent_again_has_the_same_id(people: People) -> None:
    """So that whoever stores mail knows it."""
    with mail_server() as mails:
        people.configure(to("smtp+plain", mails.port))
        people.find(a_finding("aaaa2222"))
        batch = people.channels["team"].take(people.store)
        assert batch is not None
        people.channels["team"].send(batch)
        people.clock.forward(minutes=1)
        assert people.tell() == 1
    assert mails.got[0]["Message-ID"] == mails.got[1]["Message-ID"]


def test_a_title_cannot_add_a_header(people: People) -> None:
    """Whatever a log says."""
    with mail_server() as mails:
        people.configure(to("smtp+plain", mails.port))
        people.find(a_finding("aaaa2222", title="web\r\nBcc: eve@example.org\n\nhello"))
        people.tell()
    [mail] = mails.got
    assert (mail["Bcc"], mail["Subject"]) == (None, "[warning] web Bcc: eve@example.org hello")


def test_starttls_and_login(people: People, context: ssl.SSLContext, ca_file: str) -> None:
    """With a certificate that is verified."""
    with mail_server(starttls=context, login=True) as mails:
        people.configure(to("smtp", mails.port, LOGIN, "to=ada@example.org", ca_file))
        people.find(a_finding("aaaa2222"))
        people.tell()
    assert [mail["From"] for mail in mails.got] == [USER]


def test_tls_from_the_start(people: People, context: ssl.SSLContext, ca_file: str) -> None:
    """With a certificate that is verified."""
    with mail_server(implicit=context) as mails:
        people.configure(to("smtps", mails.port, more=ca_file))
        people.find(a_finding("aaaa2222"))
        people.tell()
    assert len(mails.got) == 1


def failure(people: People) -> LogpipeError:
    channel = people.channels["team"]
    with pytest.raises(LogpipeError) as failed:
        channel.test()
    return failed.value


def test_a_wrong_login_is_one_clear_error_without_the_password(
    people: People, context: ssl.SSLContext, ca_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is it logged."""
    caplog.set_level(logging.DEBUG)
    with mail_server(starttls=context, login=True) as mails:
        people.configure(to("smtp", mails.port, f"{quote(USER, safe='')}:wr0ng-pass@", "to=ada@example.org", ca_file))
        error = failure(people)
    assert isinstance(error, Misconfigured)
    assert str(error) == (
        f"smtp://127.0.0.1:{mails.port} refuses the login of {USER} (535); check the user and the password in the URL"
    )
    assert "wr0ng" not in caplog.text


def test_a_certificate_that_is_not_trusted_is_said(people: People, context: ssl.SSLContext) -> None:
    """Nothing was sent, the password least of all."""
    with mail_server(starttls=context, login=True) as mails:
        people.configure(to("smtp", mails.port, LOGIN, "to=ada@example.org"))
        error = failure(people)
    assert isinstance(error, Misconfigured)
    assert "is not trusted" in str(error)
    assert mails.got == []


class ClosesThenSpeaksTls(socketserver.BaseRequestHandler):
    """As a server of TLS that has waited long enough for a handshake, and gets one on the next connection."""

    def handle(self) -> None:
        counted = vars(self.server)
        counted["connections"] = counted.get("connections", 0) + 1
        if counted["connections"] > 1:
            self.request.recv(65_536)
            self.request.sendall(b"\x15\x03\x03\x00\x02\x02\x28")  # an alert: handshake_failure


def test_a_scheme_that_the_server_does_not_speak_is_said(people: People, ca_file: str) -> None:
    """TLS from the start where a greeting comes first, and a wait for that where TLS does."""
    with mail_server() as mails:
        people.configure(to("smtps", mails.port, more=ca_file))
        plain = failure(people)
    assert isinstance(plain, Misconfigured)
    assert "does not speak TLS from the start; use smtp:// (STARTTLS)" in str(plain)
    with handling(ClosesThenSpeaksTls) as port:
        people.configure(to("smtp", port, more=ca_file))
        tls = failure(people)
    assert isinstance(tls, Misconfigured)
    assert "speaks TLS from the start; use smtps://" in str(tls)


class PromisesStarttls(socketserver.StreamRequestHandler):
    """As a server that cannot keep it just now, and says so in plain text."""

    def handle(self) -> None:
        for said in (b"220 here\r\n", b"250-here\r\n250 STARTTLS\r\n", b"220 go ahead\r\n"):
            self.wfile.write(said)
            self.request.recv(65_536)
        self.wfile.write(b"454 TLS not available due to temporary reason\r\n")


def test_a_server_that_does_not_keep_its_word_is_no_wrong_scheme(people: People, ca_file: str) -> None:
    """It is tried again."""
    with handling(PromisesStarttls) as port:
        people.configure(to("smtp", port, more=ca_file))
        assert isinstance(failure(people), Unavailable)


def test_a_server_without_starttls_gets_nothing(people: People) -> None:
    """Falling back to plain text is for whoever writes smtp+plain."""
    with mail_server() as mails:
        people.configure(to("smtp", mails.port))
        error = failure(people)
    assert isinstance(error, Misconfigured)
    assert "smtp+plain" in str(error)
    assert mails.got == []


def test_what_a_server_answers(people: People, caplog: pytest.LogCaptureFixture) -> None:
    """Not now; not this; not these addresses; and where it refuses some of them, the others get it."""
    with mail_server() as mails:
        people.configure(
            to("smtp+plain", mails.port, query="from=logpipe@example.org&to=ada@example.org,bob@example.org")
        )
        mails.answers = ["451 try later", "554 that is spam"]
        assert isinstance(failure(people), Unavailable)
        assert isinstance(failure(people), Rejected)
        mails.unknown = ("bob@example.org",)
        people.channels["team"].test()
        assert mails.recipients == [["ada@example.org"]]
        assert "refused the recipient bob@example.org: 550 no such user here" in caplog.text
        mails.unknown = ("ada@example.org", "bob@example.org")
        error = failure(people)
        assert isinstance(error, Misconfigured)
        assert "no such user here" in str(error)
    assert isinstance(failure(people), Unavailable)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("smtp://mail.example.org?from=a@example.org", "needs a recipient"),
        ("smtp://?to=a@example.org", "needs a host"),
        ("smtp://mail.example.org:port?to=a@example.org", "needs a host and a port"),
        ("smtp://mail.example.org?to=a@example.org", "needs addresses"),
        ("smtp://u:s3cret@mail.example.org?from=a@example.org&to=nobody", "needs addresses"),
        ("smtp://u:s3cret@mail.example.org?from=a@example.org&to=b@example.org&cc=c@d.e", "has cc"),
        ("smtp+plain://u:s3cret@mail.example.org?from=a@example.org&to=b@example.org", "in plain text"),
        ("smtp://u:s3cr%C3%A9t@mail.example.org?from=a@example.org&to=b@example.org", "a password in ASCII"),
    ],
)
def test_a_url_that_lacks_something_is_refused(people: People, url: str, said: str) -> None:
    """Before anything is sent, by name, and without the password."""
    with pytest.raises(SettingError) as wrong:
        people.configure(f'[notify.team]\nurl = "{url}"\n')
    assert said in str(wrong.value)
    assert "s3cr" not in str(wrong.value)


def test_a_mail_that_was_taken_is_not_sent_again(people: People) -> None:
    """Whatever the server says to a good-bye."""
    with mail_server() as mails:
        mails.goodbye = "421 too late"
        people.configure(to("smtp+plain", mails.port))
        people.channels["team"].test()
    assert len(mails.got) == 1
