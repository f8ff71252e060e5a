"""What the engines that ask another OpenAI-compatible server share: options, the client, errors. Must not know verbs.

The official client does the wire: retries with backoff, timeouts, streams. The key comes from the environment variable
that an option names, and leaves this process only in the Authorization header.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any, ClassVar, Final

from pydantic import AnyHttpUrl, Field

from smartlite.domain.models import ModelFiles
from smartlite.engines.protocols import EngineOptions
from smartlite.errors import (
    ConfigurationError,
    ContextLengthExceeded,
    DeadlineExceeded,
    EngineFailed,
    InvalidRequest,
    ModelNotReady,
    Overloaded,
    RequestTooLarge,
    SmartLiteError,
    Unavailable,
    Unprocessable,
    VoiceNotFound,
)

_MESSAGE_CHARACTERS: Final = 500
_KEY_LIKE: Final = re.compile(r"\b(?:sk|ek|key)[-_][A-Za-z0-9_*.-]{4,}")

_BY_CODE: Final[dict[str, type[SmartLiteError]]] = {
    "context_length_exceeded": ContextLengthExceeded,
    "voice_not_found": VoiceNotFound,
}
_BY_STATUS: Final[dict[int, type[SmartLiteError]]] = {
    400: InvalidRequest,
    413: RequestTooLarge,
    415: Unprocessable,
    422: Unprocessable,
    429: Overloaded,
    503: Unavailable,
    504: DeadlineExceeded,
}


class UpstreamOptions(EngineOptions):
    """Where the other server is and how long it is waited for."""

    base_url: AnyHttpUrl
    """Its OpenAI base URL, with the version: ``https://host/v1``."""
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """The model's name there; None takes the name here."""
    api_key_env: Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")] = "OPENAI_API_KEY"
    """Environment variable that holds the key; empty: the server wants none."""
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Longest silence of the server, in seconds."""
    connect_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Longest wait for a connection, in seconds."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """A request that failed before its answer began (connection, 408, 409, 429, 5xx) is sent so many times more."""
    max_connections: Annotated[int, Field(ge=1, le=1000)] = 32
    """Requests to the server at once; more wait."""
    idle_connections: Annotated[int, Field(ge=0, le=1000)] = 8
    """Connections kept open for the next requests."""
    extensions: bool = False
    """Also send fields that OpenAI's API does not have (the server is a SmartLite)."""


class Upstream:
    """A model of another server; the base of one engine for each task."""

    Options: ClassVar[type[EngineOptions]] = UpstreamOptions

    def __init__(self, files: ModelFiles, options: EngineOptions) -> None:
        assert isinstance(options, UpstreamOptions)  # noqa: S101 - the registry parsed them
        self._files = files
        self._options = options
        self._model = options.model or files.id
        self._key: str | None = None
        self._client: Any = None
        self._client_loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Find the key; the server is first asked by the first request, so that it may start after this one.

        Raises:
            ConfigurationError: The library is missing, or the variable with the key is not set.
        """
        try:
            import openai  # noqa: F401 - only whether it is there
        except ImportError as error:
            raise ConfigurationError("openai is not installed: pip install 'smartlite[upstream]'.", "engine") from error
        name = self._options.api_key_env
        key = os.environ.get(name, "") if name else "none"
        if not key:
            raise ConfigurationError(
                f"The environment variable {name} is not set; it holds the key for the server of '{self._files.id}'. "
                "Set it, or set the option api_key_env to '' where no key is needed.",
                "api_key_env",
            )
        self._key = key

    async def check_health(self) -> None:
        """Raise EngineFailed before start and after close; a server that is away is no reason for another replica."""
        if self._key is None:
            raise EngineFailed(f"The model '{self._files.id}' is not loaded.")

    def close(self) -> None:
        """Forget the key and close the connections; the contract of Engine."""
        client, loop = self._client, self._client_loop
        self._key = self._client = self._client_loop = None
        if client is not None and loop is not None and loop.is_running():
            asyncio.run_coroutine_threadsafe(client.close(), loop)

    def client(self) -> Any:
        """The official client, one for each event loop.

        Raises:
            ModelNotReady: 503, before start and after close.
        """
        import httpx2
        import openai

        if self._key is None:
            raise ModelNotReady(f"The model '{self._files.id}' is not loaded.")
        loop = asyncio.get_running_loop()
        if self._client is None or self._client_loop is not loop:
            options = self._options
            limits = httpx2.Limits(
                max_connections=options.max_connections, max_keepalive_connections=options.idle_connections
            )
            timeout = httpx2.Timeout(options.timeout_s, connect=options.connect_timeout_s)
            self._client_loop = loop
            self._client = openai.AsyncOpenAI(
                base_url=str(options.base_url),
                api_key=self._key,
                timeout=timeout,
                max_retries=options.retries,
                # No redirects: the key goes to the server that was configured.
                http_client=httpx2.AsyncClient(timeout=timeout, limits=limits, follow_redirects=False),
            )
        return self._client

    @asynccontextmanager
    async def translated_errors(self) -> AsyncGenerator[None, None]:
        """Turn the client's errors into ours; what the server says of the request is passed on without its keys.

        Raises:
            InvalidRequest: 400, and the other errors of the request by their status.
            Overloaded: 429.
            Unavailable: 503, the server cannot be reached, fails, or refuses our key.
            DeadlineExceeded: 504, it was silent for too long.
        """
        import httpx2
        import openai

        try:
            yield
        except openai.APITimeoutError as error:
            raise DeadlineExceeded(f"The server of '{self._files.id}' did not answer in time.") from error
        except openai.APIStatusError as error:
            raise self._of_status(error.status_code, error) from None
        except openai.APIConnectionError as error:
            raise Unavailable(f"The server of '{self._files.id}' cannot be reached.") from error
        except openai.APIError as error:  # an error event of a stream
            raise self._of_status(0, error) from None
        except httpx2.TimeoutException as error:
            raise DeadlineExceeded(f"The server of '{self._files.id}' fell silent.") from error
        except httpx2.HTTPError as error:
            raise Unavailable(f"The connection to the server of '{self._files.id}' was lost.") from error

    def _of_status(self, status: int, error: Any) -> SmartLiteError:
        where = f"The server of '{self._files.id}'"
        if status in (401, 403):
            return Unavailable(f"{where} refuses the platform's key.")
        if status == 404:
            return Unavailable(f"{where} does not know the model '{self._model}'.")
        code = str(error.code or "")
        failure = _BY_CODE.get(code) or _BY_STATUS.get(status, Unavailable)
        if issubclass(failure, Unavailable | Overloaded | DeadlineExceeded):
            return failure(f"{where} answered {status or 'an error'}; try again shortly.")
        body = error.body if isinstance(error.body, dict) else {}
        return failure(f"{where}: {self._clean(str(body.get('message') or error.message))}", error.param)

    def _clean(self, message: str) -> str:
        """Take out what is or looks like a key: some servers repeat it."""
        if self._key and self._options.api_key_env:
            message = message.replace(self._key, "***")
        return _KEY_LIKE.sub("***", message)[:_MESSAGE_CHARACTERS]
