"""Clients that ask again and again and note what failed. Must not know what happens to the platform meanwhile."""

import threading
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Self

import httpx

from tests.platform.running import eventually

_CHAT = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "Say hello."}],
    "max_tokens": 4,
}


class Load:
    """Asks from entry to exit, over connections that are kept, and repeats nothing.

    Args:
        url: Of the gateway.
        pool: Runs the clients, a thread each.
        lists: Clients that ask for the list of models.
        chats: Clients that ask for a short answer.
    """

    def __init__(self, url: str, pool: Executor, lists: int, chats: int) -> None:
        self._url = url
        self._pool = pool
        self._kinds = [False] * lists + [True] * chats
        self._ended = threading.Event()
        self._clients: list[Future[None]] = []
        self.answered = 0
        self.failures: list[str] = []

    def wait_more(self, answers: int) -> None:
        """Wait for that many more answers."""
        wanted = self.answered + answers
        eventually(lambda: self.answered >= wanted or self.failures, 60, f"{answers} more answers")

    def __enter__(self) -> Self:
        self._clients = [self._pool.submit(self._ask, chats) for chats in self._kinds]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        for client in self._clients:
            client.result(120)

    def _ask(self, chats: bool) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=60) as client:
            while not self._ended.is_set():
                try:
                    answer = client.post("/v1/chat/completions", json=_CHAT) if chats else client.get("/v1/models")
                except httpx.TransportError as error:
                    self.failures.append(repr(error))
                    continue
                if answer.status_code == 200:
                    self.answered += 1
                else:
                    self.failures.append(f"{answer.status_code} {answer.text}")
