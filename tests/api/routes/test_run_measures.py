"""What a run tells of itself: speech while it is made, when everything happened, what it used, what it took again."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.services import Services
from tests.api.pipelined import Kitchen, a_kitchen

KEPT = """name: kept
inputs:
  media: {type: audio}
steps:
  - id: hear
    uses: asr.transcribe
    with: {audio: "${{ inputs.media }}"}
    cache: true
  - id: say
    uses: tts.speak
    with: {text: "${{ steps.hear.output.text }}"}
    cache: {ttl_s: 60}
outputs:
  audio: ${{ steps.say.output }}
"""


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        yield kitchen


async def start(kitchen: Kitchen, name: str, pipeline: str, field: str, file: bytes, **data: str) -> httpx.Response:
    async with kitchen.client(name) as client:
        return await client.post(
            f"/v1/pipelines/{pipeline}/runs",
            headers={"prefer": "wait=20"},
            files={field: ("q.wav", file, "audio/wav")},
            data=data,
        )


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """Each with its number, where it has one, as ``id``."""
    found = []
    for block in answer.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        found.append({**json.loads(lines["data"]), **({"id": lines["id"]} if "id" in lines else {})})
    return found


async def test_who_follows_an_assistant_hears_it_while_it_speaks(kitchen: Kitchen, speech_wav: bytes) -> None:
    answer = await start(kitchen, "zoe", "voice-assistant", "audio", speech_wav, stream="true")
    events = events_of(answer)
    audio = [event for event in events if event["type"] == "step.audio"]
    assert [event["data"]["piece"] for event in audio] == list(range(len(audio)))
    assert all("id" not in event and event["data"]["step"] == "say" for event in audio)
    ended = next(each for each in events if each["type"] == "step.succeeded" and each["data"]["step"] == "say")
    media = ended["data"]["output"]["$media"]
    heard = b"".join(base64.b64decode(event["data"]["audio"]) for event in audio)
    file = await kitchen.ask("zoe", "GET", media["url"].removeprefix("/v1"))
    assert heard == file.content
    types = [event["type"] for event in events]
    assert types.index("step.audio") < types.index("step.succeeded", types.index("step.audio"))
    assert events[-1]["type"] == "run.result"


async def test_audio_is_not_told_to_whoever_does_not_want_it_and_never_again(
    kitchen: Kitchen, speech_wav: bytes
) -> None:
    form = {"stream": "true", "stream_audio": "false"}
    events = events_of(await start(kitchen, "zoe", "voice-assistant", "audio", speech_wav, **form))
    again = await kitchen.ask("zoe", "GET", f"/runs/{events[0]['run']['id']}/events?audio=true")
    numbered = [event["id"] for event in events if "id" in event]
    assert [event["id"] for event in events_of(again) if "id" in event] == numbered
    assert not [event for event in [*events, *events_of(again)] if event["type"] == "step.audio"]


async def test_a_transcript_comes_in_segments_with_their_times(kitchen: Kitchen, speech_wav: bytes) -> None:
    events = events_of(await start(kitchen, "zoe", "voice-assistant", "audio", speech_wav, stream="true"))
    heard = next(each for each in events if each["type"] == "step.delta" and each["data"]["step"] == "hear")
    assert {"id", "start_s", "end_s", "text"} == set(heard["data"]["segments"][0])


async def test_a_run_tells_when_everything_happened_and_what_it_cost(kitchen: Kitchen, speech_wav: bytes) -> None:
    answer = await start(kitchen, "zoe", "voice-assistant", "audio", speech_wav)
    run = await kitchen("zoe", "GET", f"/runs/{answer.json()['id']}", 200)
    waterfall = run["waterfall"]
    assert 0 <= waterfall["queued_ms"] <= waterfall["first_text_ms"] <= waterfall["first_audio_ms"]
    assert waterfall["first_audio_ms"] <= waterfall["total_ms"]
    assert [bar["step"] for bar in waterfall["steps"]] == ["hear", "think", "say"]
    assert [len(bar["attempts"]) for bar in waterfall["steps"]] == [1, 1, 1]
    costs = {step["step"]: step["cost_micros"] for step in run["steps"]}
    assert costs["hear"] == costs["think"] == 1
    assert run["cost_micros"] == sum(costs.values())
    assert len(run["usage"]) == 3
    timing = answer.headers["server-timing"]
    assert all(f"{name};dur=" in timing for name in ("queue", "first-text", "first-audio", "step-hear", "total"))
    picture = (await kitchen.ask("zoe", "GET", f"/runs/{run['id']}/timeline.svg")).text
    assert ">queue<" in picture
    assert 'class="first-audio"' in picture


async def test_a_replay_costs_only_what_it_does_again(kitchen: Kitchen, speech_wav: bytes) -> None:
    answer = await start(kitchen, "zoe", "voice-assistant", "audio", speech_wav)
    address = f"/runs/{answer.json()['id']}/replay?from=say"
    again = await kitchen.ask("zoe", "POST", address, headers={"prefer": "wait=20"})
    run = await kitchen("zoe", "GET", f"/runs/{again.json()['id']}", 200)
    assert [step["step"] for step in run["steps"] if step["cost_micros"]] == ["say"]
    assert all(bar["begin_ms"] >= 0 for bar in run["waterfall"]["steps"])


async def test_the_same_work_is_taken_again_with_media_of_its_own(kitchen: Kitchen, speech_wav: bytes) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, KEPT)
    first, second = [(await start(kitchen, "ana", "kept", "media", speech_wav)).json() for _ in range(2)]
    found = await kitchen("ana", "GET", f"/runs/{second['id']}", 200)
    assert [(step["cached"], step["usage"], step["cost_micros"]) for step in found["steps"]] == [(True, [], 0)] * 2
    keys = [run["outputs"]["audio"]["$media"]["key"] for run in (first, second)]
    assert keys[0] != keys[1]
    files = [
        (await kitchen.ask("ana", "GET", run["outputs"]["audio"]["$media"]["url"].removeprefix("/v1"))).content
        for run in (first, second)
    ]
    assert files[0] == files[1] != b""


async def test_nobody_is_given_what_another_ones_step_gave(kitchen: Kitchen, speech_wav: bytes) -> None:
    for name in ("ana", "ben"):
        await kitchen(name, "POST", "/pipelines", 201, KEPT)
    await start(kitchen, "ana", "kept", "media", speech_wav)
    other = (await start(kitchen, "ben", "kept", "media", speech_wav)).json()
    found = await kitchen("ben", "GET", f"/runs/{other['id']}", 200)
    assert not any(step["cached"] for step in found["steps"])


async def test_other_bytes_are_other_work(kitchen: Kitchen, speech_wav: bytes) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, KEPT)
    await start(kitchen, "ana", "kept", "media", speech_wav)
    other = (await start(kitchen, "ana", "kept", "media", speech_wav[:-2000])).json()
    found = await kitchen("ana", "GET", f"/runs/{other['id']}", 200)
    assert [step["cached"] for step in found["steps"] if step["step"] == "hear"] == [False]


async def test_what_nobody_can_take_again_cannot_be_asked_for(kitchen: Kitchen) -> None:
    text = KEPT.replace("asr.transcribe", "pipeline.run").replace("{audio:", "{pipeline: x, inputs:")
    refused = await kitchen.ask("ana", "POST", "/pipelines", text)
    assert refused.status_code == 400
    assert "cannot be taken again" in refused.text
