"""Requests that are under way when something breaks, and how each of them ended. Must not know what breaks."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from benchmarks.client import credential

_SILENCE_S: Final = 60.0
"""A request that says nothing for so long counts as silent."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to send: JSON, or a form with a file."""

    path: str
    json: dict[str, Any] | None = None
    form: dict[str, str] | None = None
    file: bytes | None = None

    async def send(self, client: httpx.AsyncClient) -> str:
        """Send it and tell how it ended: a status and error code, ``stream broken``, ``cut off`` or ``silence``."""
        begun = False
        try:
            files = None if self.file is None else {"file": ("clip.wav", self.file)}
            method = "GET" if self.json is None and self.file is None else "POST"
            async with client.stream(method, self.path, json=self.json, data=self.form, files=files) as answer:
                begun = answer.status_code == 200
                body = await answer.aread()
        except httpx.TimeoutException:
            return "silence"
        except httpx.HTTPError as error:
            # Bytes of audio have no place for an error: the broken body is what tells the client.
            return f"{'stream broken' if begun else 'cut off'} ({type(error).__name__})"
        return ending(answer.status_code, answer.headers.get("content-type", ""), body)


def ending(status_code: int, content_type: str, body: bytes) -> str:
    """Name an answer that came: its status, and its error's code where it has one, an event's included."""
    if content_type.startswith("text/event-stream"):
        last = [line for line in body.decode("utf-8", "replace").splitlines() if line.startswith("data: {")]
        code = _code(last[-1].removeprefix("data: ")) if last else ""
        return f"{status_code}, then error event {code}" if code else str(status_code)
    code = _code(body.decode("utf-8", "replace")) if status_code != 200 else ""
    return f"{status_code} {code}".strip()


@dataclass(slots=True)
class Log:
    """How the requests of a load ended."""

    endings: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0

    @property
    def sent(self) -> int:
        """All of them."""
        return self.endings.total()

    @property
    def failed(self) -> int:
        """Those that did not end with 200."""
        return self.sent - self.endings["200"]


def open_client(url: str) -> httpx.AsyncClient:
    """A client with connections that stay open, as many as there are tasks."""
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=url, timeout=_SILENCE_S, limits=limits, trust_env=False, headers=credential())


async def load_while(
    client: httpx.AsyncClient, requests: Iterable[Request], work: Callable[[], Coroutine[None, None, None]]
) -> dict[str, Log]:
    """Send each request again and again, one task for each, while some work is done; the logs by path."""
    logs: dict[str, Log] = {}
    stop = asyncio.Event()

    async def repeat(request: Request) -> None:
        log = logs.setdefault(request.path, Log())
        while not stop.is_set():
            began = time.perf_counter()
            log.endings[await request.send(client)] += 1
            log.longest_s = max(log.longest_s, time.perf_counter() - began)

    async with asyncio.TaskGroup() as tasks:
        for request in requests:
            tasks.create_task(repeat(request))
        try:
            await work()
        finally:
            stop.set()
    return logs


async def seconds_until_answered(url: str, request: Request, limit_s: float, pause_s: float) -> float:
    """Ask on a new connection each time until a request ends with 200; seconds, infinite where it never does."""
    began = time.perf_counter()
    while (now_s := time.perf_counter() - began) < limit_s:
        async with httpx.AsyncClient(
            base_url=url, timeout=limit_s - now_s, trust_env=False, headers=credential()
        ) as client:
            if await request.send(client) == "200":
                return time.perf_counter() - began
        await asyncio.sleep(pause_s)
    return float("inf")


def _code(text: str) -> str:
    try:
        body = json.loads(text)
    except ValueError:
        return ""
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("code")) if isinstance(error, dict) else ""
