"""Vectors of texts by language models in GGUF files, run in this process by llama.cpp through xllamacpp.

Must not know HTTP, replicas or where the files came from. A vector is the mean of the last layer's, brought to length
1; of a model that was trained to chat it tells alike from unlike, and less finely than a model made for it.
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from pydantic import Field

from smartlite.domain.embedding import Embedding, EmbeddingEvent, EmbeddingFinished
from smartlite.domain.models import ModelFiles
from smartlite.domain.usage import TokenUsage
from smartlite.engines.gguf import find_gguf, read_gguf_header
from smartlite.engines.llama_cpp_answer import LIBRARY_ERRORS
from smartlite.engines.llama_cpp_server import LlamaCppOptions, open_server
from smartlite.engines.protocols import EngineOptions
from smartlite.engines.special_tokens import SpecialTokenGuard
from smartlite.errors import ContextLengthExceeded, EngineFailed, InvalidRequest, ModelNotReady

_TOO_LONG: Final = re.compile(r"input \((\d+) tokens\) is (?:too large|larger)")
"""The library has no other sign for it: the code is 500, as for every failure."""


class LlamaCppEmbeddingOptions(EngineOptions):
    """What an operator may turn."""

    context_tokens: Annotated[int, Field(ge=64)] = 1024
    """Longest text in tokens. It is computed at one go, so memory grows with it: 790 MB resident with 2,048."""
    threads: Annotated[int, Field(ge=1, le=256)] | None = None
    """Threads that compute a single token; as of the engine for chats."""
    batch_threads: Annotated[int, Field(ge=1, le=256)] | None = None
    """Threads that compute a text; as of the engine for chats."""
    gpu_layers: Annotated[int, Field(ge=-1)] = -1
    """Layers computed by a GPU that this build of the library can use; -1 is all, 0 is none."""
    timeout_s: Annotated[float, Field(gt=0)] = 120.0
    """Longest time for one text, in seconds."""


class LlamaCppEmbedding:
    """An embedding engine; one text at a time, so that a caller that leaves ends the work before the next."""

    Options: ClassVar[type[EngineOptions]] = LlamaCppEmbeddingOptions

    def __init__(self, files: ModelFiles, options: EngineOptions) -> None:
        assert isinstance(options, LlamaCppEmbeddingOptions)  # noqa: S101 - the registry parsed them
        self._files = files
        self._options = options
        self._server: Any = None
        self._guard = SpecialTokenGuard(())
        self._executor: ThreadPoolExecutor | None = None

    def start(self) -> None:
        """Load the model and make one vector; the contract of Engine."""
        path = find_gguf(self._files)
        self._guard = SpecialTokenGuard(read_gguf_header(path).special_tokens)
        tokens = max(256, self._options.context_tokens)
        own = LlamaCppOptions(
            context_tokens=tokens,
            parallel=1,
            batch_tokens=tokens,
            threads=self._options.threads,
            batch_threads=self._options.batch_threads,
            gpu_layers=self._options.gpu_layers,
            prompt_cache_mb=0,
        )
        self._server = open_server(path, own, for_vectors=True)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"llama-vectors-{self._files.id}")

    async def embed(self, texts: tuple[str, ...]) -> AsyncGenerator[EmbeddingEvent, None]:
        """Make vectors; the contract of EmbeddingEngine.

        Raises:
            InvalidRequest: 400, a text is empty or no Unicode.
            ContextLengthExceeded: 400, a text is too long, with the counts.
        """
        if self._executor is None:
            raise ModelNotReady(f"The model '{self._files.id}' is not loaded.")
        for index, text in enumerate(texts):
            if not text or any("\ud800" <= character <= "\udfff" for character in text):
                raise InvalidRequest(f"'input[{index}]' must be Unicode text that is not empty.", "input")
        tokens = 0
        for index, text in enumerate(texts):
            vector, used = await self._make(index, self._guard.neutralise(text))
            tokens += used
            yield Embedding(index, vector)
        yield EmbeddingFinished(TokenUsage(tokens, 0))

    async def check_health(self) -> None:
        """Raise EngineFailed before start and after close."""
        if self._server is None:
            raise EngineFailed(f"The model '{self._files.id}' is not loaded.")

    def close(self) -> None:
        """Wait for the text that is being read, then give everything back; the contract of Engine."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)
        self._server = None  # the library's destructor ends its threads and frees the weights

    async def _make(self, index: int, text: str) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], int]:
        executor, server = self._executor, self._server
        if executor is None or server is None:
            raise ModelNotReady(f"The model '{self._files.id}' was unloaded.")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._options.timeout_s):
                answer = await loop.run_in_executor(executor, server.handle_embeddings, {"input": [text]})
        except TimeoutError as error:
            raise EngineFailed(f"llama.cpp took longer than {self._options.timeout_s:g} s for one text.") from error
        except LIBRARY_ERRORS as error:
            raise EngineFailed(f"llama.cpp failed: {error}") from error
        if "error" in answer:
            message = str(answer["error"].get("message", ""))
            if found := _TOO_LONG.search(message):
                raise ContextLengthExceeded(
                    f"'input[{index}]' is {found[1]} tokens long; this model reads at most "
                    f"{self._options.context_tokens}.",
                    "input",
                )
            raise EngineFailed(f"llama.cpp failed: {message}")
        vector = np.asarray(answer["data"][0]["embedding"], np.float32)
        return vector / np.linalg.norm(vector), int(answer["usage"]["prompt_tokens"])
