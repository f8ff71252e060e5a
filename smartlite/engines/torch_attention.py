"""How torch computes attention in every engine that runs on it. Must not know engines, and loads nothing by itself."""

from typing import Any


def choose_attention(torch: Any) -> None:
    """Leave cuDNN's attention out of what torch chooses from on GPUs; nothing changes on CPUs.

    It plans anew for every length that it meets, and a growing text is of a new length with each token. Measured on an
    H200 with torch 2.11: SmolLM2-135M 14 tokens/s with it and 32 without (16 requests at once: 183 and 465;
    ``python -m benchmarks attention``), the first 34 s of speech through whisper-tiny.en in float16 6.8 s and 0.55 s.
    """
    torch.backends.cuda.enable_cudnn_sdp(False)
