"""The file of providers: read strictly, each wrong field named."""

from pathlib import Path

import pytest

from smartlite.auth.oidc.providers import load_providers
from smartlite.errors import ConfigurationError

GOOD = """
- id: corp
  name: Corporate
  issuer: https://login.example.com/tenant
  client_id: abc
  client_secret_env: CORP_SECRET
  allowed_email_domains: [Example.com]
  auto_create: true
  default_roles: [viewer]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "providers.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_is_read_with_its_secret(tmp_path: Path) -> None:
    (known,) = load_providers(written(tmp_path, GOOD), {"CORP_SECRET": "s3cr3t"})
    assert known.provider.allowed_email_domains == ["example.com"]
    assert known.provider.scopes == ["openid", "email", "profile"]
    assert known.secret is not None
    assert known.secret.get_secret_value() == "s3cr3t"
    assert "s3cr3t" not in repr(known)


def test_without_a_file_there_are_none() -> None:
    assert load_providers(None, {}) == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("id: corp", "id: Corp/x", "providers[0].id"),
        ("id: corp", "idd: corp", "idd"),
        ("name: Corporate", "name: ''", "providers[0].name"),
        ("https://login.example.com/tenant", "http://login.example.com", "providers[0].issuer"),
        ("https://login.example.com/tenant", "https://me@login.example.com", "providers[0].issuer"),
        ("https://login.example.com/tenant", "https://login.example.com?x=1", "providers[0].issuer"),
        ("client_id: abc", "client_id: 5", "providers[0].client_id"),
        ("CORP_SECRET", "SMARTLITE_X", "providers[0].client_secret_env"),
        ("CORP_SECRET", "'a b'", "providers[0].client_secret_env"),
        ("[Example.com]", "['*.example.com']", "providers[0].allowed_email_domains"),
        ("[Example.com]", "Example.com", "providers[0].allowed_email_domains"),
        ("auto_create: true", "auto_create: 'yes'", "providers[0].auto_create"),
        ("auto_create: true", "scopes: [email]", "providers[0].scopes"),
        ("CORP_SECRET", "OTHER_SECRET", "OTHER_SECRET"),
        ("- id", "providers:\n- id", "providers"),
        ("- id", "- *x\n- id", "YAML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_providers(written(tmp_path, GOOD.replace(old, new)), {"CORP_SECRET": "s3cr3t"})
    assert told in caught.value.message
    assert "s3cr3t" not in caught.value.message


def test_two_providers_do_not_share_an_id(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="two providers 'corp'"):
        load_providers(written(tmp_path, GOOD + GOOD), {"CORP_SECRET": "x"})


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load_providers(tmp_path / "nothing.yaml", {})
