"""What Ray Serve needs of the methods that are called through handles."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from deployments.asr import ASRDeployment
from deployments.embedding import EmbeddingDeployment
from deployments.llm import LLMDeployment
from deployments.pipeline import PipelineDeployment
from deployments.text import TextDeployment
from deployments.tts import TTSDeployment


@pytest.mark.parametrize(
    "method",
    [
        ASRDeployment.transcribe,
        ASRDeployment.transcribe_piece,
        LLMDeployment.chat,
        EmbeddingDeployment.embed,
        TTSDeployment.speak,
        TTSDeployment.speak_sentence,
        PipelineDeployment.run_turn,
        TextDeployment.chat,
        TextDeployment.embed,
        TextDeployment.run_items,
    ],
)
def test_a_streamed_method_is_an_asynchronous_generator_itself(method: Callable[..., Any]) -> None:
    """With its user code in a thread, as under `serve run`, Serve refuses a plain method that returns one."""
    assert inspect.isasyncgenfunction(method)
