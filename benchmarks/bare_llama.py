"""xllamacpp called as its own documentation does, with nothing of our engine around it. Must not know the platform.

Model, context, slots and threads are the platform's; everything else is the library's default.
"""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from smartlite.domain.models import ModelFiles
from smartlite.engines.cores import usable_cores
from smartlite.engines.registry import parse_options


class BareLlama:
    """A library server in this process; requests from several threads are computed together.

    Args:
        files: The GGUF model.
        options: As ``serve_config.yaml`` has them for the ``llama_cpp`` engine.
    """

    def __init__(self, files: ModelFiles, options: dict[str, object]) -> None:
        import xllamacpp  # noqa: PLC0415 - only this process needs it

        parsed: Any = parse_options("llm", "llama_cpp", options)
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(next(files.directory / name for name in files.files if name.endswith(".gguf")))
        parameters.n_ctx = parsed.context_tokens
        parameters.n_parallel = parsed.parallel
        if parsed.threads is not None:
            parameters.cpuparams.n_threads = parsed.threads
            parameters.cpuparams_batch.n_threads = parsed.batch_threads or max(parsed.threads, usable_cores())
        parameters.verbosity = 0
        # The library opens a port by itself; here it gets a socket that nobody finds.
        folder = Path(tempfile.mkdtemp(prefix="llama-"))
        parameters.hostnames = [str(folder / "s.sock")]
        try:
            self._server = xllamacpp.Server(parameters)
            self.chat([{"role": "user", "content": "Hi"}], 0.0, 1, 0)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def chat(self, messages: list[dict[str, str]], temperature: float, max_tokens: int, seed: int) -> dict[str, Any]:
        """Answer; times in seconds from the call on."""
        body = {
            "messages": messages,
            "temperature": temperature,
            "max_tokens": max_tokens,
            "seed": seed,
            "cache_prompt": False,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        first_s = 0.0
        tokens = 0
        texts: list[str] = []
        began = time.perf_counter()

        def take(chunk: dict[str, Any]) -> bool:
            nonlocal first_s, tokens
            for choice in chunk.get("choices", ()):
                if text := choice["delta"].get("content"):
                    first_s = first_s or time.perf_counter() - began
                    texts.append(text)
            if usage := chunk.get("usage"):
                tokens = int(usage["completion_tokens"])
            return False

        self._server.handle_chat_completions(body, take)
        total_s = time.perf_counter() - began
        return {"first_token_s": first_s, "total_s": total_s, "tokens": tokens, "text": "".join(texts)}
