"""Which URLs the platform, or an identity provider, may be known by. Must not know who uses them."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def secure_parts(url: str) -> SplitResult | None:
    """The parts of an https URL, or of an http one on this machine; None where it is neither, or names a user."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or port == 0 or "@" in parts.netloc or parts.fragment:
        return None
    return parts if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname)) else None


def is_issuer(url: str) -> bool:
    """Whether the platform may be known by a URL: scheme, host and port, and nothing else."""
    parts = secure_parts(url)
    return parts is not None and url == f"{parts.scheme}://{parts.netloc}"
