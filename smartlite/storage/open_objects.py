"""The object store that the settings name, with what is needed to reach it. Must not know what the objects are."""

from typing import Final

from smartlite.config import Settings
from smartlite.errors import ConfigurationError
from smartlite.storage.objects import FsspecObjectStore

_CONNECT_S: Final = 3
_READ_S: Final = 10
"""Of silence; how long a whole object takes has no bound here."""


def open_objects(settings: Settings) -> FsspecObjectStore:
    """Open it; nothing is read or written yet.

    Raises:
        ConfigurationError: The URL or the credentials cannot be used.
    """
    url = settings.objects_url
    return FsspecObjectStore(url, _s3_options(settings) if url.startswith(("s3://", "s3a://")) else None)


def _s3_options(settings: Settings) -> dict[str, object]:
    key, secret = settings.s3_access_key_id, settings.s3_secret_access_key.get_secret_value()
    if bool(key) != bool(secret):
        raise ConfigurationError(
            "SMARTLITE_S3_ACCESS_KEY_ID and SMARTLITE_S3_SECRET_ACCESS_KEY are set together, or neither is.",
            "s3_access_key_id",
        )
    # Of the two that try again, botocore and s3fs, one does.
    config = {"connect_timeout": _CONNECT_S, "read_timeout": _READ_S, "retries": {"total_max_attempts": 1}}
    options: dict[str, object] = {"config_kwargs": config}
    if key:
        options |= {"key": key, "secret": secret}
    if settings.s3_endpoint_url:
        options["endpoint_url"] = settings.s3_endpoint_url
    if settings.s3_region:
        options["client_kwargs"] = {"region_name": settings.s3_region}
    return options
