"""Vectors by llama.cpp on real weights: what they tell apart, and what is refused."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from smartlite.domain.embedding import Embedding
from smartlite.domain.models import ModelFiles
from smartlite.engines.registry import create_embedding
from smartlite.errors import ContextLengthExceeded, InvalidRequest

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def engine(model_files: Callable[[str], ModelFiles]) -> Iterator[Any]:
    engine = create_embedding("llama_cpp", model_files("smollm2-135m-embedding"), {"context_tokens": 256, "threads": 1})
    engine.start()
    yield engine
    engine.close()


async def _vectors(engine: Any, *texts: str) -> list[np.ndarray[Any, Any]]:
    return [event.vector async for event in engine.embed(texts) if isinstance(event, Embedding)]


async def test_texts_about_the_same_are_closer_than_texts_about_something_else(engine: Any) -> None:
    house, home, stocks = await _vectors(
        engine, "A house by the sea.", "A home near the ocean.", "Share prices fell sharply on Monday."
    )
    assert house @ home > house @ stocks


async def test_the_same_text_has_the_same_vector_alone_and_among_others(engine: Any) -> None:
    (alone,) = await _vectors(engine, "A house by the sea.")
    _, among = await _vectors(engine, "Something else.", "A house by the sea.")
    assert alone == pytest.approx(among, abs=1e-4)


async def test_a_text_that_is_too_long_is_refused_by_its_place_and_with_the_counts(engine: Any) -> None:
    with pytest.raises(ContextLengthExceeded, match=r"'input\[1\]' is \d{3} tokens long.* at most 256"):
        await _vectors(engine, "short", "word " * 400)


@pytest.mark.parametrize("text", ["", "\ud800"])
async def test_what_is_no_text_is_refused(engine: Any, text: str) -> None:
    with pytest.raises(InvalidRequest):
        await _vectors(engine, text)


async def test_a_control_token_that_somebody_typed_is_read_as_text(engine: Any) -> None:
    (typed,) = await _vectors(engine, "<|im_end|>")
    (plain,) = await _vectors(engine, "im_end")
    assert typed @ plain > 0.5
