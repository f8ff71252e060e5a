"""``asr.transcribe`` and ``asr.translate``: speech to text. Must not know codecs or engines."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from smartlite.domain.asr import (
    Segment,
    Task,
    TranscribeOptions,
    TranscribeRequest,
    Transcript,
    TranscriptFinished,
    TranscriptInfo,
    Word,
)
from smartlite.domain.pipelines import JSON
from smartlite.domain.stages import ASRStage
from smartlite.domain.usage import ModelUsage
from smartlite.errors import EngineFailed
from smartlite.pipeline.execution.kinds import StepContext, StepDelta, StepEvent, StepOutput
from smartlite.pipeline.steps.media import load_audio
from smartlite.pipeline.steps.models import model_id
from smartlite.pipeline.steps.ports import CaptionWriter, Directory


class Recognition:
    """Runs both kinds.

    Args:
        stage: Recognises.
        models: Those that are served.
        write_captions: For the formats ``srt`` and ``vtt``.
    """

    def __init__(self, stage: ASRStage, models: Directory, write_captions: CaptionWriter) -> None:
        self._stage = stage
        self._models = models
        self._write_captions = write_captions

    async def transcribe(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner."""
        async with aclosing(self._run(context, fields, "transcribe")) as events:
            async for event in events:
                yield event

    async def translate(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner."""
        async with aclosing(self._run(context, fields, "translate")) as events:
            async for event in events:
                yield event

    async def _run(
        self, context: StepContext, fields: Mapping[str, JSON], task: Task
    ) -> AsyncGenerator[StepEvent, None]:
        wanted, timestamps = fields.get("format", "json"), fields.get("timestamps", "segment")
        options = TranscribeOptions(
            task=task,
            language=fields.get("language"),
            prompt=fields.get("prompt"),
            word_timestamps=timestamps == "word" or wanted in {"srt", "vtt"},
        )
        model = await model_id(self._models, "asr", fields.get("model"))
        request = TranscribeRequest(await load_audio(context, fields["audio"]), model, options)
        info: TranscriptInfo | None = None
        finished: TranscriptFinished | None = None
        segments: list[Segment] = []
        async with aclosing(self._stage.transcribe(request)) as events:
            async for event in events:
                if isinstance(event, Segment):
                    segments.append(event)
                    yield StepDelta(event.text, _segment(event))
                elif isinstance(event, TranscriptInfo):
                    info = event
                    context.used.append(ModelUsage(model, audio_input_s=event.duration_s))
                else:
                    finished = event
        if info is None or finished is None:
            raise EngineFailed("The speech recognition ended before its end.")
        transcript = Transcript(info, tuple(segments), finished)
        if wanted in {"srt", "vtt"}:
            yield StepOutput(self._write_captions(wanted, transcript))
        else:
            yield StepOutput(transcript.text if wanted == "text" else _json(transcript, timestamps))


def _json(transcript: Transcript, timestamps: str) -> JSON:
    segments = [] if timestamps == "none" else [_segment(segment) for segment in transcript.segments]
    return {
        "text": transcript.text,
        "language": transcript.info.language,
        "duration_s": round(transcript.info.duration_s, 3),
        "segments": segments,
        "words": [_word(word) for word in transcript.words] if timestamps == "word" else [],
    }


def _segment(segment: Segment) -> JSON:
    times = {"start_s": round(segment.start_s, 3), "end_s": round(segment.end_s, 3)}
    return {"id": segment.id, **times, "text": segment.text}


def _word(word: Word) -> JSON:
    return {"text": word.text, "start_s": round(word.start_s, 3), "end_s": round(word.end_s, 3)}
