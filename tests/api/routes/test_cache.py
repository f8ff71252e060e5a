"""Transcripts and speech that are given again to whoever asks for it, through the routes."""

import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.services import Services
from smartlite.auth.noted import Actor
from smartlite.config import Settings
from smartlite.domain.asr import Segment, TranscriptFinished, TranscriptInfo, Word
from smartlite.domain.tts import SpeechChunk, SpeechFinished
from smartlite.errors import ReplicaLost
from smartlite.jobs.results import Results
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.objects import FsspecObjectStore
from smartlite.storage.schema import migrate
from tests.api.metered import Platform
from tests.api.scripted import ScriptedASR, ScriptedTTS

TRANSCRIBE, TRANSLATE, SPEAK = "/v1/audio/transcriptions", "/v1/audio/translations", "/v1/audio/speech"
HEARD = (
    TranscriptInfo("en", 0.9, 60.0),
    Segment(0, 0.0, 1.5, " Good", (1, 2), words=(Word("Good", 0.0, 1.5, 0.75),)),
    Segment(1, 1.5, 3.0, " morning.", avg_logprob=-0.1),
    TranscriptFinished(0.1, 0.2),
)
SPOKEN = (SpeechChunk(b"one "), SpeechChunk(b"two"), SpeechFinished(1.25, 11, 22, 0.05, 0.3))
SPEECH: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "Hello there", "cache": True}


class Cached:
    """The platform with scripted stages."""

    def __init__(self, services: Services, database: Database, folder: Path) -> None:
        self.asr, self.tts = ScriptedASR(*HEARD), ScriptedTTS(*SPOKEN)
        self.blobs = BlobStore(FsspecObjectStore((folder / "objects").as_uri()))
        results = Results(database, self.blobs)
        self.platform = Platform(
            dataclasses.replace(services, asr=self.asr, tts=self.tts, results=results), database, folder / "journal"
        )


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
async def cached(services: Services, database: Database, tmp_path: Path) -> AsyncIterator[Cached]:
    cached = Cached(services, database, tmp_path)
    yield cached
    cached.blobs.close()


@pytest.fixture
async def ada(cached: Cached) -> AsyncIterator[httpx.AsyncClient]:
    async with await cached.platform.add("ada", ["user"]) as client:
        yield client


async def transcribe(
    client: httpx.AsyncClient, path: str = TRANSCRIBE, file: bytes = b"RIFF", **fields: str
) -> httpx.Response:
    return await client.post(path, data={"model": "whisper-1", "cache": "true", **fields}, files={"file": file})


def told(answer: httpx.Response) -> str | None:
    assert answer.status_code == 200, answer.text
    return answer.headers.get("x-smartlite-cache")


@pytest.mark.parametrize(
    "fields", [{}, {"response_format": "verbose_json"}, {"response_format": "srt"}, {"stream": "true"}]
)
async def test_the_same_recording_is_answered_again_to_the_byte(
    cached: Cached, ada: httpx.AsyncClient, fields: dict[str, str]
) -> None:
    first, second = await transcribe(ada, **fields), await transcribe(ada, **fields)
    assert [told(first), told(second)] == ["miss", "hit"]
    assert first.content == second.content
    assert len(cached.asr.asked) == 1


async def test_one_transcript_is_given_in_another_form(cached: Cached, ada: httpx.AsyncClient) -> None:
    await transcribe(ada)
    answer = await transcribe(ada, response_format="text")
    assert (told(answer), answer.text) == ("hit", "Good morning.\n")


async def test_a_large_recording_is_known_again(cached: Cached, ada: httpx.AsyncClient) -> None:
    large = bytes(range(256)) * 8192
    answers = [await transcribe(ada, file=file) for file in (large, large, large[1:])]
    assert [told(answer) for answer in answers] == ["miss", "hit", "miss"]


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        (TRANSCRIBE, {"file": b"RIFX"}),
        (TRANSCRIBE, {"language": "de"}),
        (TRANSCRIBE, {"prompt": "Names"}),
        (TRANSCRIBE, {"temperature": "0.5"}),
        (TRANSCRIBE, {"preprocessing": "denoise"}),
        (TRANSLATE, {}),
    ],
)
async def test_whatever_changes_the_transcript_is_another_request(
    cached: Cached, ada: httpx.AsyncClient, path: str, changed: dict[str, Any]
) -> None:
    await transcribe(ada)
    assert told(await transcribe(ada, path, **changed)) == "miss"


async def test_the_same_text_is_spoken_again_to_the_byte(cached: Cached, ada: httpx.AsyncClient) -> None:
    first, second = await ada.post(SPEAK, json=SPEECH), await ada.post(SPEAK, json=SPEECH)
    assert [told(first), told(second)] == ["miss", "hit"]
    assert first.content == second.content == b"one two"
    assert first.headers["content-type"] == second.headers["content-type"]
    assert len(cached.tts.asked) == 1


async def test_a_stream_of_speech_is_cut_again_as_it_was(cached: Cached, ada: httpx.AsyncClient) -> None:
    body = SPEECH | {"stream_format": "sse"}
    first, second = await ada.post(SPEAK, json=body), await ada.post(SPEAK, json=body)
    assert [told(first), told(second)] == ["miss", "hit"]
    assert first.text == second.text


@pytest.mark.parametrize(
    "changed", [{"input": "Hello"}, {"voice": "nova", "speed": 2}, {"speed": 0.5}, {"response_format": "wav"}]
)
async def test_whatever_changes_the_speech_is_another_request(
    cached: Cached, ada: httpx.AsyncClient, changed: dict[str, Any]
) -> None:
    await ada.post(SPEAK, json=SPEECH)
    assert told(await ada.post(SPEAK, json=SPEECH | changed)) == "miss"


async def test_who_does_not_ask_for_it_is_answered_anew(cached: Cached, ada: httpx.AsyncClient) -> None:
    body = {name: value for name, value in SPEECH.items() if name != "cache"}
    await ada.post(SPEAK, json=SPEECH)
    assert [told(await ada.post(SPEAK, json=body)), told(await ada.post(SPEAK, json=body))] == [None, None]
    assert len(cached.tts.asked) == 3


async def test_nobody_gets_what_another_asked_for(cached: Cached, ada: httpx.AsyncClient) -> None:
    await transcribe(ada)
    async with await cached.platform.add("bob", ["user"]) as bob:
        assert told(await transcribe(bob)) == "miss"


async def test_a_hit_uses_nothing_and_says_so_in_the_history(cached: Cached, ada: httpx.AsyncClient) -> None:
    await transcribe(ada)
    await transcribe(ada)
    await cached.platform.drain.read_all()
    requests = (await ada.get("/v1/requests")).json()["data"]
    hit, miss = [each for each in requests if each["route"] == TRANSCRIBE]
    assert [each["usage"][0]["audio_input_s"] for each in (miss, hit)] == [60, 0]
    assert hit["usage"][0]["cost_micros"] == 0
    assert ("cache" in hit["stages_ms"], "asr" in hit["stages_ms"]) == (True, False)


async def test_a_hit_needs_the_right_that_the_work_needs(cached: Cached, ada: httpx.AsyncClient) -> None:
    await transcribe(ada)
    platform = cached.platform
    _, text = await platform.identity.add_key(Actor(None), platform.users["ada"], "narrow", scopes=["tts:synthesize"])
    ada.headers["authorization"] = f"Bearer {text}"
    answer = await transcribe(ada)
    assert answer.status_code == 403


@pytest.mark.parametrize("stream", ["false", "true"])
async def test_what_fails_half_way_is_not_kept(cached: Cached, ada: httpx.AsyncClient, stream: str) -> None:
    cached.asr.error = ReplicaLost("It was lost.")
    await transcribe(ada, stream=stream)
    cached.asr.error = None
    assert told(await transcribe(ada, stream=stream)) == "miss"


async def test_somebody_clears_their_cache(cached: Cached, ada: httpx.AsyncClient) -> None:
    await transcribe(ada)
    await ada.post(SPEAK, json=SPEECH)
    assert (await ada.delete("/v1/cache")).json() == {"object": "cache.cleared", "removed": 2}
    assert told(await transcribe(ada)) == "miss"


async def test_who_deletes_what_was_said_deletes_what_was_heard(cached: Cached, ada: httpx.AsyncClient) -> None:
    await transcribe(ada)
    await cached.platform.drain.read_all()
    request = (await ada.get("/v1/requests")).json()["data"][0]
    assert (await ada.delete(f"/v1/requests/{request['id']}/content")).status_code == 204
    assert told(await transcribe(ada)) == "miss"


@pytest.mark.parametrize("cache", [{"ttl_s": 0}, {"ttl_s": 2_592_001}, {"ttl": 60}, "yes please"])
async def test_a_wrong_field_is_refused(ada: httpx.AsyncClient, cache: object) -> None:
    answer = await ada.post(SPEAK, json=SPEECH | {"cache": cache})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("cache")


async def test_a_form_says_for_how_long(ada: httpx.AsyncClient) -> None:
    assert told(await transcribe(ada, cache=json.dumps({"ttl_s": 60}))) == "miss"


@pytest.mark.parametrize(("policy", "expected"), [("off", [None, None]), ("always", ["miss", "hit"])])
async def test_the_operator_decides_for_all(
    settings: Settings, cached: Cached, ada: httpx.AsyncClient, policy: str, expected: list[str | None]
) -> None:
    settings = settings.model_copy(update={"result_cache": policy})
    cached.platform.app.state.services = dataclasses.replace(cached.platform.app.state.services, settings=settings)
    body = SPEECH | ({} if policy == "off" else {"cache": None})
    assert [told(await ada.post(SPEAK, json=body)) for _ in range(2)] == expected
    assert told(await ada.post(SPEAK, json=body | {"cache": False})) is None
