"""Where an answer may be sent to. Must not know clients, nor requests.

Addresses are compared character by character (RFC 9700, section 4.1.3), the port of a loopback address too.
"""

import re
from typing import Final
from urllib.parse import SplitResult, urlencode, urlsplit

from smartlite.domain.oauth import ClientKind
from smartlite.errors import InvalidRequest
from smartlite.public_url import is_loopback

MAX_CHARACTERS: Final = 512
_PARAM: Final = "redirect_uris"
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&()+,;=%-]+", re.ASCII)
"""RFC 3986 without fragments, wildcards and quotes; nothing that programs read in different ways."""
_PLACE: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
"""Host and port; it becomes part of a header, where ``;`` would begin something else."""
_OWN_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+", re.ASCII)
"""A domain turned round, as RFC 8252, section 7.1 has it: none of ``javascript``, ``data`` and their like has a dot."""


def check_redirect_uri(text: str, kind: ClientKind) -> str:
    """An address, if a client may have it.

    Raises:
        InvalidRequest: 400, it is none, or one that answers are not safe at.
    """
    shown = repr(text[:64])
    if len(text) > MAX_CHARACTERS:
        raise InvalidRequest(f"'{_PARAM}': an address has at most {MAX_CHARACTERS} characters.", _PARAM)
    parts = _split(text)
    if parts is None:
        raise InvalidRequest(f"'{_PARAM}': {shown} is no absolute address without fragment and wildcards.", _PARAM)
    if parts.scheme in {"http", "https"}:
        if not parts.hostname or _PLACE.fullmatch(parts.netloc) is None:
            raise InvalidRequest(f"'{_PARAM}': {shown} names no host, or a user.", _PARAM)
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise InvalidRequest(f"'{_PARAM}': {shown} must be https; http only on this machine, 127.0.0.1.", _PARAM)
    elif kind is not ClientKind.PUBLIC or _OWN_SCHEME.fullmatch(parts.scheme) is None:
        raise InvalidRequest(
            f"'{_PARAM}': {shown} must be https, http on 127.0.0.1, or for a public client a scheme of its own with a "
            "dot, as in 'com.example.app:/callback'.",
            _PARAM,
        )
    return text


def with_parameters(uri: str, parameters: dict[str, str | None]) -> str:
    """The address with more parameters; those without a value are left out."""
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{uri}{'&' if '?' in uri else '?'}{query}"


def place_of(uri: str) -> str:
    """What people are shown of an address: where it is."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else f"{parts.scheme}:"


def _split(text: str) -> SplitResult | None:
    if _PLAIN.fullmatch(text) is None:
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and port != 0 and (parts.netloc or parts.path) else None
