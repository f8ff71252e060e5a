"""``tts.speak`` of a text that is still written, and for those who listen."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from smartlite.domain.tts import SpeakRequest
from smartlite.errors import TextTooLong
from smartlite.pipeline.execution.kinds import StepAudio, StepEvent, StepOutput
from smartlite.pipeline.steps.speaking import MAX_CHARACTERS, Speaking
from tests.pipeline.execution.world import MemoryObjects
from tests.pipeline.steps.studio import PlainCodec, Studio, a_context, models


async def spoken(*pieces: str, followed: bool = True) -> tuple[list[str], list[StepEvent]]:
    """What the stage was asked to say, and what the step told."""

    async def written() -> AsyncGenerator[str, None]:
        for piece in pieces:
            yield piece

    studio = Studio()
    context = replace(a_context(MemoryObjects()), pieces=written, is_followed=lambda: followed)
    events = [event async for event in Speaking(studio, models, PlainCodec()).speak(context, {"format": "wav"})]
    return [asked.text for asked in studio.asked if isinstance(asked, SpeakRequest)], events


async def test_each_sentence_is_said_as_soon_as_it_is_whole() -> None:
    said, _ = await spoken("One is **here", "**. Two ", "is there. And", " three")
    assert said == ["One is here.", "Two is there.", "And three"]


async def test_what_was_written_meanwhile_is_one_request() -> None:
    said, _ = await spoken("One. Two. Three. ", "Four is the last")
    assert said == ["One. Two. Three.", "Four is the last"]


async def test_those_who_listen_hear_all_that_is_in_the_file() -> None:
    _, events = await spoken("One. Two.")
    heard = b"".join(event.data for event in events if isinstance(event, StepAudio))
    assert isinstance(events[-1], StepOutput)
    assert len(heard) == events[-1].value["$media"]["size_bytes"]


async def test_where_nobody_listens_nothing_is_encoded_for_them() -> None:
    _, events = await spoken("One. Two.", followed=False)
    assert not any(event.data for event in events if isinstance(event, StepAudio))


async def test_a_text_that_becomes_too_long_is_refused() -> None:
    with pytest.raises(TextTooLong):
        await spoken(*["word. " * 1000] * (MAX_CHARACTERS // 6000 + 1))
