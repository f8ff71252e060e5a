"""How the transformers engine ends: its answers, its thread, itself. Must not know replicas."""

import asyncio
from collections.abc import Callable

import pytest

from smartlite.domain.llm import ChatOptions, TextDelta
from smartlite.domain.models import ModelFiles
from smartlite.engines.transformers_llm import TransformersLLM
from smartlite.engines.transformers_options import TransformersOptions
from smartlite.errors import EngineFailed, InvalidRequest, ModelNotReady
from tests.engines.test_transformers_llm import MODEL, answer, ask

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def files(model_files: Callable[[str], ModelFiles]) -> ModelFiles:
    return model_files(MODEL)


async def test_a_full_context_ends_the_answer_and_closing_ends_running_ones(files: ModelFiles) -> None:
    refusal = "{% if 'refuse' in messages[-1]['content'] %}{{ raise_exception('no') }}{% endif %}"
    options = TransformersOptions(
        parallel=2, context_tokens=256, chat_template=refusal + "{{ messages[-1]['content'] }}", prefix_cache=False
    )
    engine = TransformersLLM(files, options)
    engine.start()
    try:
        with pytest.raises(InvalidRequest, match="template"):
            await answer(engine, "refuse")
        forbid_the_end = ((2, -100.0), (0, -100.0))
        full = await asyncio.gather(
            *(answer(engine, "Once upon a time", seed=s, logit_bias=forbid_the_end, temperature=2.0) for s in (1, 2))
        )
        assert [finished.usage.total_tokens for _, finished in full] == [128, 128]
        assert {finished.finish_reason for _, finished in full} == {"length"}
        events = engine.chat(ask("Once upon a time"), ChatOptions(logit_bias=forbid_the_end))
        assert isinstance(await anext(events), TextDelta)
        await asyncio.to_thread(engine.close)
        with pytest.raises(ModelNotReady):
            async for _ in events:
                pass
        with pytest.raises(EngineFailed):
            await engine.check_health()
    finally:
        engine.close()


async def test_a_computing_thread_that_ended_is_told(files: ModelFiles) -> None:
    engine = TransformersLLM(files, TransformersOptions(parallel=1, context_tokens=256))
    engine.start()
    try:
        await engine.check_health()
        running = engine._running
        assert running is not None
        running.batcher.stop()
        with pytest.raises(EngineFailed):
            await engine.check_health()
    finally:
        engine.close()


def test_the_library_writes_nothing_to_the_terminal(files: ModelFiles, capfd: pytest.CaptureFixture[str]) -> None:
    quiet = TransformersLLM(files, TransformersOptions(parallel=1, context_tokens=256))
    quiet.start()
    quiet.close()
    assert capfd.readouterr() == ("", "")
