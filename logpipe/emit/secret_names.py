"""Which names are those of secrets: `user_password`, `X-Api-Key` and `accessToken` are, `token_count` is not."""

import re
from functools import lru_cache
from typing import Final

SECRET_NAMES: Final = (
    *("password", "passwd", "passphrase", "passcode", "pwd", "db_pass", "smtp_pass", "user_pass"),
    *("secret", "token", "access_tokens", "auth_tokens", "refresh_tokens", "credential", "jwt", "csrf", "xsrf", "otp"),
    *("api_key", "access_key", "private_key", "secret_key", "auth_key", "account_key", "shared_key", "master_key"),
    *("encryption_key", "signing_key", "session_key", "ssh_key"),
    *("authorization", "basic_auth", "proxy_auth", "cookie", "session_id", "sessid"),
    *("card_number", "credit_card", "cc_number", "card_pin", "pin_code", "cvv", "cvc", "ssn"),
)
"""The default names. Each stands for its words wherever they follow each other in a key, in any case and spelling."""

HARMLESS_AFTER: Final = (
    *("age", "alg", "algorithm", "arn", "at", "attempt", "attempts", "bucket", "budget", "changed", "check"),
    *("checked", "consent", "cost", "count", "created", "date", "days", "domain", "duration", "enabled"),
    *("endpoint", "error", "errors", "exempt", "exists", "expiration", "expired", "expires", "expiry"),
    *("failed", "failure", "failures", "field", "file", "found", "host", "hours", "id", "ids", "invalid"),
    *("kind", "last", "latency", "left", "len", "length", "limit", "manager", "max", "method", "min"),
    *("minutes", "missing", "ms", "name", "names", "path", "per", "policy", "present", "provided", "provider"),
    *("rate", "remaining", "required", "retries", "rotated", "rotation", "score", "seconds", "sent", "service"),
    *("size", "source", "state", "status", "strength", "time", "timeout", "timestamp", "total", "ttl", "type"),
    *("types", "updated", "uri", "url", "usage", "used", "valid", "verified", "version"),
)
"""Words of which one after the name tells that the value is about the secret, not the secret."""

HARMLESS_BEFORE_TOKEN: Final = (
    *("bos", "continuation", "eos", "first", "last", "max", "next", "num", "page", "pagination", "per"),
    *("special", "stop", "unk"),
)
"""Words before `token` that make it a mark of pages, or one of a language model."""

_HARMLESS_AFTER: Final = frozenset(HARMLESS_AFTER)
_BOUNDARY: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
_SHORTEST_ENDING: Final = 5  # `authtoken` and `phpsessid` end in a name; that a word ends in `otp` says nothing


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in lower case, split at capitals and at what is no letter."""
    return tuple(_WORD.findall(_BOUNDARY.sub("_", name).lower()))


def joined(name: str) -> str:
    """The words of a name as one."""
    return "".join(words_of(name))


class SecretNames:
    """The default names, and those that a user adds; `-name` takes one out."""

    def __init__(self, added: tuple[str, ...]) -> None:
        self._without = frozenset(joined(name) for name in added if name.startswith("-"))
        names = {joined(name) for name in (*SECRET_NAMES, *(name for name in added if not name.startswith("-")))}
        self.names = frozenset(names - self._without - {""})
        """Each name as one word."""
        plural = {f"{name}s" for name in self.names if name != "token"}  # `tokens` are mostly counted
        self._forms = self.names | plural
        self._endings = tuple(form for form in self._forms if len(form) >= _SHORTEST_ENDING)
        self.hide = lru_cache(maxsize=4096)(self._hide)
        """Whether the value under this name is a secret."""

    def _hide(self, name: str) -> bool:
        words = words_of(name[:200])  # nobody names a field with more
        for end in range(len(words), 0, -1):
            runs = {"".join(words[max(end - length, 0) : end]) for length in range(1, 5)}
            if not _HARMLESS_AFTER.isdisjoint(words[end:]) or not self._without.isdisjoint(runs):
                return False
            if self._ends_in_secret(words[:end], runs):
                return True
        return False

    def _ends_in_secret(self, words: tuple[str, ...], runs: set[str]) -> bool:
        if words[-1] == "token" and words[-2:-1] and words[-2] in HARMLESS_BEFORE_TOKEN:
            return False
        return not runs.isdisjoint(self._forms) or words[-1].endswith(self._endings)
