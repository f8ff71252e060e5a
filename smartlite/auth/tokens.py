"""Access tokens: signed and verified; the only module that knows python-jose. Must not know where keys are kept.

JWTs of RFC 9068 that ES256 signs: one asymmetric algorithm, so that no public key can be taken for a shared secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose import jwk, jwt
from jose.exceptions import JOSEError

from smartlite.auth.token_guard import LEEWAY_S, TYPE, AccessToken, check_claims, key_id_of
from smartlite.domain.identity import SigningKey
from smartlite.domain.ids import new_id
from smartlite.errors import ConfigurationError

ALGORITHM: Final = "ES256"
LIFETIME_S: Final = 15 * 60
ISSUER: Final = "smartlite"
"""Not the URL that OAuth's metadata names: clients do not read access tokens (RFC 9068, section 6), and those that were
given stay good when the platform's address changes, or while replicas of two versions run."""
AUDIENCE: Final = "smartlite"

_REQUIRED: Final = {f"require_{claim}": True for claim in ("aud", "iat", "exp", "iss", "sub", "jti")}


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A signing key, read once and ready for use."""

    stored: SigningKey
    private: Any
    """The library's own; likewise below."""
    public: Any

    @property
    def id(self) -> str:
        """The ``kid``."""
        return self.stored.id

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public half, as RFC 7517 has it."""
        point = self.public.to_dict()
        public = {name: str(point[name]) for name in ("kty", "crv", "x", "y")}
        return public | {"kid": self.id, "use": "sig", "alg": ALGORITHM}


def new_signing_key(now: datetime) -> SigningKey:
    """Make a key out of the system's random numbers."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    return SigningKey(new_id("sk"), ALGORITHM, pem, now)


def read_key(stored: SigningKey) -> TokenKey:
    """Make a stored key ready.

    Raises:
        ConfigurationError: It is of another kind, or damaged.
    """
    try:
        if stored.algorithm != ALGORITHM:
            raise ConfigurationError(f"The signing key {stored.id} is not one of {ALGORITHM}.", "signing_keys")
        private = jwk.construct(stored.private_key, ALGORITHM)
        return TokenKey(stored, private, private.public_key())
    except (JOSEError, ValueError, TypeError) as error:
        raise ConfigurationError(f"The signing key {stored.id} cannot be read.", "signing_keys") from error


def sign(key: TokenKey, token: AccessToken, issuer: str = ISSUER, audience: str = AUDIENCE) -> str:
    """The text of a token."""
    claims = {
        "iss": issuer,
        "aud": audience,
        "client_id": token.client_id,
        "sub": token.user_id,
        "sid": token.session_id,
        "jti": token.token_id,
        "iat": token.issued_at,
        "exp": token.expires_at,
    }
    if token.scope is not None:
        claims["scope"] = token.scope
    return str(jwt.encode(claims, key.private, ALGORITHM, {"typ": TYPE, "kid": key.id}))


def named_key(text: str) -> str | None:
    """The id of the key that a text says it is signed with; None where it cannot be an access token. Never raises."""
    return key_id_of(text, ALGORITHM)


def verify(
    text: str, keys: Mapping[str, TokenKey], now: datetime, issuer: str = ISSUER, audience: str = AUDIENCE
) -> AccessToken | None:
    """Read a token that somebody sent.

    Args:
        text: As it was sent.
        keys: Those that it may be signed with, by id.
        now: Until when it must be good.
        issuer: Who must have signed it.
        audience: For whom it must be.

    Returns:
        None where it is not good, whatever the reason. Never raises, whatever the text is.
    """
    key_id = named_key(text)
    key = None if key_id is None else keys.get(key_id)
    if key is None:
        return None
    try:
        claims = jwt.decode(
            text,
            key.public,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=issuer,
            options={**_REQUIRED, "leeway": LEEWAY_S},
        )
    except (JOSEError, ValueError, TypeError, OverflowError, RecursionError, KeyError):
        return None
    return check_claims(claims, issuer, audience, now.timestamp())
