"""llama.cpp's server inside this process: its options, and a start that leaves nobody else a way to reach it.

Must not know messages or answers.
"""

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from smartlite.engines.cores import usable_cores
from smartlite.engines.llama_cpp_answer import LIBRARY_ERRORS
from smartlite.engines.protocols import EngineOptions
from smartlite.errors import ConfigurationError

_SOCKET_PATH_MAX_BYTES: Final = 107
"""``sun_path`` of unix(7) less its final NUL."""

_MOST_THREADS: Final = 8
_SPINS: Final = "1000"
"""How often a thread that has come to where all meet, 450 times a batch, looks for the others before it sleeps. Eight
answers at once, by 2 threads on 2 cores, came through the gateway at 155, 160, 167 and 166 tokens/s with 100, 300,
1,000 and 5,000; while one voice spoke all the time at 97, 94, 86 and 71, and that voice at 15, 16, 18 and 16 times real
time. With the 300,000 of libgomp's own they come at 9 tokens/s where others keep both cores busy."""

_LOOKED_UP_TOKENS: Final = 3
_GUESSED_TOKENS: Final = 8


class LlamaCppOptions(EngineOptions):
    """What an operator may turn. Measured on 2 AVX2 cores with SmolLM2-135M Q4_1."""

    context_tokens: int = Field(default=8192, ge=256)
    """Tokens of all requests at work, prompts and answers. They share them, and one that does not fit waits."""
    request_tokens: int | None = Field(default=None, ge=64)
    """Tokens of one request at the most, prompt and answer; None is ``context_tokens / parallel``. With more, an answer
    whose request does not bound it ends where that share does, or after half a share where the prompt is long."""
    parallel: int = Field(default=8, ge=1, le=64)
    """Requests computed at once in shared batches. More wait their turn."""
    max_waiting: int = Field(default=64, ge=0)
    """Requests that may wait for their turn; the next is refused with 429."""
    wait_timeout_s: float = Field(default=30.0, gt=0.0)
    """Longest wait for one's turn in seconds; then 429. Keep it below the gateway's SMARTLITE_FIRST_EVENT_TIMEOUT_S."""
    threads: int | None = Field(default=None, ge=1, le=256)
    """Threads that write a single answer; None takes one core fewer than this process may run on, at least 1 and at
    most 8. They wait for each other many times a token: where another process takes one of 2 cores, 2 threads write 38
    tokens/s and 1 thread 144; alone 159 and 144."""
    batch_threads: int | None = Field(default=None, ge=1, le=256)
    """Threads that read prompts and write several answers at once; never fewer than ``threads``. Left out, a replica
    takes the cores of its node that it need not share with others of its deployment, at most 8. On 2 cores, through the
    gateway, with 2 instead of 1: the first token of a prompt of 44 tokens comes after 110 instead of 188 ms, eight
    answers at once at 167 instead of 115 tokens/s; while one voice speaks all the time at 86 instead of 98, and that
    voice at 18 times real time instead of 13."""
    batch_tokens: int = Field(default=48, ge=1, le=8192)
    """Tokens computed at one go, at least ``parallel``. A cancelled request ends at the second end of a batch at the
    latest, so this bounds how long it goes on: with two threads, in a prompt of 150 to 700 tokens, up to 87 ms with 24,
    103 with 32, 119 with 48; where others keep both cores busy 148, 210 and 264. A prompt of 44 tokens is read up to 8
    ms sooner with 48 than with 24. With a GPU take 512 or more."""
    gpu_layers: int = Field(default=-1, ge=-1)
    """Layers computed by a GPU that this build of the library can use; -1 is all, 0 is none."""
    kv_cache_type: Literal["f16", "q8_0"] = "f16"
    """How the context is kept in memory. q8_0 takes half (8,192 tokens of SmolLM2-135M: 246 against 331 MB resident);
    eight answers at once then come at 0.93x to 1.0x of the tokens/s."""
    flash_attention: Literal["auto", "on", "off"] = "auto"
    """Attention in one pass over the context. auto takes it here; off took 8 to 10 % more processor time."""
    speculation: Literal["none", "ngram_simple", "ngram_map_k"] = "none"
    """Guess tokens from what was said before and check several at once. It pays where a batch costs as much as a token,
    as on GPUs; ``batch_tokens`` must hold nine times ``parallel``. Here, processor time of a token: a text to be
    repeated 8.0 ms without, 7.5 to 7.6 with; a story 7.6, 7.4 to 8.6; eight at once 11.5, 12.1 to 13.7."""
    prompt_cache_mb: int = Field(default=128, ge=0)
    """MiB of memory for the state of prompts that no slot holds any more; 0 is none. (The library's own default is
    8,192.)"""
    seed: int | None = None
    """Seed of requests that bring none; None draws a new one each time."""
    top_k: int = Field(default=40, ge=0)
    """Only so many likeliest tokens are drawn from; 0 is no limit."""
    min_p: float = Field(default=0.05, ge=0.0, le=1.0)
    """Tokens less likely than this share of the likeliest are not drawn; 0 is no limit."""
    call_temperature: float = Field(default=0.2, ge=0.0, le=2.0)
    """Highest temperature of an answer that has to be a call. At 0.8 SmolLM2-135M takes the right one of three tools in
    15 to 18 of 20 requests, at 0.2 in 20; a large model needs no limit."""
    max_calls: int = Field(default=1, ge=1, le=8)
    """Calls in one answer, where the request allows several. SmolLM2-135M calls on and on once it may, whatever it was
    asked; take 8 with a model that knows when to stop."""
    chat_template: str | None = Field(default=None, min_length=1)
    """Jinja template in place of the model's own."""
    silence_timeout_s: float = Field(default=120.0, gt=0.0)
    """Longest wait in seconds for a sign of life of the library in a running request."""

    @model_validator(mode="after")
    def _every_slot_fits_into_a_batch(self) -> "LlamaCppOptions":
        if self.batch_tokens < self.parallel:
            msg = f"batch_tokens ({self.batch_tokens}) must be at least parallel ({self.parallel})"
            raise ValueError(msg)
        # The library ends the process where a batch cannot hold what is guessed.
        guessed = (1 + _GUESSED_TOKENS) * self.parallel
        if self.speculation != "none" and self.batch_tokens < guessed:
            msg = f"batch_tokens ({self.batch_tokens}) must be at least {guessed} for speculation with {self.parallel}"
            raise ValueError(msg)
        return self

    @property
    def share_tokens(self) -> int:
        """What each request has where all slots are taken."""
        return self.context_tokens // self.parallel

    @property
    def request_context_tokens(self) -> int:
        """See EngineOptions."""
        return min(self.request_tokens or self.share_tokens, self.context_tokens)


def open_server(path: Path, options: LlamaCppOptions, for_vectors: bool = False) -> Any:
    """Load the weights and start the library's threads.

    Args:
        path: The GGUF.
        options: How it is run.
        for_vectors: Make vectors (the mean of the last layer's) instead of answers.

    Raises:
        ConfigurationError: The library is missing, cannot load the file, or would listen where others can connect.
    """
    # libgomp reads it when it is loaded, which the import does.
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    try:
        import xllamacpp
    except ImportError as error:
        raise ConfigurationError("xllamacpp is not installed: pip install 'smartlite[cpu]'.", "engine") from error
    folder = _socket_folder()
    try:
        parameters = parameters_for(xllamacpp, path, options, folder / "s.sock")
        if for_vectors:
            parameters.embedding = True
            parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        server = xllamacpp.Server(parameters)
        # The first request also keeps us from a race of the library: a Server dropped right after it was made hangs.
        if for_vectors:
            answer = server.handle_embeddings({"input": ["Hi"]})
        else:
            answer = server.handle_chat_completions({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1})
    except LIBRARY_ERRORS as error:
        raise ConfigurationError(
            f"llama.cpp cannot run {path}: it is damaged, cut off or of an unknown kind, or context_tokens="
            f"{options.context_tokens} needs more memory than there is. {error}"
        ) from error
    finally:
        # The listener lives on without a name, so nobody can connect any more and no stale socket is ever left.
        shutil.rmtree(folder, ignore_errors=True)
    if "error" in answer:
        raise ConfigurationError(f"{path}: the model cannot answer: {answer}")
    if not str(server.listening_address).startswith("unix:"):
        raise ConfigurationError(f"xllamacpp listens on {server.listening_address}, not on a unix socket.")
    return server


def parameters_for(library: Any, path: Path, options: LlamaCppOptions, socket: Path) -> Any:
    """The library's words for the options; ``library`` is the module."""
    cores = usable_cores()
    threads = options.threads or min(_MOST_THREADS, max(1, cores - 1))
    parameters = library.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = options.context_tokens
    parameters.n_parallel = options.parallel
    # One store of the context for all slots. With one each, the tokens of several prompts and answers go through the
    # weights in several passes instead of one.
    parameters.kv_unified = True
    parameters.kv_unified_per_slot = options.request_context_tokens
    parameters.n_batch = parameters.n_ubatch = options.batch_tokens
    parameters.n_gpu_layers = options.gpu_layers
    if options.kv_cache_type == "q8_0":
        parameters.cache_type_k = parameters.cache_type_v = library.ggml_type.GGML_TYPE_Q8_0
    attention = {"auto": "AUTO", "on": "ENABLED", "off": "DISABLED"}[options.flash_attention]
    parameters.flash_attn_type = library.llama_flash_attn_type[f"LLAMA_FLASH_ATTN_TYPE_{attention}"]
    _guess(library, parameters.speculative, options.speculation)
    parameters.cache_ram_mib = options.prompt_cache_mb
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = max(threads, options.batch_threads or min(_MOST_THREADS, cores))
    for cpu in (parameters.cpuparams, parameters.cpuparams_batch):
        # No busy waiting for the next token: as fast (162 against 159 tokens/s), and other stages need the cores.
        cpu.poll = 0
    parameters.fit_params = False  # what the operator wrote holds
    parameters.prefill_assistant = False  # a conversation that ends with an answer gets a new one, not its continuation
    parameters.chat_template = options.chat_template or ""
    parameters.hostnames = [str(socket)]
    parameters.api_keys = [secrets.token_urlsafe(32)]
    parameters.n_threads_http = 1
    parameters.endpoint_metrics = True  # what check_health asks
    parameters.ui = False
    parameters.verbosity = 0
    return parameters


def _guess(library: Any, speculative: Any, how: str) -> None:
    speculative.types = [library.common_speculative_type[f"COMMON_SPECULATIVE_TYPE_{how.upper()}"]]
    for words in (speculative.ngram_simple, speculative.ngram_map_k):
        # The library's own 12 words looked up and 48 guessed find little in a chat and lose much where they are wrong.
        words.size_n, words.size_m = _LOOKED_UP_TOKENS, _GUESSED_TOKENS


def _socket_folder() -> Path:
    """Make a folder of mode 0700 whose path is short enough for a unix socket in it."""
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes the name unguessable
        folder = Path(tempfile.mkdtemp(prefix="llama-", dir=parent))
        if len(os.fsencode(folder / "s.sock")) <= _SOCKET_PATH_MAX_BYTES:
            return folder
        folder.rmdir()
    raise ConfigurationError("No folder for a socket: the paths are longer than 107 bytes.", "TMPDIR")
