"""One answer of a shared batch on its way from the computing thread to the event loop. Must not know prompts."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

from smartlite.domain.llm import ChatEvent, ChatFinished, FinishReason
from smartlite.domain.logprobs import TokenLogprob
from smartlite.domain.usage import TokenUsage
from smartlite.engines.transformers_grammar import Vocabulary, too_complex
from smartlite.engines.transformers_sampling import Draw, DrawnLogprob
from smartlite.engines.transformers_text import AnswerText, TokenPiece, show
from smartlite.errors import EngineFailed, SmartLiteError

_END: Final = -1


class Answer:
    """Takes tokens in the computing thread and gives events in the loop.

    Memory is bounded by the context: one number a token.
    """

    def __init__(self, id: str, draw: Draw, vocabulary: Vocabulary, stop: Sequence[str]) -> None:
        self.id = id
        self.draw = draw
        self.cached_tokens = 0
        """Of the prompt, found in the cache; known when the first token comes."""
        self._vocabulary = vocabulary
        self._text = AnswerText(stop)
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[int | SmartLiteError] = asyncio.Queue()
        self._given = 0

    def take(self, tokens: Sequence[int], is_finished: bool) -> None:
        """Take all tokens so far. Computing thread; never raises."""
        for token in tokens[self._given :]:
            self._put(token)
        self._given = len(tokens)
        if is_finished:
            self._put(_END)

    def fail(self, error: SmartLiteError) -> None:
        """End with an error. Any thread; never raises."""
        self._put(error)

    async def events(self, prompt_tokens: int, silence_timeout_s: float) -> AsyncGenerator[ChatEvent, None]:
        """Yield TextDeltas, then ChatFinished.

        Raises:
            EngineFailed: The library failed, or nothing came for ``silence_timeout_s`` seconds.
            InvalidRequest: 400, the grammar was too complex to be kept to.
            ModelNotReady: The engine was closed.
        """
        count = 0
        reason: FinishReason = "length"
        while not self._text.stopped:
            token = await self._next(silence_timeout_s)
            if token == _END:
                break
            count += 1
            if token in self._vocabulary.eos_tokens:
                reason = "stop"
                self._check_grammar()
                break
            if delta := self._text.push(self._piece(token, count - 1)):
                yield delta
        if self._text.stopped:
            reason = "stop"
        elif delta := self._text.finish():
            yield delta
        yield ChatFinished(reason, TokenUsage(prompt_tokens, count, self.cached_tokens))

    def _check_grammar(self) -> None:
        """An answer that was ended because its grammar broke down is no answer."""
        if self.draw.grammar is not None and self.draw.grammar.is_error():
            raise too_complex(self.draw.grammar_param)

    async def _next(self, silence_timeout_s: float) -> int:
        try:
            async with asyncio.timeout(silence_timeout_s):
                item = await self._arrived.get()
        except TimeoutError as error:
            raise EngineFailed(f"transformers was silent for {silence_timeout_s:g} s.") from error
        if isinstance(item, SmartLiteError):
            raise item
        return item

    def _put(self, item: int | SmartLiteError) -> None:
        call: Callable[..., object] = self._loop.call_soon_threadsafe
        try:
            call(self._arrived.put_nowait, item)
        except RuntimeError:
            return  # the loop is closed and nobody listens any more

    def _piece(self, token: int, place: int) -> TokenPiece:
        data = self._vocabulary.text_bytes(token)
        if self.draw.top_logprobs is None:
            return TokenPiece(data)
        drawn: DrawnLogprob = self.draw.logprobs[place]
        likeliest = tuple(self._logprob(other, value) for other, value in drawn.likeliest)
        return TokenPiece(data, TokenLogprob(show(data), min(drawn.logprob, 0.0), data, likeliest))

    def _logprob(self, token: int, value: float) -> TokenLogprob:
        data = self._vocabulary.token_bytes(token)
        return TokenLogprob(show(data), min(value, 0.0), data)
