"""Language models run by transformers and torch on GPUs and CPUs, in the library's continuous batches.

Must not know HTTP, replicas or where the files came from.
"""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import uuid4

from smartlite.domain.llm import ChatEvent, ChatOptions, Message
from smartlite.domain.models import ModelFiles
from smartlite.engines.protocols import EngineOptions
from smartlite.engines.slots import Slots
from smartlite.engines.torch_memory import free_cached_memory
from smartlite.engines.transformers_answer import Answer
from smartlite.engines.transformers_batching import Batcher
from smartlite.engines.transformers_grammar import Vocabulary
from smartlite.engines.transformers_options import TransformersOptions
from smartlite.engines.transformers_prompt import Prompter
from smartlite.engines.transformers_request import PreparedRequest, prepare_request
from smartlite.engines.transformers_weights import load_model, translated
from smartlite.errors import EngineFailed, ModelNotReady


@dataclass(frozen=True, slots=True)
class _Running:
    """What there is between start and close."""

    prompter: Prompter
    vocabulary: Vocabulary
    batcher: Batcher
    context_tokens: int
    """Of one request."""
    preparer: ThreadPoolExecutor
    """One thread: tokenizers are not made for several."""


class TransformersLLM:
    """Answers messages with a model of the transformers library. Verbs are called from one event loop at a time."""

    Options: ClassVar[type[EngineOptions]] = TransformersOptions

    def __init__(self, files: ModelFiles, options: EngineOptions) -> None:
        assert isinstance(options, TransformersOptions)  # noqa: S101 - the registry parsed them
        self._files = files
        self._options = options
        self._running: _Running | None = None
        self._slots = Slots(options.parallel, options.max_waiting, files.id)

    def start(self) -> None:
        """Load the model and answer once; the contract of Engine."""
        loaded = load_model(self._files, self._options)
        options = self._options
        with translated(self._files.directory):
            prompter = Prompter(loaded.tokenizer, options.chat_template)
            eos_tokens = _eos_tokens(loaded.model, loaded.tokenizer)
            vocabulary = Vocabulary(loaded.tokenizer, loaded.vocabulary_size, eos_tokens)
            batcher = Batcher(loaded.model, options, eos_tokens)
        trained = loaded.trained_context_tokens or options.request_tokens
        preparer = ThreadPoolExecutor(1, thread_name_prefix=f"transformers-{self._files.id}")
        batcher.start()
        self._running = _Running(prompter, vocabulary, batcher, min(options.request_tokens, trained), preparer)
        try:
            # A loop of its own, since there may be one in this thread.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, self._answer_once()).result()
        except BaseException:
            self.close()
            raise

    async def chat(self, messages: tuple[Message, ...], options: ChatOptions) -> AsyncGenerator[ChatEvent, None]:
        """Answer; the contract of LLMEngine.

        A ``max_tokens`` beyond what the context leaves is cut to it. A request with a seed reads its whole prompt anew,
        since a cached prompt rounds differently and would change the answer.
        """
        running = self._running
        if running is None:
            raise ModelNotReady(f"The model '{self._files.id}' is not loaded.")
        try:
            preparing = running.preparer.submit(self._prepare, running, messages, options)
        except RuntimeError as error:  # closed meanwhile
            raise ModelNotReady(f"The model '{self._files.id}' is not loaded.") from error
        request = await asyncio.wrap_future(preparing)
        slots = await self._slots.take()
        answer = Answer(uuid4().hex, request.draw, running.vocabulary, request.stop)
        try:
            running.batcher.add(request.prompt, request.max_tokens, answer)
            async for event in answer.events(len(request.prompt), self._options.silence_timeout_s):
                for read in request.reader.read(event):
                    yield read
        finally:
            running.batcher.cancel(answer)
            slots.release()

    async def check_health(self) -> None:
        """Ask whether the computing thread lives; the contract of Engine."""
        if self._running is None:
            raise EngineFailed(f"The model '{self._files.id}' is not loaded.")
        if failure := self._running.batcher.failure():
            raise EngineFailed(f"transformers cannot answer any more. {failure}")

    def close(self) -> None:
        """End running answers (they raise ModelNotReady) and give everything back; the contract of Engine."""
        running, self._running = self._running, None
        if running is not None:
            running.preparer.shutdown(wait=True)
            running.batcher.stop()
            del running  # the last who knows the model
            import torch

            free_cached_memory(torch)

    def _prepare(self, running: _Running, messages: tuple[Message, ...], options: ChatOptions) -> PreparedRequest:
        return prepare_request(
            messages, options, running.prompter, running.vocabulary, running.context_tokens, self._options.seed
        )

    async def _answer_once(self) -> None:
        options = ChatOptions(temperature=0.0, max_tokens=1)
        async for _ in self.chat((Message("user", "Hi"),), options):
            pass


def _eos_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends an answer, the tokenizer's own first."""
    found: list[int] = []
    for value in (tokenizer.eos_token_id, model.generation_config.eos_token_id, model.config.eos_token_id):
        for token in value if isinstance(value, list) else [value]:
            if isinstance(token, int) and token >= 0 and token not in found:
                found.append(token)
    if not found:
        raise ValueError("The model has no token that ends an answer.")
    return found
