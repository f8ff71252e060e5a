"""Hears the recordings within messages, so that a model that reads text can answer them. Must not know engines."""

from contextlib import aclosing

from smartlite.api.chat.messages import Draft, Recording
from smartlite.domain.asr import Segment, TranscribeRequest, TranscriptFinished
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
        recordings = [piece for draft in drafts for piece in draft.pieces if isinstance(piece, Recording)]
        self.has_recordings = bool(recordings)
        """Whether there is anything to hear."""
        self.model = next((model.id for model in models.models if model.task == "asr"), "")
        """The model that hears: its own id."""
        if recordings and not self.model:
            raise UnsupportedParameter(
                "Unsupported value: no speech recognition model is served, so recordings are not heard.",
                recordings[0].param,
            )

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
                finished = isinstance(event, TranscriptFinished)
        if not finished:
            raise EngineFailed("The speech recognition ended without its last event.")
        return "".join(texts).strip()
