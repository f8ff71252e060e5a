"""Signatures of webhooks, as Standard Webhooks has them (github.com/standard-webhooks, version 1.0.0).

Must not know what is signed. The package ``standardwebhooks`` does the same in as many lines and brings httpx, attrs
and python-dateutil with it; ``openai`` checks what is made here in our tests.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret() -> bytes:
    """A secret that nobody has."""
    return os.urandom(_SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """A secret as receivers are told it."""
    return PREFIX + base64.b64encode(secret).decode()


def signed_headers(secrets: Sequence[bytes], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that tell a message's id, when it was sent, and that we sent it.

    Args:
        secrets: Each makes a signature; while a secret is changed for another, the receiver knows one of both.
        message_id: The same however often it is sent.
        at: When it is sent: receivers refuse what is more than 5 minutes old.
        body: As it is sent.
    """
    seconds = str(int(at.timestamp()))
    signed = f"{message_id}.{seconds}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
