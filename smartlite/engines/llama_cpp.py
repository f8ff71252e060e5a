"""Language models in GGUF files, run in this process by llama.cpp through xllamacpp, with continuous batching.

Must not know HTTP, replicas or where the files came from.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Final

from smartlite.domain.llm import ChatEvent, ChatFinished, ChatOptions, Message
from smartlite.domain.models import ModelFiles
from smartlite.engines.gguf import read_gguf_header
from smartlite.engines.llama_cpp_answer import LIBRARY_ERRORS, Answer
from smartlite.engines.llama_cpp_server import LlamaCppOptions, open_server
from smartlite.engines.protocols import EngineOptions
from smartlite.engines.special_tokens import SpecialTokenGuard
from smartlite.errors import ConfigurationError, EngineFailed, InvalidRequest, ModelNotReady, Overloaded

_RANDOM_SEED: Final = 0xFFFFFFFF
"""llama.cpp's seed that means "a new one each time" (``LLAMA_DEFAULT_SEED``)."""
_HEALTH_TIMEOUT_S: Final = 10.0


class LlamaCpp:
    """Answers messages with a GGUF model. Verbs are called from one event loop at a time.

    The HTTP server that the library insists on listens on a unix socket in a private folder that is removed as soon as
    it exists, with a random key: nobody can connect, and nothing is left on disk.
    """

    Options: ClassVar[type[EngineOptions]] = LlamaCppOptions

    def __init__(self, files: ModelFiles, options: EngineOptions) -> None:
        assert isinstance(options, LlamaCppOptions)  # noqa: S101 - the registry parsed them
        self._files = files
        self._options = options
        self._server: Any = None
        self._workers: ThreadPoolExecutor | None = None
        self._prober: ThreadPoolExecutor | None = None
        self._probe: Future[str] | None = None
        self._guard = SpecialTokenGuard(())
        self._closing = threading.Event()
        self._slots: asyncio.Semaphore | None = None
        self._slots_loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0

    def start(self) -> None:
        """Load the model and answer once; the contract of Engine."""
        path = _find_gguf(self._files)
        header = read_gguf_header(path)
        if not (header.chat_template or self._options.chat_template):
            raise ConfigurationError(f"{path}: has no chat template. Set the option chat_template.", "chat_template")
        self._guard = SpecialTokenGuard(header.special_tokens)
        self._server = open_server(path, self._options)
        self._workers = ThreadPoolExecutor(self._options.parallel, thread_name_prefix=f"llama-{self._files.id}")
        self._prober = ThreadPoolExecutor(1, thread_name_prefix=f"llama-health-{self._files.id}")

    async def chat(self, messages: tuple[Message, ...], options: ChatOptions) -> AsyncGenerator[ChatEvent, None]:
        """Answer; the contract of LLMEngine.

        A ``max_tokens`` beyond what the context leaves is cut to it. A request with a seed reads its whole prompt anew,
        since a cached prompt rounds differently and would change the answer.
        """
        server, workers = self._server, self._workers
        if server is None or workers is None or self._closing.is_set():
            raise ModelNotReady(f"The model '{self._files.id}' is not loaded.")
        body = self._request(messages, options)
        slots = await self._take_slot()
        answer = Answer(asyncio.get_running_loop(), self._closing, self._options.context_tokens)
        try:
            work = workers.submit(answer.run, server, body)
        except RuntimeError as error:  # closed while we waited
            slots.release()
            raise ModelNotReady(f"The model '{self._files.id}' is not loaded.") from error
        # The slot is free when the library has let go of the request, not when its caller has.
        work.add_done_callback(lambda _: answer.call_in_loop(slots.release))
        try:
            while True:
                event = await answer.next_event(self._options.silence_timeout_s)
                yield event
                if isinstance(event, ChatFinished):
                    return
        finally:
            answer.cancel()

    async def check_health(self) -> None:
        """Ask the computing thread for its state; the contract of Engine."""
        if self._server is None or self._prober is None or self._closing.is_set():
            raise EngineFailed(f"The model '{self._files.id}' is not loaded.")
        if self._probe is None or self._probe.done():
            self._probe = self._prober.submit(self._server.handle_metrics)
        # A probe that hangs is waited for again by the next check: one thread, never more.
        done, _ = await asyncio.wait([asyncio.wrap_future(self._probe)], timeout=_HEALTH_TIMEOUT_S)
        if not done:
            raise EngineFailed(f"llama.cpp has not answered for {_HEALTH_TIMEOUT_S:g} s.")
        try:
            metrics = done.pop().result()
        except LIBRARY_ERRORS as error:
            raise EngineFailed(f"llama.cpp failed: {error}") from error
        if "requests_processing" not in metrics:
            raise EngineFailed("llama.cpp does not tell the state of its slots.")

    def close(self) -> None:
        """End running answers (they raise ModelNotReady) and give everything back; the contract of Engine."""
        self._closing.set()
        for executor in (self._workers, self._prober):
            if executor is not None:
                executor.shutdown(wait=True)
        self._workers = self._prober = self._probe = None
        self._server = None  # the library's destructor ends its threads and frees the weights

    def _request(self, messages: tuple[Message, ...], options: ChatOptions) -> dict[str, Any]:
        if not messages:
            raise InvalidRequest("There must be at least one message.", "messages")
        if options.max_tokens is not None and options.max_tokens < 1:
            raise InvalidRequest(f"max_tokens is {options.max_tokens}, it must be at least 1.", "max_tokens")
        for text in (*(message.content for message in messages), *options.stop):
            if not _is_unicode(text):
                raise InvalidRequest("Text must be valid Unicode; this one has a lone surrogate.", "messages")
        seed = options.seed if options.seed is not None else self._options.seed
        body: dict[str, Any] = {
            "messages": [
                {"role": message.role, "content": self._guard.neutralise(message.content)} for message in messages
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
            "temperature": options.temperature,
            "top_p": options.top_p,
            "top_k": self._options.top_k,
            "min_p": self._options.min_p,
            "stop": [stop for stop in options.stop if stop],
            "seed": _RANDOM_SEED if seed is None else seed % _RANDOM_SEED,
            "cache_prompt": seed is None,
        }
        if options.max_tokens is not None:
            body["max_tokens"] = options.max_tokens
        return body

    async def _take_slot(self) -> asyncio.Semaphore:
        """Wait for a slot ourselves, since a request that waits inside the library cannot be cancelled.

        Raises:
            Overloaded: 429, too many wait already.
        """
        loop = asyncio.get_running_loop()
        if self._slots is None or self._slots_loop is not loop:
            self._slots, self._slots_loop, self._waiting = asyncio.Semaphore(self._options.parallel), loop, 0
        slots = self._slots
        if slots.locked() and self._waiting >= self._options.max_waiting:
            raise Overloaded(f"{self._waiting} requests already wait for the model '{self._files.id}'.")
        self._waiting += 1
        try:
            await slots.acquire()
        finally:
            self._waiting -= 1
        return slots


def _find_gguf(files: ModelFiles) -> Path:
    names = files.files or tuple(sorted(path.name for path in files.directory.glob("*.gguf")))
    for name in names:
        if name.endswith(".gguf"):
            return files.directory / name
    raise ConfigurationError(f"The model '{files.id}' has no .gguf file in {files.directory}.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
