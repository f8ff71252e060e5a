"""Every setting that is an address, a path, a limit or a secret, read from ``SMARTLITE_*`` once, at start.

Must not know who uses them. Numbers of replicas and engines are in ``serve_config.yaml``.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from smartlite.call_settings import CallSettings
from smartlite.database_url import normal_database_url
from smartlite.encryption_keys import parse_encryption_keys
from smartlite.errors import ConfigurationError
from smartlite.public_url import is_issuer
from smartlite.strict import nearest

_PREFIX = "SMARTLITE_"
_Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(CallSettings):
    """The platform's settings; each field is the environment variable ``SMARTLITE_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, hide_input_in_errors=True)

    host: str = "127.0.0.1"
    """Address the gateway listens on; one that others reach needs ``auth``, and its names in ``allowed_hosts``."""
    port: _Port = 8000
    """Port of the gateway."""
    edge: Literal["own", "ray-proxy", "ray-haproxy"] = "own"
    """What stands in front of the ingress replicas: our HAProxy, Ray's Python proxy, Ray's built-in HAProxy mode."""
    edge_stats_port: _Port = 8404
    """Port of HAProxy's statistics page and Prometheus metrics (``/stats``, ``/metrics``)."""
    edge_metrics_port: _Port = 9101
    """Port of the metrics of Ray's built-in HAProxy mode; our own edge has them on edge_stats_port."""
    replica_ports: str = "30000-30015"
    """First and last port that ingress replicas may listen on; several times as many as replicas:
    rolling updates need twice as many, and a port whose server has just ended stays closed for a minute."""
    ray_http_port: _Port = 8001
    """Port of Ray's own proxy, which the edge does not use."""
    dashboard_port: _Port = 8265
    """Port of the Ray dashboard and its deploy API."""
    auth: Literal["off", "required"] = "required"
    """Whether every request needs an API key (``smartlite keys``) or the access token of whoever signed in. ``off``:
    whoever reaches the gateway may do everything, on loopback only, and nothing is limited or recorded."""
    api_key: SecretStr = SecretStr("")
    """Key that the command line sends to the platform."""
    ray_auth_mode: Literal["disabled", "token"] = "disabled"
    """Authentication of Ray's own ports, which are on loopback; ``token`` shuts out other users of the machine."""
    logical_gpus: Annotated[float, Field(ge=0)] | None = None
    """GPUs that Ray gives out in fractions; none: those it finds. Without a GPU this tries out a placement."""
    object_store_memory_mb: Annotated[int, Field(ge=76)] = 200
    """Shared memory of Ray's object store, in MB."""

    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path("smartlite"))
    """Where the embedded stores live."""
    object_store_url: str = ""
    """fsspec URL of the object store, such as ``s3://bucket/prefix``; empty: the folder ``objects`` in data_dir."""
    s3_endpoint_url: str = ""
    """Address of the store of an ``s3://`` URL, such as ``http://127.0.0.1:8333``; empty: Amazon's, or what the
    variables and files of Amazon's own tools say, as with the next three."""
    s3_access_key_id: str = ""
    """Who asks the store."""
    s3_secret_access_key: SecretStr = SecretStr("")
    """Their secret."""
    s3_region: str = ""
    """Region of the bucket."""
    encryption_keys: SecretStr = SecretStr("")
    """Keys that wrap the keys of stored data, ``ID:BASE64`` of 32 bytes each, separated by commas: the first wraps what
    is new, the others open what is old; empty: nothing is encrypted. ``smartlite encryption-keys generate``."""
    database_url: SecretStr = SecretStr("")
    """SQLAlchemy URL of the database: ``mysql://user:password@host/database`` (MySQL, MariaDB) or ``sqlite:///file``,
    which serves the replicas of one machine; empty: the file ``smartlite.db`` in data_dir."""
    redis_url: SecretStr = SecretStr("")
    """Redis, where replicas count limits together: ``redis://:password@host:6379/0``, ``rediss://`` or ``unix://``;
    empty: one of the platform's own on this machine."""
    model_cache_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path("smartlite") / "models")
    """Node-local copies of model files, where replicas load from."""
    catalog: Path | None = None
    """A YAML file with more models, read after the one that ships; an entry with the same id replaces it."""

    max_upload_bytes: Annotated[int, Field(ge=1024)] = 25 * 1024 * 1024
    """Largest multipart request, in bytes."""
    max_json_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    """Largest JSON request, in bytes."""
    max_audio_duration_s: Annotated[float, Field(gt=0)] = 1800.0
    """Longest recording taken, in seconds."""
    max_speech_characters: Annotated[int, Field(ge=1)] = 4096
    """Longest text spoken by one request, in characters."""
    speech_language_detection: bool = True
    """Whether the language of a text decides which voice speaks it, where the request does not say its language."""
    max_choices: Annotated[int, Field(ge=1, le=128)] = 8
    """Answers that one chat request may ask for (``n``); four of them are made at the same time."""
    max_embedding_characters: Annotated[int, Field(ge=1)] = 500_000
    """Characters that the texts of one embeddings request may have together."""
    max_concurrent_requests: Annotated[int, Field(ge=1)] = 200
    """Requests that one ingress replica works on at once; more wait at the edge for 2 s, then get 503."""
    edge_max_waiting: Annotated[int, Field(ge=1)] = 1000
    """Requests that may wait at the edge at once; the next gets 503 without a wait."""
    max_held_bytes: Annotated[int, Field(ge=1024)] = 512 * 1024 * 1024
    """Request bodies that one ingress replica has at once, in memory or in its temporary folder, in bytes;
    the next gets 429."""
    first_event_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Longest wait for the first word of a stage, queueing included, in seconds."""
    next_event_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Longest silence of a stage that has begun to answer, in seconds."""
    model_load_timeout_s: Annotated[float, Field(gt=0)] = 300.0
    """Longest wait of a request for a model that is loaded on demand, its download included, or for the
    first replica of a deployment that sleeps, in seconds; the load goes on, and a later request finds it done."""

    rate_limit_requests_per_minute: Annotated[int, Field(ge=0)] = 600
    """Requests that one API key may send in a minute; like all of these limits, 0 is none, and
    none applies where ``auth`` is ``off``."""
    rate_limit_tokens_per_minute: Annotated[int, Field(ge=0)] = 1_000_000
    """Tokens of language and embedding models, prompts and answers, that one API key may use in a minute."""
    rate_limit_audio_seconds_per_minute: Annotated[int, Field(ge=0)] = 7200
    """Seconds of recordings that one API key may have transcribed in a minute."""
    rate_limit_characters_per_minute: Annotated[int, Field(ge=0)] = 500_000
    """Characters that one API key may have spoken in a minute."""
    rate_limit_concurrent: Annotated[int, Field(ge=0)] = 100
    """Requests of one API key that may run at the same time."""
    rate_limit_unknown_per_minute: Annotated[int, Field(ge=0)] = 60
    """Credentials that are refused which one client address may send in a minute; then it gets 429 instead of 401."""
    limits_without_redis: Literal["local", "closed"] = "local"
    """What happens while Redis does not answer: each replica counts half of every limit by itself, or nobody gets
    anything that is limited (503)."""

    prices: Path | None = None
    """A YAML file with what use costs, see docs/usage.md; none: everything costs nothing."""
    history_retention_days: Annotated[int, Field(ge=0)] = 90
    """Days that requests stay in the history; 0: for ever."""
    history_content: Literal["off", "text"] = "off"
    """Whether the history also keeps what was asked and answered: JSON and text of requests that a model worked for,
    64 KiB of each. Recordings and speech are not kept."""
    history_content_days: Annotated[int, Field(ge=1)] = 7
    """Days that it is kept."""
    usage_retention_days: Annotated[int, Field(ge=0)] = 0
    """Days that sums of usage are kept; 0: for ever."""

    public_url: str = ""
    """Address that browsers and clients of OAuth reach the gateway by, such as ``https://voice.example.com``;
    empty: ``http://host:port``."""
    oidc_providers: Path | None = None
    """A YAML file with the OpenID Connect providers that people may sign in through."""
    instance: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,128}$")] = ""
    """Random id of this start of the platform; ``/healthz`` answers it, so that the edge knows its own replicas."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1", "localhost", "[::1]")
    """Names that clients may call the gateway by (the Host header, no port), comma-separated; ``*`` means any."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins that browsers may call from, comma-separated; ``*`` means any."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is logged."""
    access_log_per_second: Annotated[int, Field(ge=0)] = 20
    """Requests that went well and are logged, each second and ingress replica; every one that failed is."""
    history_max_lag_s: Annotated[float, Field(ge=0)] = 10.0
    """Seconds that requests may be missing from the history and the usage while the machine has no time to spare."""

    @field_validator("auth")
    @classmethod
    def _is_off_on_loopback_only(cls, value: str, info: ValidationInfo) -> str:
        host = info.data.get("host")
        if value == "off" and host is not None and not ipaddress.ip_address(host).is_loopback:
            msg = f"must be 'required' while SMARTLITE_HOST is {host}, which others reach; off is for loopback"
            raise ValueError(msg)
        return value

    @field_validator("host")
    @classmethod
    def _is_address(cls, value: str) -> str:
        try:
            ipaddress.ip_address(value)
        except ValueError:
            msg = "must be an IP address, such as 127.0.0.1 or 0.0.0.0"
            raise ValueError(msg) from None
        return value

    @field_validator("public_url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        if value and not is_issuer(value):
            msg = "must be https://HOST[:PORT] with no path, or http:// with a loopback host"
            raise ValueError(msg)
        return value

    @field_validator("database_url")
    @classmethod
    def _is_database_url(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        return SecretStr(normal_database_url(url)) if url else value

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            msg = "must begin with redis://, rediss:// or unix://"
            raise ValueError(msg)
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _are_encryption_keys(cls, value: SecretStr) -> SecretStr:
        parse_encryption_keys(value.get_secret_value())
        return value

    @field_validator("s3_endpoint_url", "otlp_endpoint")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            msg = "must begin with http:// or https://"
            raise ValueError(msg)
        return value

    @field_validator("replica_ports")
    @classmethod
    def _is_port_range(cls, value: str) -> str:
        first, _, last = value.partition("-")
        if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= 65535):
            msg = "must be FIRST-LAST with 1 <= FIRST <= LAST <= 65535, such as 30000-30007"
            raise ValueError(msg)
        return value

    @field_validator("allowed_hosts", "cors_origins", "pipeline_http_hosts", "webhook_hosts", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(item.strip() for item in value.split(",") if item.strip())
        return value

    @property
    def replica_port_range(self) -> range:
        """Every port that an ingress replica may take."""
        first, _, last = self.replica_ports.partition("-")
        return range(int(first), int(last) + 1)

    @property
    def issuer(self) -> str:
        """URL of the platform, which clients of OAuth know it by (RFC 8414)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def objects_url(self) -> str:
        """fsspec URL of the object store."""
        return self.object_store_url or (self.data_dir / "objects").absolute().as_uri()

    @property
    def journal_dir(self) -> Path:
        """Where what was used is kept until the database has it; on a disk of this machine."""
        return self.data_dir / "journal"

    @property
    def encryption_key_ring(self) -> Mapping[str, bytes]:
        """The keys of ``encryption_keys`` by id, the one for what is new first: for the cipher alone."""
        return parse_encryption_keys(self.encryption_keys.get_secret_value())

    @property
    def sql_url(self) -> str:
        """SQLAlchemy URL of the database, its password in clear: for the driver alone."""
        return self.database_url.get_secret_value() or f"sqlite+aiosqlite:///{self.data_dir.absolute()}/smartlite.db"


def load_settings() -> Settings:
    """Read and check the environment.

    Raises:
        ConfigurationError: A variable is unknown (the nearest right name is told) or its value is not allowed.
    """
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith(_PREFIX) and name not in known:
            hint = nearest(name, known)
            raise ConfigurationError(f"The environment variable {name} is not a setting of SmartLite.{hint}", name)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = str(first["loc"][0])
        name = _PREFIX + field.upper()
        secret = Settings.model_fields[field].annotation is SecretStr
        shown = "" if secret else f"={os.environ.get(name, '')!r}"
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{name}{shown}: {reason}", name) from error
