"""What an operator may turn of the engines that run on transformers and torch. Must not know models or requests."""

from typing import Literal

from pydantic import Field, model_validator

from smartlite.engines.protocols import EngineOptions


class TorchOptions(EngineOptions):
    """Where and how a model of transformers is loaded."""

    device_map: str = Field(default="auto", min_length=1)
    """``auto``: the GPUs where there are some, else the CPU; ``cpu``, ``cuda``, ``cuda:1``, or another of accelerate's
    maps (``balanced``, ``sequential``)."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Numbers of the weights. ``auto``: bfloat16 on a GPU and on CPUs that compute it themselves (AVX512-BF16, AMX:
    measured 2 to 3 times as fast as float32 and half the memory), else float32."""
    quantization: Literal["none", "int8", "int4"] = "none"
    """Smaller weights, made while they are loaded, by the library bitsandbytes."""
    attention: Literal["sdpa", "eager", "flash_attention_2", "flash_attention_3"] = "sdpa"
    """How attention is computed; the flash ones need their own package and a GPU."""
    threads: int = Field(default=1, ge=1, le=256)
    """Threads of torch in this process. More than one helps only where cores are idle: two threads that shared their
    cores with other work took 7 times as long as one."""


class TransformersOptions(TorchOptions):
    """What an operator may turn of the language model engine; the names are llama.cpp's where they mean the same."""

    context_tokens: int = Field(default=8192, ge=256)
    """Tokens of all requests together, prompts and answers; each may use ``context_tokens / parallel``, and no more
    than the model was trained on."""
    parallel: int = Field(default=4, ge=1, le=256)
    """Requests computed at once in shared batches. More wait their turn."""
    max_waiting: int = Field(default=64, ge=0)
    """Requests that may wait; the next is refused with 429."""
    batch_tokens: int = Field(default=256, ge=16, le=65_536)
    """Prompt tokens computed at one go, at least ``parallel``: answers of others wait so long, and a cancelled request
    ends between two batches. With a GPU take 2048 or more."""
    page_tokens: int = Field(default=32, ge=4, le=1024)
    """Tokens in a page of the cache; what prompts have in common is found in whole pages."""
    prefix_cache: bool = True
    """Keep what was computed of finished requests for prompts that begin alike, as long as there is room."""
    seed: int | None = None
    """Seed of requests that bring none; None draws a new one each time."""
    top_k: int = Field(default=40, ge=0)
    """Only so many likeliest tokens are drawn from; 0 is no limit."""
    min_p: float = Field(default=0.05, ge=0.0, le=1.0)
    """Tokens less likely than this share of the likeliest are not drawn; 0 is no limit."""
    chat_template: str | None = Field(default=None, min_length=1)
    """Jinja template in place of the model's own."""
    silence_timeout_s: float = Field(default=120.0, gt=0.0)
    """Longest wait in seconds for the next token of a running request."""

    @model_validator(mode="after")
    def _pages_and_batches_hold_the_requests(self) -> "TransformersOptions":
        if self.batch_tokens < self.parallel:
            msg = f"batch_tokens ({self.batch_tokens}) must be at least parallel ({self.parallel})"
            raise ValueError(msg)
        if self.request_tokens < self.page_tokens:
            msg = f"context_tokens / parallel ({self.request_tokens}) must be at least page_tokens ({self.page_tokens})"
            raise ValueError(msg)
        return self

    @property
    def request_tokens(self) -> int:
        """Tokens that one request may use."""
        return self.context_tokens // self.parallel

    @property
    def request_context_tokens(self) -> int | None:
        """See EngineOptions; a model that was trained on less takes less."""
        return self.request_tokens
