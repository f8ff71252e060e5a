"""Keys of the environment: read, and refused by name without showing them."""

import base64
import secrets

import pytest

from smartlite.config import load_settings
from smartlite.encryption_keys import new_encryption_key, parse_encryption_keys
from smartlite.errors import ConfigurationError

KEY = secrets.token_bytes(32)
TEXT = base64.b64encode(KEY).decode()


def test_keys_keep_their_order() -> None:
    made = [new_encryption_key(name) for name in ("b", "a", "2027.1")]
    assert list(parse_encryption_keys(", ".join(made))) == ["b", "a", "2027.1"]
    assert parse_encryption_keys(f"a:{TEXT}") == {"a": KEY}
    assert parse_encryption_keys(f"a:{base64.urlsafe_b64encode(KEY).decode()}") == {"a": KEY}
    assert parse_encryption_keys("") == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TEXT, "key 1 is not ID:BASE64"),
        (f"a b:{TEXT}", "key 1 is not ID:BASE64"),
        (f"a:{TEXT},:{TEXT}", "key 2 is not ID:BASE64"),
        ("a:", "key 1 is not ID:BASE64"),
        ("a:secret!", "the key 'a' is not base64 of 32 bytes"),
        (f"a:{base64.b64encode(KEY[:16]).decode()}", "the key 'a' is not base64 of 32 bytes"),
        (f"a:{base64.b64encode(KEY + KEY).decode()}", "the key 'a' is not base64 of 32 bytes"),
        (f"a:{base64.b64encode(bytes(32)).decode()}", "the key 'a' is not random"),
        (f"a:{base64.b64encode(b'12345678' * 4).decode()}", "the key 'a' is not random"),
        (f"a:{TEXT},a:{base64.b64encode(KEY[::-1]).decode()}", "the key 'a' stands there twice"),
        (f"a:{TEXT},b:{TEXT}", "the key 'b' has the value of another one"),
    ],
)
def test_what_is_no_good_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, text: str, reason: str) -> None:
    monkeypatch.setenv("SMARTLITE_ENCRYPTION_KEYS", text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert reason in caught.value.message
    assert TEXT not in caught.value.message
    assert "secret" not in caught.value.message


def test_an_id_has_no_spaces() -> None:
    with pytest.raises(ValueError, match="letters"):
        new_encryption_key("a b")
