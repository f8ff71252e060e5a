"""Language models in GGUF files, run in this process by llama.cpp through xllamacpp, with continuous batching.

Must not know HTTP, replicas or where the files came from.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar, Final

from smartlite.domain.llm import ChatEvent, ChatFinished, ChatOptions, Message
from smartlite.domain.models import ModelFiles
from smartlite.engines.constrained_answer import ConstrainedAnswer
from smartlite.engines.gguf import find_gguf, read_gguf_header
from smartlite.engines.llama_cpp_answer import LIBRARY_ERRORS, Answer
from smartlite.engines.llama_cpp_request import (
    check_length,
    check_request,
    estimated_prompt,
    needed_tokens,
    request_body,
)
from smartlite.engines.llama_cpp_server import LlamaCppOptions, open_server
from smartlite.engines.protocols import EngineOptions
from smartlite.engines.special_tokens import SpecialTokenGuard
from smartlite.engines.token_budget import TokenBudget
from smartlite.engines.tool_calling import prepare
from smartlite.errors import ConfigurationError, EngineFailed, ModelNotReady

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
        self._vocabulary_size = self._longest_token_bytes = 0
        # Ours, since a request that waits inside the library cannot be cancelled.
        self._budget = TokenBudget(
            options.parallel, options.context_tokens, options.max_waiting, options.wait_timeout_s, files.id
        )

    def start(self) -> None:
        """Load the model and answer once; the contract of Engine."""
        path = find_gguf(self._files)
        header = read_gguf_header(path)
        if not (header.chat_template or self._options.chat_template):
            raise ConfigurationError(f"{path}: has no chat template. Set the option chat_template.", "chat_template")
        self._guard = SpecialTokenGuard(header.special_tokens)
        self._vocabulary_size = header.vocabulary_size
        self._longest_token_bytes = header.longest_token_bytes
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
        check_request(messages, options, self._vocabulary_size)
        check_length(messages, self._longest_token_bytes, self._options)
        # Schemas take a second to compile where they are as large as they may be.
        constrained = options.json_schema is not None or bool(options.tools)
        body, reader = (
            await asyncio.to_thread(self._prepare, messages, options)
            if constrained
            else self._prepare(messages, options)
        )
        share = await self._budget.take(needed_tokens(body, estimated_prompt(body), self._options))
        answer = Answer(
            asyncio.get_running_loop(),
            self._closing,
            self._options.context_tokens,
            options.top_logprobs,
            lambda counted: share.needs(needed_tokens(body, counted, self._options)),
        )
        try:
            work = workers.submit(answer.run, server, body)
        except RuntimeError as error:  # closed while we waited
            share.give_back()
            raise ModelNotReady(f"The model '{self._files.id}' is not loaded.") from error
        # There is room again when the library has let go of the request, not when its caller has.
        work.add_done_callback(lambda _: answer.call_in_loop(share.give_back))
        try:
            while True:
                for event in reader.read(await answer.next_event(self._options.silence_timeout_s)):
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

    def _prepare(self, messages: tuple[Message, ...], options: ChatOptions) -> tuple[dict[str, Any], ConstrainedAnswer]:
        conversation = prepare(messages, options, self._guard.neutralise, self._options.max_calls)
        return request_body(conversation, options, self._options), ConstrainedAnswer(conversation)
