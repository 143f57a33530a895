"""Which keys are those of secrets."""

import pytest

from logpipe.emit.redaction import Redaction
from logpipe.emit.secret_names import SECRET_NAMES

HIDDEN = (
    *("password", "PASSWORD", "user_password", "userPassword", "db.password", "password2", "new-password"),
    *("password_hash", "passwordConfirmation", "DB_PASSWORD", "dbpassword", "MYSQL_PWD", "passwd"),
    *("passphrase", "smtp_pass", "secret", "client_secret", "clientSecret", "webhook-secret", "secrets"),
    *("aws_secret_access_key", "secretAccessKey", "token", "accessToken", "access_token", "refresh_tokens"),
    *("authToken", "authtoken", "csrfmiddlewaretoken", "id_token", "X-CSRF-Token", "token_value", "token_v", "api_key"),
    *("apiKey", "APIKey", "APIkey", "apikey", "X-Api-Key", "stripe_api_key", "private_key", "privateKey"),
    *("ssh_private_key", "signing_key", "Authorization", "Proxy-Authorization", "http_authorization"),
    *("authorization_header", "Cookie", "Set-Cookie", "cookies", "session_id", "sessionId", "JSESSIONID"),
    *("PHPSESSID", "card_number", "cardNumber", "credit_card", "cvv", "CVC", "credentials", "jwt", "otp"),
)
SHOWN = (
    *("token_count", "tokens", "tokens_used", "prompt_tokens", "max_tokens", "next_page_token", "page_token"),
    *(
        "time_to_first_token",
        "token_type",
        "token_version",
        "expires_token_at",
        "token_expires_at",
        "author",
        "authors",
    ),
    *("authority", "password_changed_at", "passwordless", "password_policy", "secretary", "access_key_id"),
    *("cookie_name", "cookie_domain", "session", "session_duration", "key", "cache_key", "primary_key"),
    *("public_key", "keyboard", "monkey", "card_type", "card_last4", "shopping", "pin", "pass", "passes"),
    *("compass", "bypass", "user_id", "order_id", "event", "tokenizer", "secret_name", "option"),
    *("authorization_url", "basic", "basics", "id", "passed_tests", "cvvs_x_count", "_", "1", "--", "é"),
)


@pytest.mark.parametrize("key", HIDDEN)
def test_keys_of_secrets(key: str) -> None:
    """In any case, by their words, wherever in the key the name is."""
    assert Redaction(keys=(), patterns=(), enabled=True).hides(key)


@pytest.mark.parametrize("key", SHOWN)
def test_keys_of_others(key: str) -> None:
    """What is about a secret, and what only has its letters."""
    assert not Redaction(keys=(), patterns=(), enabled=True).hides(key)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_default_name_can_be_taken_out(name: str) -> None:
    """With a `-` before it; the others stay."""
    assert Redaction(keys=(), patterns=(), enabled=True).hides(name)
    without = Redaction(keys=(f"-{name}",), patterns=(), enabled=True)
    assert not without.hides(name)
    assert without.hides("password") or name == "password"


def test_names_can_be_added() -> None:
    """They go by their words as the default ones do."""
    redaction = Redaction(keys=("iban", "customer-reference"), patterns=(), enabled=True)
    for key in ("iban", "senderIBAN", "customer_reference", "CustomerReference", "password"):
        assert redaction.hides(key)
    assert not redaction.hides("iban_country_id")
    assert not redaction.hides("reference")


def test_nothing_is_hidden_when_it_is_off() -> None:
    """By any name."""
    assert not Redaction(keys=("iban",), patterns=(), enabled=False).hides("password")
