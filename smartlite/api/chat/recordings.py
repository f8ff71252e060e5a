"""Hears the recordings within messages, so that a model that reads text can answer them. Must not know engines."""

from collections.abc import Iterator
from contextlib import aclosing

from smartlite.api.chat.messages import Draft, Recording
from smartlite.domain.asr import Segment, TranscribeRequest, TranscriptFinished, TranscriptInfo
from smartlite.domain.audio import EncodedAudio
from smartlite.domain.llm import Message
from smartlite.domain.models import ModelDirectory
from smartlite.domain.stages import ASRStage
from smartlite.errors import ClientError, EngineFailed, UnsupportedParameter


class Hearing:
    """Hears with the first speech recognition model that is served.

    Raises:
        UnsupportedParameter: 400, there is something to hear and no such model.
    """

    def __init__(self, stage: ASRStage, models: ModelDirectory, drafts: tuple[Draft, ...]) -> None:
        self._stage = stage
        self._drafts = drafts
        recordings = [piece for piece in self._pieces if isinstance(piece, Recording)]
        self.has_recordings = bool(recordings)
        """Whether there is anything to hear."""
        self.heard_s = 0.0
        """So long were the recordings that were heard, in seconds."""
        self.model = next((model.id for model in models.models if model.task == "asr"), "")
        """The model that hears: its own id."""
        if recordings and not self.model:
            raise UnsupportedParameter(
                "Unsupported value: no speech recognition model is served, so recordings are not heard.",
                recordings[0].param,
            )

    @property
    def recordings(self) -> tuple[EncodedAudio, ...]:
        """What there is to hear."""
        return tuple(piece.audio for piece in self._pieces if isinstance(piece, Recording))

    @property
    def characters(self) -> int:
        """Of the text that needs no hearing."""
        return sum(len(piece) for piece in self._pieces if isinstance(piece, str))

    @property
    def _pieces(self) -> Iterator[str | Recording]:
        return (piece for draft in self._drafts for piece in draft.pieces)

    async def messages(self) -> tuple[Message, ...]:
        """The whole messages; each recording becomes its transcript.

        Raises:
            ClientError: 4xx, a recording cannot be read; names its field.
        """
        return tuple(
            [draft.finish(tuple([await self._text(piece) for piece in draft.pieces])) for draft in self._drafts]
        )

    async def _text(self, piece: str | Recording) -> str:
        if isinstance(piece, str):
            return piece
        try:
            return await self._hear(piece)
        except ClientError as error:
            # The stage speaks of the field 'file' of its own routes.
            message = error.message.replace("'file'", "it")
            raise type(error)(f"'{piece.param}': {message}", piece.param) from error

    async def _hear(self, recording: Recording) -> str:
        texts: list[str] = []
        finished = False
        async with aclosing(self._stage.transcribe(TranscribeRequest(recording.audio, self.model))) as events:
            async for event in events:
                if isinstance(event, Segment):
                    texts.append(event.text)
                elif isinstance(event, TranscriptInfo):
                    self.heard_s += event.duration_s
                finished = isinstance(event, TranscriptFinished)
        if not finished:
            raise EngineFailed("The speech recognition ended without its last event.")
        return "".join(texts).strip()
