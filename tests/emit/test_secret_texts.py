"""Secrets in texts: what goes, and what stays."""

import pytest

from logpipe.emit.redaction import Redaction

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nx+/=\n-----END RSA PRIVATE KEY-----"
GONE = [
    ("Authorization: Bearer abc.DEF-123", "Authorization: Bearer [redacted]"),
    ("sent bearer aB3dE5gH7", "sent bearer [redacted]"),
    ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted]"),
    ("with Basic dXNlcjpwYXNz now", "with Basic [redacted] now"),
    ('authorization: Digest username="M", response="6629"\nnext', "authorization: [redacted]\nnext"),
    ("postgres://user:p4ss@host/db", "postgres://user:[redacted]@host/db"),
    ("redis://:p@ss@host:6379/0 and more", "redis://:[redacted]@host:6379/0 and more"),
    ("host=h user=u password=a(b)c dbname=d", "host=h user=u password=[redacted] dbname=d"),
    ("Server=s;Pwd=x y;Trusted=1", "Server=s;Pwd=[redacted] y;Trusted=1"),
    ("GET /login?user=bob&access_token=abc&page=2", "GET /login?user=bob&access_token=[redacted]&page=2"),
    ("GET /?api_key=abc#top", "GET /?api_key=[redacted]"),
    ("login {'password': 'a b', 'user': 'bob'}", "login {'password': '[redacted]', 'user': 'bob'}"),
    ('{"password": "a\\"b", "n": 1}', '{"password": "[redacted]", "n": 1}'),
    ('{\\"password\\":\\"ab\\",\\"n\\":1}', '{\\"password\\":\\"[redacted]\\",\\"n\\":1}'),
    ("{'token': b'abc', 'n': 1}", "{'token': b'[redacted]', 'n': 1}"),
    ("{'cookies': {'sid': 'x'}, 'n': 1}", "{'cookies': [redacted], 'n': 1}"),
    ("User(name='bob', password='x', age=3)", "User(name='bob', password='[redacted]', age=3)"),
    ('password="never closed', 'password="[redacted]'),
    ("status: password=abc", "status: password=[redacted]"),
    ("the password: hunter2!", "the password: [redacted]"),
    ("API key: abcdef", "API key: [redacted]"),
    ("Cookie: a=b; c=d\r\nHost: h", "Cookie: [redacted]\r\nHost: h"),
    ("curl -H 'Set-Cookie: a=b; c=d' https://h", "curl -H 'Set-Cookie: [redacted]' https://h"),
    ("--token=abc", "--token=[redacted]"),
    (f"got {JWT}, fine", "got [redacted], fine"),
    (f"key {PEM} end", "key [redacted] end"),
    (PEM.replace("\n", "\\n") + " end", "[redacted] end"),
    ("cut -----BEGIN PRIVATE KEY-----\nMIIE", "cut [redacted]"),
    ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
    (f"push ghp_{'a1B2' * 9}.", "push [redacted]."),
    (f"github_pat_{'a1B2' * 6}", "[redacted]"),
    ("glpat-abcdefghij0123456789", "[redacted]"),
    ("xoxb-123456789012-abcdefABCDEF", "[redacted]"),
    ("https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/services/[redacted]"),
    ("sk_live_abcdefghij0123456789", "[redacted]"),
    ("rk_test_abcdefghij0123456789", "[redacted]"),
    (f"AIza{'a1B2-' * 7}", "[redacted]"),
    (f"sk-ant-{'a1B2-' * 7}x", "[redacted]"),
    ("paid by 4111111111111111.", "paid by [redacted]."),
    ("paid. 4111 1111 1111 1111, thanks", "paid. [redacted], thanks"),
    ("5 4111-1111-1111-1111", "5 [redacted]"),
    ("4021 4111 1111 1111 1111", "4021 [redacted]"),
    ("amex 3782 822463 10005", "amex [redacted]"),
    ("card_4111111111111111", "card_[redacted]"),
    ("4111 1111 1111 1111 7", "[redacted] 7"),
    (repr("pwd=x\npwd: abc\n\x01pwd='abc'"), "\"pwd=[redacted]\\npwd: [redacted]\\n\\x01pwd='[redacted]'\""),
    ("{'cookie': b'abc', 'n': 1}", "{'cookie': b'[redacted]', 'n': 1}"),
    ("{'cookie': {'sid': 'x'}, 'n': 1}", "{'cookie': [redacted], 'n': 1}"),
    ("{\\'cookie\\': \\'a; b\\', \\'n\\': 1}", "{\\'cookie\\': \\'[redacted]\\', \\'n\\': 1}"),
    (repr("\n4111111111111111\x01AKIAIOSFODNN7EXAMPLE"), "'\\n[redacted]\\x01[redacted]'"),
]
KEPT = [
    "",
    "bearer token missing",
    "Basic authentication failed",
    "basic YWJjZGVm is no pair",
    "http://host:8080/a?mail=a@b.c",
    "mail bob@example.com, see https://example.com/a",
    "https://user@host/",
    "order 4111111111111112",
    "order 1234567890123456 and 9876543210987654",
    "at 1700000000000, 1700000000000000000 and 20261122055741",
    "took 0.4111111111111111 s, 4.111111111111111111",
    "call +4915112345678",
    "id 550e8400-4111-1111-1111-111111111111",
    "trace a4111111111111111 and 4111111111111111f",
    "password: must be at least 8 characters",
    "Unexpected token: }",
    "token: None, secret=null",
    "tokens=512 token_count=7 prompt_tokens: 3",
    "password=",
    "password=[redacted] token: '[redacted]'",
    "the secret of success",
    "the author: Bob, key=abc, cache_key=user:7",
    "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    "eyJ is how it begins",
    "AKIA SHORT",
    "\ud800 token",
]


@pytest.mark.parametrize(("text", "expected"), GONE)
def test_what_goes(text: str, expected: str) -> None:
    """The secret alone; and what is left has none any more."""
    redaction = Redaction(keys=(), patterns=(), enabled=True)
    assert redaction.redact({"message": text}) == {"message": expected}
    assert redaction.redact({"message": expected}) == {"message": expected}


@pytest.mark.parametrize("text", KEPT)
def test_what_stays(text: str) -> None:
    """What only looks like a secret."""
    entry: dict[str, object] = {"message": text}
    assert Redaction(keys=(), patterns=(), enabled=True).redact(entry) is entry


def test_names_that_were_added_or_taken_out_are_so_in_texts() -> None:
    """As by key."""
    redaction = Redaction(keys=("iban", "-token"), patterns=(), enabled=True)
    entry = redaction.redact({"message": "iban=DE02 token=abc password=x"})
    assert entry == {"message": "iban=[redacted] token=abc password=[redacted]"}


PIECES = (
    "a=",
    "a='",
    'token="',
    "token=\\",
    "://",
    "a.",
    "eyJ",
    "4111 ",
    "-----BEGIN ",
    "a:b@",
    "Bearer a",
    "-eyJaaaaaaaa",
    "-eyJ",
)


@pytest.mark.parametrize("piece", PIECES)
def test_long_texts_take_no_more_than_their_length(piece: str) -> None:
    """No text makes the search go over it again and again; if one did, this would not end."""
    Redaction(keys=(), patterns=(), enabled=True).redact({"message": piece * (300_000 // len(piece)) + "token"})
