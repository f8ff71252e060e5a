"""A voice turn: its first audio against the same three stages one after the other, all through HTTP.

Must not know how the platform runs a turn.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.client import Answer, Gateway, Turn
from benchmarks.clips import question
from benchmarks.measure import Goal, Row, Sample, ratio_row, value_row
from benchmarks.target import Target, read_args
from smartlite.errors import Unavailable

MIN_WORDS: Final = 80

_INSTRUCTIONS: Final = (
    "You are a friendly voice assistant. Your answer is spoken aloud: use plain sentences, without lists, headings, "
    "symbols or code. Answer in detail, in at least eight full sentences."
)
_QUESTION: Final = "Can you tell me about the history of Rome?"
_GOAL: Final = Goal("at most", 0.5)
_ATTEMPTS: Final = 6


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the pipeline asks of the language model, as the configuration has it."""

    model: str
    temperature: float
    top_p: float


@dataclass(frozen=True, slots=True)
class _Round:
    turn: Turn
    sequential_s: float
    stages_s: tuple[float, float, float]


def measure(target: Target) -> list[Row]:
    """A streamed turn, then its own stages one after the other, round by round."""
    args = read_args(target.config)
    asked = _Asked(args.llm.models[0].model, args.pipeline.temperature, args.pipeline.top_p)
    with target.gateway() as gateway:
        data = question(gateway, _QUESTION).read_bytes()
        _round(gateway, asked, data)  # unrecorded
        rounds = [_round(gateway, asked, data) for _ in range(target.runs)]
    words = Sample(tuple(float(len(one.turn.reply.split())) for one in rounds), "words")
    sequential = Sample(tuple(one.sequential_s for one in rounds), "s")
    first = Sample(tuple(one.turn.first_audio_s for one in rounds), "s")
    total = Sample(tuple(one.turn.total_s for one in rounds), "s")
    stages = ", ".join(
        f"{name} {Sample(tuple(one.stages_s[index] for one in rounds), 's').median:.2f} s"
        for index, name in enumerate(("transcribe", "chat", "speak"))
    )
    return [
        ratio_row(f"Voice turn, first audio; alone: {stages}", sequential, first, _GOAL),
        ratio_row("Voice turn, whole", sequential, total),
        value_row("Voice turn, words of the answer", words, Goal("at least", MIN_WORDS, "words"), worst=True),
        *before_first_audio([one.turn for one in rounds]),
    ]


def before_first_audio(turns: Sequence[Turn]) -> list[Row]:
    """Where the time before the first audio goes, in milliseconds, part after part; medians of the turns.

    The parts of each turn make up its time; their medians need not.
    """
    return [
        value_row(
            f"Voice turn, before the first audio: {name}", Sample(tuple(1000 * part(turn) for turn in turns), "ms")
        )
        for name, part in _PARTS.items()
    ]


_PARTS: Final[Mapping[str, Callable[[Turn], float]]] = {
    "upload, gateway, way back to the client": lambda turn: turn.first_audio_s - turn.timings["first_audio"],
    "ASR, way there and back": lambda turn: (
        turn.timings["asr"] - turn.timings["asr_decode"] - turn.timings["asr_transcribe"]
    ),
    "ASR, decode": lambda turn: turn.timings["asr_decode"],
    "ASR, engine with its VAD": lambda turn: turn.timings["asr_transcribe"],
    "LLM, first token": lambda turn: turn.timings["llm_first_token"],
    "LLM, from the first token to the first clause": lambda turn: turn.timings["first_clause"],
    "TTS, way there and back": lambda turn: turn.timings["tts_first_chunk"] - turn.timings["tts_replica"],
    "TTS, engine and first samples": lambda turn: turn.timings["tts_replica"],
    "encode": lambda turn: turn.timings["encode"],
    "all of it": lambda turn: turn.first_audio_s,
}


def _round(gateway: Gateway, asked: _Asked, data: bytes) -> _Round:
    turn = _long_turn(gateway, data)
    text, asr_s = gateway.transcribe(data)
    chat = _chat_as_long(gateway, asked, text, turn)
    # The turn's own reply, so that both speak the same words.
    speech = gateway.speak(turn.reply, "pcm")
    return _Round(turn, asr_s + chat.total_s + speech.total_s, (asr_s, chat.total_s, speech.total_s))


def _long_turn(gateway: Gateway, data: bytes) -> Turn:
    """The model is sampled, and now and then it is short: such turns are left out, as the goal is about long ones."""
    for _ in range(_ATTEMPTS):
        turn = gateway.stream_turn(data, _INSTRUCTIONS, "pcm")
        if len(turn.reply.split()) >= MIN_WORDS:
            return turn
    raise Unavailable(f"The model did not write {MIN_WORDS} words in {_ATTEMPTS} turns.")


def _chat_as_long(gateway: Gateway, asked: _Asked, transcript: str, turn: Turn) -> Answer:
    """An answer to the same messages with about as many tokens as the turn's, and never more.

    The model is sampled: where it ends earlier it is asked again, and the longest answer counts. Its prompt is in the
    engine's cache after the turn, so whatever is left of a difference speaks against the turn.
    """
    messages = [{"role": "system", "content": _INSTRUCTIONS}, {"role": "user", "content": transcript}]
    answers: list[Answer] = []
    for _ in range(_ATTEMPTS):
        answers.append(
            gateway.chat(
                asked.model, messages, temperature=asked.temperature, top_p=asked.top_p, max_tokens=turn.tokens
            )
        )
        if answers[-1].tokens >= 0.9 * turn.tokens:
            break
    return max(answers, key=lambda answer: answer.tokens)
