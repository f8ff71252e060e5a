"""Tokens that must be refused, tried at every start: an updated library may surprise. Must not know stores."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from smartlite.auth.token_guard import OWN_CLIENT, TYPE, AccessToken
from smartlite.auth.tokens import ALGORITHM, AUDIENCE, ISSUER, TokenKey, new_signing_key, read_key, sign, verify
from smartlite.errors import ConfigurationError

_GONE: Final = object()
"""In the place of a value: the name is left out."""
_DEEP: Final = 20_000


def self_test(now: datetime) -> None:
    """Try one good token and every bad one.

    Raises:
        ConfigurationError: One is not treated as it should be; nobody may sign in with such a library.
    """
    key = read_key(new_signing_key(now))
    good = good_token(now)
    if verify(sign(key, good), {key.id: key}, now) != good:
        raise ConfigurationError("A good access token is refused: signing in cannot work.", "signing_keys")
    for name, text in bad_tokens(key, now):
        if verify(text, {key.id: key}, now) is not None:
            raise ConfigurationError(f"A bad access token is taken ({name}): signing in is not safe.", "signing_keys")


def good_token(now: datetime) -> AccessToken:
    """One that is good for a minute."""
    issued_at = int(now.timestamp())
    return AccessToken("user_1", "ses_1", "tok_1", issued_at, issued_at + 60)


def signed(key: TokenKey, header: Mapping[str, Any] | str, claims: Mapping[str, Any] | str) -> str:
    """Any header and any claims with a signature that is right."""
    head = ".".join(_part(each if isinstance(each, str) else json.dumps(each)) for each in (header, claims))
    return f"{head}.{_part(key.private.sign(head.encode('ascii')))}"


def good_header(key: TokenKey) -> dict[str, Any]:
    """The header of a good token."""
    return {"alg": ALGORITHM, "typ": TYPE, "kid": key.id}


def good_claims(now: datetime) -> dict[str, Any]:
    """The claims of a good token."""
    good = good_token(now)
    names = {"sub": good.user_id, "sid": good.session_id, "jti": good.token_id, "client_id": OWN_CLIENT}
    return names | {"iss": ISSUER, "aud": AUDIENCE, "iat": good.issued_at, "exp": good.expires_at}


def bad_tokens(key: TokenKey, now: datetime) -> Iterator[tuple[str, str]]:
    """Every kind of token that must be refused where ``key`` is the only one, with a name for it."""
    header, claims = good_header(key), good_claims(now)
    for name, change in _bad_headers(key):
        yield f"header {name}", signed(key, _changed(header, change), claims)
    for name, change in _bad_claims(int(now.timestamp())):
        yield f"claims {name}", signed(key, header, _changed(claims, change))
    text, plain = json.dumps(header), json.dumps(claims)
    for name, of_header, of_claims in (
        ("a header that is a list", f"[{text}]", plain),
        ("a header that is no JSON", text[:-1], plain),
        ("a header with a name twice", f'{{"alg": "none", {text[1:]}', plain),
        ("a header with another name as NaN", f'{{"x": NaN, {text[1:]}', plain),
        ("a header that is nested", f'{{"x": {"[" * 200}{"]" * 200}, {text[1:]}', plain),
        ("claims that are a list", text, f"[{plain}]"),
        ("claims that are no JSON", text, plain[:-1]),
        ("claims with a name twice", text, f'{{"sub": "user_2", {plain[1:]}'),
        ("claims with NaN", text, plain.replace(f'"exp": {claims["exp"]}', '"exp": NaN')),
        ("claims with 1e400", text, plain.replace(f'"exp": {claims["exp"]}', '"exp": 1e400')),
        ("claims that are nested", text, f'{{"x": {"[" * 1000}{"]" * 1000}, {plain[1:]}'),
        ("a header that is nested very deep", "[" * _DEEP, plain),
    ):
        yield name, signed(key, of_header, of_claims)
    yield from _confused(key, header, claims)
    yield from _misspelt(sign(key, good_token(now)))
    other = read_key(new_signing_key(now))
    yield "signed with another key", signed(other, header, claims)
    yield "signed with a key that is not there", signed(other, good_header(other), claims)


def _bad_headers(key: TokenKey) -> Iterator[tuple[str, dict[str, Any]]]:
    for value in ("none", "NoNe", "None", "", "HS256", "RS256", "ES384", "es256", ["ES256"], None, _GONE):
        yield f"alg {value!r}" if value is not _GONE else "no alg", {"alg": value}
    for value in ("JWT", "AT+JWT", "application/at+jwt", "rt+jwt", "", [TYPE], None, _GONE):
        yield f"typ {value!r}" if value is not _GONE else "no typ", {"typ": value}
    kids = ("", "unknown", "../../etc/passwd", "' OR 1=1 --", "\0", [key.id], {"id": key.id}, 1, None, "k" * 10_240)
    for value in (*kids, _GONE):
        yield f"kid {str(value)[:20]!r}" if value is not _GONE else "no kid", {"kid": value}
    extra = {"crit": ["exp"], "b64": False, "jku": "https://evil.example/", "x5u": "https://evil.example/"}
    extra |= {"x5c": ["AA=="], "jwk": key.public_jwk, "zip": "DEF", "cty": "JWT", "enc": "A128GCM", "p2c": 2**31}
    for name, value in {**extra, "epk": {}, "unknown": 1}.items():
        yield name, {name: value}


def _bad_claims(now: int) -> Iterator[tuple[str, dict[str, Any]]]:
    times = {
        "expired": {"iat": now - 900, "exp": now - 31},
        "from the future": {"iat": now + 31, "exp": now + 60},
        "not before the future": {"nbf": now + 31},
        "for ten years": {"exp": now + 315_360_000},
        "that end before they begin": {"iat": now + 20, "exp": now + 10},
        "with a negative time": {"iat": -1},
    }
    yield from times.items()
    for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp"):
        odd: tuple[Any, ...] = (_GONE, None, True, 1.5, [], {}, [ISSUER], {"x": 1}, "", "other", "1795721313")
        for value in odd[:-2] if name in {"sub", "sid", "jti"} else odd:
            yield f"{name} {value!r}" if value is not _GONE else f"no {name}", {name: value}
    for name in ("sub", "sid", "jti"):
        for value in ("a b", "a\n", "é", "\ud800", "\0", "x" * 129, 1):
            yield f"{name} {value!r:.20}", {name: value}
    for value in (_GONE, None, 1, [], "", "a b", "a\n", "x" * 129):
        yield f"client_id {value!r:.20}" if value is not _GONE else "no client_id", {"client_id": value}
    for value in (True, 1, [], ["llm:chat"], {}, " ", "a  b", " a", "a ", "a\nb", "a\tb", 'a"', "a\\", "é"):
        yield f"scope {value!r}", {"scope": value}
    for value in (True, "0", 1.5, [], None):
        yield f"nbf {value!r}", {"nbf": value}


def _confused(key: TokenKey, header: dict[str, Any], claims: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The public key, which everybody has, as if it were a shared secret (CVE-2024-33663)."""
    public = load_pem_private_key(key.stored.private_key.encode("ascii"), None).public_key()
    spki = PublicFormat.SubjectPublicKeyInfo
    secrets = {
        "PEM": public.public_bytes(Encoding.PEM, spki),
        "PEM without its last line break": public.public_bytes(Encoding.PEM, spki).strip(),
        "DER": public.public_bytes(Encoding.DER, spki),
        "OpenSSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "a point": public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        "a JWK": json.dumps(key.public_jwk).encode("ascii"),
        "nothing": b"",
    }
    for algorithm in ("HS256", ALGORITHM):
        head = ".".join(_part(json.dumps(each)) for each in (header | {"alg": algorithm}, claims))
        for name, secret in secrets.items():
            yield (
                f"{algorithm} with {name}",
                f"{head}.{_part(hmac.digest(secret, head.encode('ascii'), hashlib.sha256))}",
            )


def _misspelt(good: str) -> Iterator[tuple[str, str]]:
    head, _, signature = good.rpartition(".")
    header, _, claims = head.partition(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield "another spelling of the signature", good[:-1] + last[last.index(good[-1]) ^ 1]
    yield "no signature", f"{head}."
    yield "a signature of zeros", f"{head}.{_part(bytes(64))}"
    yield "a signature that is too long", f"{good}AAAA"
    yield "half a signature", f"{head}.{signature[:43]}"
    yield "an encrypted one", f"{header}.AAAA.AAAA.{claims}.AAAA"
    for name, text in (
        ("a newline", f"{good}\n"),
        ("a space", f"{good} "),
        ("padding", f"{good}=="),
        ("NUL", f"{good}\0"),
    ):
        yield f"{name} at the end", text
    yield "a space at the start", f" {good}"
    yield "not ASCII", good.replace("e", "е", 1)
    yield "a lone surrogate", f"{good}\ud800"
    yield "four parts", f"{good}.{claims}"
    yield "two parts", head
    yield "empty parts", ".."
    yield "nothing", ""
    yield "a megabyte", f"{header}.{'A' * 1_000_000}.{signature}"
    yield "dots", "." * 10_000


def _changed(values: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**values, **change}.items() if value is not _GONE}


def _part(data: str | bytes) -> str:
    raw = data.encode("utf-8") if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
