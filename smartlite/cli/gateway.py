"""The HTTP client of the commands: requests to a running platform, its errors as ours. Must not know commands.

Every wait is bounded. What the platform refuses is raised as the class of ``smartlite.errors`` that has its code.
"""

import ipaddress
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self, cast

import httpx

from smartlite.domain.models import ModelTask
from smartlite.errors import DeadlineExceeded, ModelNotFound, NotFound, SmartLiteError, Unavailable

_CONNECT_TIMEOUT_S: Final = 5.0
_WRITE_TIMEOUT_S: Final = 60.0
READ_TIMEOUT_S: Final = 600.0
"""Longest silence of the platform: half an hour of speech is recognised in one answer without a word before its end."""
_MAX_LINE_BYTES: Final = 16 * 1024 * 1024
_MAX_ERROR_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ServedName:
    """A name that requests may use."""

    id: str
    root: str
    task: str
    voices: tuple[str, ...]


class Gateway:
    """A connection to one platform; use it in a ``with`` statement."""

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        read_timeout_s: float = READ_TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: Where the platform listens, such as ``http://127.0.0.1:8000``.
            key: API key to send; empty: none.
            read_timeout_s: Longest silence of the platform, in seconds.
            transport: How requests travel; None takes the network.
        """
        self._url = httpx.URL(url)
        self._read_timeout_s = read_timeout_s
        timeout = httpx.Timeout(
            connect=min(_CONNECT_TIMEOUT_S, read_timeout_s), read=read_timeout_s, write=_WRITE_TIMEOUT_S, pool=5.0
        )
        # A proxy of the environment cannot reach this machine's loopback, which is another one to it.
        trust_env = not _is_loopback(self._url.host)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            base_url=self._url, headers=headers, timeout=timeout, transport=transport, trust_env=trust_env
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @property
    def address(self) -> str:
        """The platform's URL as it may be shown: without a password."""
        return str(self._url.copy_with(username=None, password=None)).rstrip("/")

    @contextmanager
    def stream(self, method: str, path: str, **request: Any) -> Iterator[httpx.Response]:
        """Send a request and give its answer as it comes, once its status says that it went well.

        Args:
            request: What ``httpx.Client.stream`` takes: ``json``, ``data``, ``files``.

        Raises:
            SmartLiteError: The class with the code of the platform's error, and its message.
            NotFound: 404, what answers there is not SmartLite.
            Unavailable: 503, nothing listens there, or the connection broke before the end.
            DeadlineExceeded: 504, silence for too long.
        """
        with self._translated(), self._client.stream(method, path, **request) as response:
            if not response.is_success:
                raise self._error_of(response)
            yield response

    def json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Send a request whose answer is a JSON object. Raises what ``stream`` does."""
        with self.stream(method, path, **request) as response:
            return self._object(response.read(), response)

    def events(self, response: httpx.Response) -> Iterator[dict[str, Any]]:
        """The server-sent events of an answer, up to ``[DONE]`` or its end.

        Raises:
            SmartLiteError: The platform sent an error in the middle.
        """
        for data in _data_lines(response.iter_bytes()):
            if data == b"[DONE]":
                return
            event = self._object(data, response)
            if isinstance(event.get("error"), dict):
                raise _as_error(event["error"])
            yield event

    def served(self) -> tuple[ServedName, ...]:
        """Every name that requests may use, a model's own ids first."""
        listed = self.json("GET", "/v1/models").get("data", [])
        return tuple(
            ServedName(
                str(model["id"]),
                str(model.get("root", model["id"])),
                str(model.get("task", "")),
                tuple(str(voice["id"]) for voice in model.get("voices", ())),
            )
            for model in listed
        )

    def default_model(self, task: ModelTask) -> ServedName:
        """The first model that does a task.

        Raises:
            ModelNotFound: 404, none is served.
        """
        for model in self.served():
            if model.task == task:
                return model
        raise ModelNotFound(f"The platform at {self.address} serves no model for the task '{task}'.", "model")

    def _object(self, data: bytes, response: httpx.Response) -> dict[str, Any]:
        try:
            value = json.loads(data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise NotFound(f"{self._at(response)} answered something else than JSON. Is that SmartLite?")
        return cast("dict[str, Any]", value)

    def _error_of(self, response: httpx.Response) -> SmartLiteError:
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _MAX_ERROR_BYTES:
                break
        try:
            return _as_error(json.loads(body)["error"])
        except (ValueError, KeyError, TypeError):
            status = f"{response.status_code} {_phrase(response.status_code)}".strip()
            return NotFound(f"{self._at(response)} answered {status}. Is that SmartLite?")

    def _at(self, response: httpx.Response) -> str:
        return f"{self.address}{response.request.url.path}"

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unavailable(
                f"No platform answers at {self.address} ({error or 'no connection in time'}). Start one with: "
                "smartlite serve (or: make run). Is it elsewhere? Say so with --url."
            ) from error
        except httpx.TimeoutException as error:
            raise DeadlineExceeded(
                f"The platform at {self.address} was silent for {self._read_timeout_s:.0f} s; --timeout waits longer."
            ) from error
        except httpx.TransportError as error:
            raise Unavailable(
                f"The connection to {self.address} broke before the answer was whole ({error}). Try again."
            ) from error


def _as_error(body: dict[str, Any]) -> SmartLiteError:
    param = body.get("param")
    error_class = _classes_by_code().get(str(body.get("code")), SmartLiteError)
    return error_class(str(body["message"]), None if param is None else str(param))


def _classes_by_code() -> dict[str, type[SmartLiteError]]:
    found: dict[str, type[SmartLiteError]] = {}
    waiting: list[type[SmartLiteError]] = [SmartLiteError]
    while waiting:
        error_class = waiting.pop()
        found.setdefault(error_class.code, error_class)
        waiting += error_class.__subclasses__()
    return found


def _data_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What follows ``data:``; cut at line feeds only, since JSON may hold more that ends a line for Python."""
    kept = b""
    for chunk in chunks:
        *lines, kept = (kept + chunk).split(b"\n")
        if len(kept) > _MAX_LINE_BYTES:
            raise Unavailable(f"The platform sent an event of more than {_MAX_LINE_BYTES} bytes.")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
