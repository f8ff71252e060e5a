"""The pipelines that ship, from a submission to files in the store: a real queue, codecs and store, fake engines."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from deployments.runs import write_captions
from smartlite.api.services import Services
from smartlite.codecs.limits import AudioLimits
from smartlite.domain.pipelines import JSON, MediaRef, RunState
from smartlite.jobs.codec import PlatformCodec
from smartlite.jobs.http_client import GuardedClient
from smartlite.jobs.http_hosts import AllowedHosts
from smartlite.jobs.kinds import Means, step_runners
from smartlite.jobs.media import TenantMedia, tenant_of
from smartlite.jobs.pipelines import Pipelines, read_saved
from smartlite.jobs.prompts import Prompts, find_prompt
from smartlite.jobs.runs import Runs, Submission
from smartlite.jobs.worker import Worker
from smartlite.pipeline.builtin import builtin_documents
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.execution.values import media_json, read_media
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.objects import FsspecObjectStore
from smartlite.storage.schema import migrate

pytestmark = pytest.mark.integration


class Platform:
    """Submits, works, and has the files."""

    def __init__(self, folder: Path, services: Services) -> None:
        self.database = Database(f"sqlite+aiosqlite:///{folder}/smartlite.db")
        self.blobs = BlobStore(FsspecObjectStore((folder / "objects").as_uri()))
        self.codec = PlatformCodec(AudioLimits())
        self.runs = Runs(self.database, read_saved, poll_s=0.02)
        self.media = TenantMedia(self.blobs, "user_1")
        pipelines = Pipelines(self.database, read_saved, read_saved, builtin_documents())
        means = Means(
            asr=services.asr,
            llm=services.llm,
            tts=services.tts,
            models=services.directory,
            codec=self.codec,
            write_captions=write_captions,
            http=GuardedClient(AllowedHosts(())),
            find_pipeline=lambda run, name, version: pipelines.named(run.user_id, name, version),
            find_prompt=find_prompt(Prompts(self.database)),
        )
        executor = Executor(step_runners(means))
        self.worker = Worker(
            self.database, executor, read_saved, lambda run: TenantMedia(self.blobs, tenant_of(run)), slots=2
        )

    async def run(self, source: str, inputs: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """The outputs of a run that succeeds."""
        run = await self.runs.submit(Submission("user_1", None, "pl_1", "test", 1, source, inputs))
        ended = await self.runs.wait(run.id, 60)
        assert ended.state == RunState.SUCCEEDED, ended.error
        assert ended.outputs is not None
        return ended.outputs

    async def close(self) -> None:
        """End what was begun."""
        await self.worker.close()
        await self.codec.close()
        self.blobs.close()
        await self.database.close()


@pytest.fixture
async def platform(tmp_path: Path, services: Services) -> AsyncIterator[Platform]:
    platform = Platform(tmp_path, services)
    await migrate(platform.database)
    platform.worker.begin()
    yield platform
    await platform.close()


@pytest.fixture
async def recording(platform: Platform, speech_wav: bytes) -> JSON:
    await platform.media.put("media/files/speech.wav", speech_wav)
    return media_json(MediaRef("media/files/speech.wav", "audio/wav", len(speech_wav)))


async def heard(platform: Platform, value: JSON) -> float:
    """The seconds of a file that a run made."""
    ref = read_media(value)
    audio = await platform.codec.decode(await platform.media.get(ref.key), 24_000)
    assert ref.duration_s == pytest.approx(audio.duration_s, abs=0.1)
    return audio.duration_s


async def test_the_voice_assistant_answers_aloud(platform: Platform, recording: JSON) -> None:
    outputs = await platform.run(builtin_documents()["voice-assistant"], {"audio": recording})
    assert outputs["transcript"]
    assert outputs["answer"]
    assert await heard(platform, outputs["audio"]) > 0.1


async def test_the_interpreter_speaks(platform: Platform, recording: JSON) -> None:
    inputs = {"audio": recording, "target_language": "en"}
    outputs = await platform.run(builtin_documents()["interpreter"], inputs)
    assert await heard(platform, outputs["audio"]) > 0.1


async def test_captions_are_written(platform: Platform, recording: JSON) -> None:
    outputs = await platform.run(builtin_documents()["captions"], {"media": recording})
    assert "\n00:00:00,000 --> " in outputs["srt"]
    assert "\n00:00:00.000 --> " in outputs["vtt"]


async def test_a_text_is_read_aloud_chapter_by_chapter(platform: Platform) -> None:
    text = "# One\n\nIt begins. It goes on.\n\n# Two\n\nIt ends."
    outputs = await platform.run(builtin_documents()["read-aloud"], {"text": text, "format": "opus"})
    lengths = [await heard(platform, chapter) for chapter in outputs["chapters"]]
    assert len(lengths) == 2
    assert lengths[0] > lengths[1] > 0.1


async def test_a_recording_is_cut_recognised_in_parts_and_joined(platform: Platform, recording: JSON) -> None:
    source = """
name: parts
inputs: {audio: {type: audio}}
steps:
  - {id: pieces, uses: audio.split, with: {audio: "${{ inputs.audio }}", max_s: 1}}
  - id: hear
    uses: asr.transcribe
    for_each: ${{ steps.pieces.output }}
    with: {audio: "${{ item.audio }}"}
outputs: {text: "${{ join(' ', steps.hear.output[].text) }}", count: "${{ length(steps.pieces.output) }}"}
"""
    outputs = await platform.run(source, {"audio": recording})
    assert outputs["count"] == 2
    assert outputs["text"]


async def test_a_pipeline_runs_one_that_ships(platform: Platform, recording: JSON) -> None:
    source = """
name: outer
inputs: {media: {type: file}}
steps:
  - {id: inner, uses: pipeline.run, with: {pipeline: captions, inputs: {media: "${{ inputs.media }}"}}}
outputs: {vtt: "${{ steps.inner.output.vtt }}"}
"""
    outputs = await platform.run(source, {"media": recording})
    assert outputs["vtt"].startswith("WEBVTT")
