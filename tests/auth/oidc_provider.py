"""A small provider of OpenID Connect on loopback, which tells the truth until told to lie. Must not know any test."""

import asyncio
import base64
import hashlib
import secrets
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI, Request
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey
from starlette.responses import JSONResponse, RedirectResponse, Response

from tests.auth.keyring import Clock

CLIENT_ID = "gateway"
SECRET = "the gateway's secret there"
GONE = object()
"""In the place of a claim: it is left out."""


class FakeProvider:
    """Its answers can be changed one by one."""

    def __init__(self, clock: Clock, port: int) -> None:
        self.clock = clock
        self.issuer = f"http://127.0.0.1:{port}"
        self.keys = [RSAKey.generate_key(2048, {"kid": "key-1"}, private=True)]
        self.person: dict[str, Any] = {"sub": "248289761001", "email": "ana@example.com", "email_verified": True}
        self.lies: dict[str, Any] = {}
        """Claims to change."""
        self.metadata: dict[str, Any] = {}
        """What of its metadata to change."""
        self.header: dict[str, Any] = {}
        self.raw_token: str | None = None
        """Instead of an ID token."""
        self.answers: dict[str, Response] = {}
        """By path, in the place of what is right."""
        self.waits: set[str] = set()
        """Paths that are never answered."""
        self.asked: Counter[str] = Counter()
        self.seen: list[dict[str, str]] = []
        """Forms of the token endpoint."""
        self._codes: dict[str, dict[str, str]] = {}
        self.app = FastAPI()
        self.app.middleware("http")(self._instead)
        self.app.get("/.well-known/openid-configuration")(self._discovery)
        self.app.get("/keys")(self._jwks)
        self.app.get("/authorize")(self._authorize)
        self.app.post("/token")(self._token)

    def claims(self, nonce: str) -> dict[str, Any]:
        """What it signs, with its lies."""
        now = int(self.clock.now.timestamp())
        true = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce}
        return {name: value for name, value in {**true, **self.person, **self.lies}.items() if value is not GONE}

    def signed(self, nonce: str) -> str:
        """An ID token."""
        header = {"alg": "RS256", "kid": "key-1", **self.header}
        return token_of({k: v for k, v in header.items() if v is not GONE}, self.claims(nonce), self.keys[-1])

    async def _instead(self, request: Request, call_next: Any) -> Response:
        path = request.url.path
        self.asked[path] += 1
        if path in self.waits:
            await asyncio.sleep(3600)
        if path in self.answers:
            return self.answers[path]
        found: Response = await call_next(request)
        return found

    async def _discovery(self) -> dict[str, Any]:
        true = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        true |= {f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in _ENDPOINTS.items()}
        return {**true, **self.metadata}

    async def _jwks(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 302)

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.seen.append(form)
        asked = self._codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or (asked["code_challenge"], asked["redirect_uri"]) != (challenge, form.get("redirect_uri")):
            return JSONResponse({"error": "invalid_grant"}, 400)
        token = self.raw_token or self.signed(asked["nonce"])
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "expires_in": 60, "id_token": token})


_ENDPOINTS = {"authorization": "authorize", "token": "token"}


def token_of(header: dict[str, Any], claims: dict[str, Any], key: RSAKey | OctKey) -> str:
    """Sign with whatever the header says, ``none`` too."""
    import json

    payload = json.dumps(claims).encode()
    if header.get("alg") == "none":
        parts = (json.dumps(header).encode(), payload, b"")
        return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    if str(header.get("alg")).startswith("HS"):
        head = ".".join(
            base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (json.dumps(header).encode(), payload)
        )
        # By hand: the library refuses to sign with a public key.
        import hmac

        mark = hmac.digest(shared(key), head.encode(), "sha256")
        return f"{head}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"
    return jws.serialize_compact(header, payload, key, algorithms=[str(header["alg"])])


def shared(key: Any) -> bytes:
    """A public key, which everybody has, as if it were a shared secret."""
    found: bytes = key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def served(app: Any, listener: socket.socket) -> AsyncIterator[None]:
    """Serve an app on a socket that listens."""
    server = _Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve([listener]))
    await server.listening.wait()
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        await task


@asynccontextmanager
async def a_provider(clock: Clock) -> AsyncIterator[FakeProvider]:
    """A provider that is there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider = FakeProvider(clock, listener.getsockname()[1])
        async with served(provider.app, listener):
            yield provider
