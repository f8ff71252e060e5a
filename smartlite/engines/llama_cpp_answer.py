"""One answer of llama.cpp on its way from the library's thread to the event loop. Must not know options or prompts."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final, NoReturn

from smartlite.domain.llm import ChatEvent, ChatFinished, FinishReason, TextDelta
from smartlite.domain.logprobs import TokenLogprob
from smartlite.domain.usage import TokenUsage
from smartlite.errors import (
    ContextLengthExceeded,
    EngineFailed,
    InvalidRequest,
    ModelNotReady,
    SmartLiteError,
)

LIBRARY_ERRORS: Final = (RuntimeError, ValueError, TypeError, IndexError, MemoryError, ArithmeticError, OSError)
"""What C++ exceptions become in Python (Cython's ``except +``)."""


class _Alive:
    """The library computes and has nothing to say yet."""


_ALIVE: Final = _Alive()


class Answer:
    """Runs one request in a worker thread and hands its events to a coroutine.

    Memory is bounded by the context: one event a token, one sign of life a batch of the prompt. ``on_prompt`` is called
    in the loop, once, with the tokens of the prompt, before the first of them has been read.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        closing: threading.Event,
        context_tokens: int,
        top_logprobs: int = 0,
        on_prompt: Callable[[int], object] | None = None,
    ) -> None:
        self._loop = loop
        self._on_prompt = on_prompt
        self._closing = closing
        self._top_logprobs = top_logprobs
        self._cancelled = False
        self._finish_reason: FinishReason = "stop"
        self._events: asyncio.Queue[ChatEvent | SmartLiteError | _Alive] = asyncio.Queue(maxsize=2 * context_tokens + 8)

    def cancel(self) -> None:
        """Make the library stop between this batch and the next; safe in any thread, at any time."""
        self._cancelled = True

    async def next_event(self, silence_timeout_s: float) -> ChatEvent:
        """Wait for a TextDelta or the ChatFinished.

        Raises:
            ContextLengthExceeded: 400.
            InvalidRequest: 400, the chat template refuses the messages.
            EngineFailed: The library failed, or was silent for ``silence_timeout_s`` seconds.
            ModelNotReady: The engine was closed.
        """
        event: ChatEvent | SmartLiteError | _Alive = _ALIVE
        while isinstance(event, _Alive):
            if self._events.empty():
                try:
                    async with asyncio.timeout(silence_timeout_s):
                        event = await self._events.get()
                except TimeoutError as error:
                    raise EngineFailed(f"llama.cpp was silent for {silence_timeout_s:g} s.") from error
            else:
                event = self._events.get_nowait()
        if isinstance(event, SmartLiteError):
            raise event
        return event

    def call_in_loop(self, callback: Callable[..., object], *args: object) -> bool:
        """Have the loop call something; False where the loop is closed and nobody listens any more."""
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            return False
        return True

    def run(self, server: Any, body: dict[str, Any]) -> None:
        """Compute the whole answer. Blocks; ends early when cancelled. Never raises: errors become events."""
        try:
            server.handle_chat_completions(body, self._take)
        except LIBRARY_ERRORS as error:
            # ValueError is std::invalid_argument: the template raised, as for roles that must alternate.
            failure: SmartLiteError = EngineFailed(f"llama.cpp failed: {error}")
            if isinstance(error, ValueError):
                failure = InvalidRequest("The model's chat template does not take these messages.", "messages")
            failure.__cause__ = error
            self._put(failure)
            return
        # After a ChatFinished nobody reads this; without one it says why there is none.
        if self._closing.is_set():
            self._put(ModelNotReady("The model was unloaded while it answered."))
        else:
            self._put(EngineFailed("llama.cpp ended the answer without a reason."))

    def _take(self, chunk: dict[str, Any]) -> bool:
        """Take one chunk in the worker thread; True tells the library to stop."""
        if self._cancelled or self._closing.is_set():
            return True
        try:
            event = self._parse(chunk)
        except SmartLiteError as error:
            event = error
        return event is not None and not self._put(event)

    def _put(self, event: ChatEvent | SmartLiteError | _Alive) -> bool:
        return self.call_in_loop(self._events.put_nowait, event)

    def _parse(self, chunk: dict[str, Any]) -> ChatEvent | SmartLiteError | _Alive | None:
        if "error" in chunk:
            raise_library_error(chunk["error"])
        if progress := chunk.get("prompt_progress"):
            if self._on_prompt is not None:
                self.call_in_loop(self._on_prompt, progress["total"])
                self._on_prompt = None
            return _ALIVE
        for choice in chunk.get("choices", ()):
            if choice["finish_reason"] is not None:
                self._finish_reason = "length" if choice["finish_reason"] == "length" else "stop"
            text = choice["delta"].get("content")
            # A model's private reasoning comes as "reasoning_content" and is not part of the answer.
            return TextDelta(text, self._logprobs(choice)) if text else _ALIVE
        if usage := chunk.get("usage"):
            cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
            return ChatFinished(
                self._finish_reason, TokenUsage(usage["prompt_tokens"], usage["completion_tokens"], cached)
            )
        return None

    def _logprobs(self, choice: dict[str, Any]) -> tuple[TokenLogprob, ...]:
        """Of the tokens of a piece; nothing where they were not asked for.

        The library gives a character of several tokens, or tokens held back for a stop text, as one with the
        probability of the last.
        """
        return tuple(
            _token_logprob(token, tuple(map(_token_logprob, token["top_logprobs"][: self._top_logprobs])))
            for token in (choice.get("logprobs") or {}).get("content", ())
        )


def _token_logprob(token: dict[str, Any], alternatives: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
    data = bytes(token["bytes"])
    return TokenLogprob(data.decode("utf-8", errors="replace"), min(0.0, token["logprob"]), data, alternatives)


def raise_library_error(error: dict[str, Any]) -> NoReturn:
    """Translate an error object of the library.

    Raises:
        ContextLengthExceeded: 400, with the counts.
        InvalidRequest: 400, the library refuses the request.
        EngineFailed: Everything else.
    """
    message = str(error.get("message", error))
    if error.get("type") == "exceed_context_size_error":
        raise ContextLengthExceeded(
            f"The messages are {error.get('n_prompt_tokens')} tokens long; this model's maximum context length is "
            f"{error.get('n_ctx')} tokens, the answer included.",
            "messages",
        )
    if error.get("code") == 400:
        raise InvalidRequest(f"The model refuses the request: {message}", "messages")
    raise EngineFailed(f"llama.cpp failed: {message}")
