"""Threads in which an engine does a recording's work step by step, and whether one of the steps hangs.

Must not know what the steps do.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from smartlite.errors import EngineFailed, ModelNotReady

_Result = TypeVar("_Result")


class Stopped(Exception):
    """Nobody waits for this recording any more."""


class StepThreads:
    """A bounded number of threads; a caller that is cancelled while it waits for one never runs."""

    def __init__(
        self,
        model_id: str,
        library: str,
        errors: tuple[type[Exception], ...],
        *,
        count: int = 1,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        """Make no thread yet.

        Args:
            model_id: For messages.
            library: For messages.
            errors: What the library raises when it fails.
            count: Steps done at the same time.
            prepare: Run first in each thread.
        """
        self._model_id = model_id
        self._library = library
        self._errors = errors
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=library, initializer=prepare)
        self._began: dict[object, float] = {}
        self._closed = False

    async def run(self, step: Callable[[], _Result]) -> _Result:
        """Do a step.

        Raises:
            EngineFailed: 500, the library failed.
            ModelNotReady: 503, the threads are closed, or the recording was stopped.
        """
        if self._closed:
            raise self._not_ready()

        def timed() -> _Result:
            key = object()
            self._began[key] = time.monotonic()
            try:
                return step()
            except self._errors as error:
                raise EngineFailed(f"{self._library} failed: {error}") from error
            except Stopped as error:
                raise self._not_ready() from error
            finally:
                del self._began[key]

        return await asyncio.get_running_loop().run_in_executor(self._executor, timed)

    def check(self, stuck_after_s: float) -> None:
        """Raise EngineFailed if a step takes longer."""
        oldest = min(tuple(self._began.values()), default=None)
        if oldest is not None and time.monotonic() - oldest > stuck_after_s:
            raise EngineFailed(f"A step of '{self._model_id}' takes longer than {stuck_after_s:g} s.")

    def close(self) -> None:
        """Wait for the running steps; those that wait for a thread must find themselves stopped."""
        self._closed = True
        self._executor.shutdown(wait=True)

    def _not_ready(self) -> ModelNotReady:
        return ModelNotReady(f"The model '{self._model_id}' is not loaded.")
