"""One text spoken in several places: its order, what is asked ahead, and what becomes of a place that fails."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest

from smartlite.domain.audio import AudioChunk
from smartlite.domain.tts import SpokenSentence
from smartlite.engines.shared_speech import Places, Speak, speak_together
from smartlite.errors import EngineFailed, Overloaded, TextEmpty

SENTENCES = [f"Sentence {number}." for number in range(12)]


def spoken(sentence: str) -> SpokenSentence:
    return SpokenSentence(sentence, AudioChunk(np.zeros(1, np.float32), 24_000), 1)


class Place:
    """Notes what it was asked, speaks once it may, and fails or has nothing to say where it is told so."""

    def __init__(self, error: Exception | None = None, is_free: bool = True) -> None:
        self.asked: list[str] = []
        self.ended: list[str] = []
        self.error = error
        self.may_speak = asyncio.Event()
        if is_free:
            self.may_speak.set()

    async def __call__(self, sentence: str) -> AsyncGenerator[SpokenSentence, None]:
        self.asked.append(sentence)
        try:
            await self.may_speak.wait()
            await asyncio.sleep(0)
            if self.error is not None:
                raise self.error
            yield spoken(sentence)
        finally:
            self.ended.append(sentence)


async def collect(here: Speak, elsewhere: Speak, here_at_once: int = 1, elsewhere_at_once: int = 2) -> list[str]:
    places = Places(here, here_at_once, elsewhere, elsewhere_at_once)
    async with asyncio.timeout(10), aclosing(speak_together(SENTENCES, places)) as parts:
        return [part.text async for part in parts]


async def settle() -> None:
    """Let every task run until it waits for something but a clock."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_what_is_said_in_several_places_comes_in_the_order_of_the_text() -> None:
    here, elsewhere = Place(), Place()
    assert await collect(here, elsewhere) == SENTENCES
    assert sorted([*here.asked, *elsewhere.asked], key=SENTENCES.index) == SENTENCES
    assert here.asked[0] == SENTENCES[0]
    assert elsewhere.asked


async def test_a_place_that_is_slow_delays_no_sentence_but_its_own() -> None:
    here, elsewhere = Place(), Place(is_free=False)
    parts = speak_together(SENTENCES, Places(here, 1, elsewhere, 2))
    first = await anext(parts)
    await settle()
    assert first.text == SENTENCES[0]
    assert elsewhere.asked == SENTENCES[1:3]
    assert here.asked == [SENTENCES[0], *SENTENCES[3:6]]
    elsewhere.may_speak.set()
    assert [part.text async for part in parts] == SENTENCES[1:]


async def test_no_more_is_made_than_twice_what_is_spoken_at_once_while_nobody_reads() -> None:
    here, elsewhere = Place(), Place()
    parts = speak_together(SENTENCES, Places(here, 1, elsewhere, 1))
    await anext(parts)
    await settle()
    assert len(here.ended) + len(elsewhere.ended) == 4
    await parts.aclose()


@pytest.mark.parametrize("error", [Overloaded("busy"), EngineFailed("lost")])
async def test_what_another_place_refuses_or_fails_at_is_spoken_here(error: Exception) -> None:
    here, elsewhere = Place(), Place(error)
    assert await collect(here, elsewhere) == SENTENCES
    assert here.asked == SENTENCES or sorted(here.asked, key=SENTENCES.index) == SENTENCES
    assert len(elsewhere.asked) == len(set(elsewhere.asked)) > 0


async def test_what_is_cancelled_on_the_way_to_another_place_is_spoken_here() -> None:
    """Serve does so to every call of a request when one of them is cancelled."""

    async def cancelled(sentence: str) -> AsyncGenerator[SpokenSentence, None]:
        if sentence:
            raise asyncio.CancelledError
        yield spoken(sentence)

    assert await collect(Place(), cancelled) == SENTENCES


async def test_nothing_waits_for_a_place_that_waits_for_this_one() -> None:
    """Two texts that are shared with each other, by places that refuse while they have a text of their own."""
    engine, own = asyncio.Lock(), {"a": 0, "b": 0}

    def place(name: str) -> Speak:
        async def speak(sentence: str) -> AsyncGenerator[SpokenSentence, None]:
            async with engine:
                await asyncio.sleep(0)
                yield spoken(f"{name} {sentence}")

        return speak

    async def text(name: str, other: str) -> list[str]:
        async def elsewhere(sentence: str) -> AsyncGenerator[SpokenSentence, None]:
            if own[other]:
                raise Overloaded("busy")
            async with aclosing(place(other)(sentence)) as parts:
                async for part in parts:
                    yield part

        own[name] += 1
        try:
            return await collect(place(name), elsewhere)
        finally:
            own[name] -= 1

    texts = await asyncio.gather(text("a", "b"), text("b", "a"))
    assert [len(each) for each in texts] == [len(SENTENCES)] * 2


async def test_closing_stops_the_work_in_every_place() -> None:
    here, elsewhere = Place(), Place(is_free=False)
    reading = asyncio.create_task(collect(here, elsewhere))
    await settle()
    assert (len(elsewhere.asked), elsewhere.ended) == (2, [])
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert (here.ended, elsewhere.ended) == (here.asked, elsewhere.asked)


async def test_a_failure_here_is_the_text_s() -> None:
    with pytest.raises(EngineFailed, match="broken"):
        await collect(Place(EngineFailed("broken")), Place())


async def test_an_error_of_no_known_kind_elsewhere_ends_the_text_and_does_not_hang() -> None:
    with pytest.raises(ZeroDivisionError):
        await collect(Place(), Place(ZeroDivisionError()))


async def test_the_next_sentence_here_begins_once_the_first_one_sounds_and_others_at_once() -> None:
    here, elsewhere = Place(is_free=False), Place(is_free=False)
    reading = asyncio.create_task(collect(here, elsewhere, here_at_once=2))
    await settle()
    assert (here.asked, elsewhere.asked) == (SENTENCES[:1], SENTENCES[1:3])
    here.may_speak.set()
    elsewhere.may_speak.set()
    assert await reading == SENTENCES
    assert len(here.asked) > 1


async def test_sentences_without_anything_to_say_are_left_out() -> None:
    async def say_some(sentence: str) -> AsyncGenerator[SpokenSentence, None]:
        if int(sentence.split()[1][:-1]) % 2:
            raise TextEmpty("Nothing.", "input")
        yield spoken(sentence)

    assert await collect(say_some, say_some) == SENTENCES[::2]


async def test_a_text_without_anything_to_say_is_refused() -> None:
    with pytest.raises(TextEmpty, match="No sound"):
        await collect(Place(TextEmpty("No sound.", "input")), Place(TextEmpty("No sound.", "input")))
