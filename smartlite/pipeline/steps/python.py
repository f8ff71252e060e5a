"""``python.<name>``: functions of installed packages as steps. Must not know how packages are found.

What is here is what packages write against; ``smartlite.steps`` offers it to them.
"""

import asyncio
import inspect
import logging
import mimetypes
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from smartlite.domain.pipelines import JSON, MediaRef
from smartlite.errors import AlreadyExists, DeadlineExceeded, PythonStepFailed, SmartLiteError
from smartlite.pipeline.execution.kinds import StepContext, StepEvent, StepOutput
from smartlite.pipeline.execution.values import media_json, read_media
from smartlite.pipeline.spec.fields import Field

THREADS: Final = 16
"""Functions that are no coroutines which run at the same time on one replica; more wait."""
_MEDIA_S: Final = 120.0
"""Longest wait of a thread for a file."""
_SHOWN: Final = 500

_logger = logging.getLogger(__name__)


class StepCall:
    """What a function is told of the step that it is, and what it may reach. Made by the platform.

    Args:
        context: Of the step.
    """

    def __init__(self, context: StepContext) -> None:
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._cancelled = threading.Event()
        self.run_id = context.run.id
        self.step_id = context.step_id
        self.user_id = context.run.user_id
        """Whose run it is; empty where nobody has to say who they are."""
        self.attempt = context.attempt
        """From 1 on."""
        self.idempotency_key = context.idempotency_key
        """The same for every attempt on every worker: for effects that must happen once."""

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for the function any more. A thread cannot be stopped: it looks here, and returns."""
        return self._cancelled.is_set()

    async def get(self, media: JSON) -> bytes:
        """The bytes of audio or a file that a field of the type ``media`` gave.

        Raises:
            NotFound: There is nothing there.
        """
        return await self._context.objects.get(read_media(media).key)

    async def put(self, name: str, data: bytes, content_type: str | None = None) -> JSON:
        """Keep bytes; what it gives is a value for the step's output.

        Args:
            name: Such as ``cut.wav``; another one for each file of a step.
            data: Of any kind.
            content_type: None: what the name says.
        """
        plain = "".join(each if each.isalnum() or each in "._-" else "_" for each in name)[:64] or "file"
        ref = MediaRef(
            self._context.media_key(plain),
            content_type or mimetypes.guess_type(plain)[0] or "application/octet-stream",
            len(data),
        )
        with suppress(AlreadyExists):
            await self._context.objects.put(ref.key, data)
        return media_json(ref)

    def get_blocking(self, media: JSON) -> bytes:
        """``get``, for a function that is no coroutine."""
        return asyncio.run_coroutine_threadsafe(self.get(media), self._loop).result(_MEDIA_S)

    def put_blocking(self, name: str, data: bytes, content_type: str | None = None) -> JSON:
        """``put``, likewise."""
        return asyncio.run_coroutine_threadsafe(self.put(name, data, content_type), self._loop).result(_MEDIA_S)

    def cancel(self) -> None:
        """Say that nobody waits any more."""
        self._cancelled.set()


Function = Callable[[StepCall, Mapping[str, JSON]], JSON | Awaitable[JSON]]
"""Does the work, with checked fields: a coroutine in the event loop, else in a thread. Gives what JSON can hold."""


@dataclass(frozen=True, slots=True)
class PythonStep:
    """What an entry point of the group ``smartlite.steps`` names."""

    run: Function
    description: str = ""
    fields: Mapping[str, Field] = field(default_factory=dict)
    output: Mapping[str, JSON] = field(default_factory=dict)
    """JSON Schema of what it gives."""
    timeout_s: float = 300.0
    """Of one attempt, where the step says none that is shorter."""


class PythonRunner:
    """Runs one step of a package.

    Args:
        name: Of its kind.
        step: What the package says.
        threads: Where functions run that are no coroutines.
    """

    def __init__(self, name: str, step: PythonStep, threads: ThreadPoolExecutor) -> None:
        self._name = name
        self._step = step
        self._threads = threads

    async def run(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner."""
        call = StepCall(context)
        try:
            async with asyncio.timeout(self._step.timeout_s) as deadline:
                value = await self._call(call, fields)
        except TimeoutError as error:
            if not deadline.expired():
                raise self._failed(error) from error
            raise DeadlineExceeded(f"'{self._name}' did not end within {self._step.timeout_s:g} s.") from None
        except SmartLiteError:
            raise
        except Exception as error:
            _logger.exception("a step of an installed package failed", extra={"kind": self._name, "run": call.run_id})
            raise self._failed(error) from error
        finally:
            call.cancel()
        yield StepOutput(value)

    async def _call(self, call: StepCall, fields: Mapping[str, JSON]) -> JSON:
        if inspect.iscoroutinefunction(self._step.run):
            return await _safely_awaited(self._step.run(call, fields))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _safely_called, self._step.run, call, fields)

    def _failed(self, error: Exception) -> PythonStepFailed:
        said = " ".join(str(error).split())[:_SHOWN]
        return PythonStepFailed(f"'{self._name}' failed: {type(error).__name__}{': ' if said else '.'}{said}")


def _safely_called(run: Function, call: StepCall, fields: Mapping[str, JSON]) -> JSON:
    """Without what would end the process, or look as if the step had been cancelled."""
    if call.is_cancelled:
        return None
    try:
        return run(call, fields)
    except (SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, asyncio.CancelledError) as error:
        raise RuntimeError(type(error).__name__) from error


async def _safely_awaited(work: Awaitable[JSON]) -> JSON:
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(type(error).__name__) from error
