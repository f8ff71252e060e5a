"""Which providers people may sign in through, as an operator wrote it down. Must not know how they are asked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from smartlite.errors import ConfigurationError
from smartlite.public_url import secure_parts
from smartlite.strict import describe

_SETTING: Final = "SMARTLITE_OIDC_PROVIDERS"
_MAX_BYTES: Final = 1024 * 1024
_Text = Annotated[str, Field(min_length=1, max_length=512)]


class Provider(BaseModel):
    """A provider, and what its accounts may become here."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    """Part of the addresses ``/v1/auth/oidc/{id}/...``."""
    name: Annotated[str, Field(min_length=1, max_length=100)]
    """For people."""
    issuer: _Text
    """URL; what it says of itself, and what it signs, must name exactly this."""
    client_id: _Text
    client_secret_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")] | None = None
    """Name of the environment variable that holds our secret; none: we are a public client there."""
    scopes: Annotated[list[_Text], Field(max_length=20)] = ["openid", "email", "profile"]
    allowed_email_domains: Annotated[list[_Text], Field(max_length=1000)] = []
    """Who has a verified address in one of them is let in to the account with this address; with ``auto_create``, only
    they get one, where any is named."""
    auto_create: bool = False
    """Whether somebody without an account gets one, if their address is verified and nobody's yet."""
    default_roles: Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=20)] = ["user"]
    """Roles of those who get one."""

    @field_validator("issuer")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        parts = secure_parts(value)
        if parts is None or parts.query or "?" in value:
            msg = "must be an https URL without query and fragment; http only on this machine"
            raise ValueError(msg)
        return value

    @field_validator("client_secret_env")
    @classmethod
    def _is_not_ours(cls, value: str | None) -> str | None:
        if value is not None and value.upper().startswith("SMARTLITE_"):
            msg = "must not begin with SMARTLITE_, which is for settings"
            raise ValueError(msg)
        return value

    @field_validator("scopes")
    @classmethod
    def _asks_who_it_is(cls, value: list[str]) -> list[str]:
        if "openid" not in value or any(not scope.isascii() or not scope.isprintable() for scope in value):
            msg = "must hold 'openid'"
            raise ValueError(msg)
        return value

    @field_validator("allowed_email_domains")
    @classmethod
    def _in_one_case(cls, value: list[str]) -> list[str]:
        for domain in value:
            if "@" in domain or "*" in domain or "." not in domain.strip("."):
                msg = f"{domain[:64]!r} is no domain such as example.com"
                raise ValueError(msg)
        return [domain.lower() for domain in value]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    providers: Annotated[list[Provider], Field(max_length=50)]


class KnownProvider(BaseModel):
    """A provider with our secret there."""

    model_config = ConfigDict(frozen=True)

    provider: Provider
    secret: SecretStr | None


def load_providers(path: Path | None, environment: Mapping[str, str]) -> tuple[KnownProvider, ...]:
    """Read the file, and the secrets that it names.

    Args:
        path: A YAML file with a list of providers; None: there are none.
        environment: Where the secrets are.

    Raises:
        ConfigurationError: It cannot be read, a field is wrong (it is named), or a secret is missing.
    """
    if path is None:
        return ()
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigurationError(f"{path} is larger than {_MAX_BYTES} bytes.", _SETTING)
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML: {type(error).__name__}.", _SETTING) from error
    try:
        providers = _File.model_validate({"providers": data}).providers
    except ValidationError as error:
        _, told = describe(error, _File)
        raise ConfigurationError(f"{path}: {told}", _SETTING) from None
    for provider in providers:
        if sum(other.id == provider.id for other in providers) > 1:
            raise ConfigurationError(f"{path}: there are two providers '{provider.id}'.", _SETTING)
    return tuple(KnownProvider(provider=each, secret=_secret(each, environment)) for each in providers)


def _secret(provider: Provider, environment: Mapping[str, str]) -> SecretStr | None:
    if provider.client_secret_env is None:
        return None
    text = environment.get(provider.client_secret_env, "")
    if not text:
        raise ConfigurationError(
            f"The provider '{provider.id}' needs the environment variable {provider.client_secret_env}.", _SETTING
        )
    return SecretStr(text)
