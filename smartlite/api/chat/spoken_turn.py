"""Voice turns that are a part of a conversation. Must not know wire formats, nor how a turn runs."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from smartlite.domain.conversations import BYTES_PER_TOKEN
from smartlite.domain.llm import Message
from smartlite.domain.pipeline import TurnDone, TurnEvent, TurnTranscript, VoiceTurnRequest
from smartlite.domain.stages import PipelineStage
from smartlite.jobs.turns import Turn

_QUESTION_TOKENS: Final = 256
"""Left for a question that nobody has heard yet: about two minutes of speech."""


@dataclass(frozen=True, slots=True)
class KeptTurns:
    """A PipelineStage whose turn knows what was said before, and is kept once it has ended well."""

    stage: PipelineStage
    turn: Turn

    async def run_turn(self, request: VoiceTurnRequest) -> AsyncGenerator[TurnEvent, None]:
        """See PipelineStage; raises ConversationBusy (409) too."""
        unheard = Message("user", "x" * _QUESTION_TOKENS * BYTES_PER_TOKEN)
        question = ""
        async with self.turn.held():
            earlier, summary = await self.turn.earlier([Message("system", request.instructions or ""), unheard])
            known = replace(request, earlier=earlier, summary=summary)
            async with aclosing(self.stage.run_turn(known)) as events:
                async for event in events:
                    if isinstance(event, TurnTranscript):
                        question = event.text
                    elif isinstance(event, TurnDone):
                        await self.turn.keep([Message("user", question)], Message("assistant", event.reply_text))
                    yield event
