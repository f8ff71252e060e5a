"""A stage under load, and held against another OpenAI-compatible server. Must not know engines."""

import io
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.clips import question
from benchmarks.load.curve import Plan, Server, Step, measure_closed, measure_curves
from benchmarks.load.outcome import Load
from benchmarks.load.stages import MODELS, SENTENCE, Stage, Turn, stage_request, turn_request
from benchmarks.measure import Row, Sample, ratio_row, value_row
from benchmarks.target import Target, read_engine
from smartlite.config import load_settings
from smartlite.domain.audio import SPEECH_SAMPLE_RATE_HZ

OURS: Final = "SmartLite"
OTHER: Final = "against"
_TURN_CALLERS: Final = 2
_TURN_QUESTION: Final = "What is the capital of France?"
"""Whose answer is short, so that enough of them end within a run."""
_QUESTION: Final = "Can you tell me about the history of Rome?"


@dataclass(frozen=True, slots=True)
class Other:
    """The server of ``--against``."""

    url: str
    key: str = ""
    model: str = ""
    """As it calls the stage's model; as we call ours when empty."""


def measure_stage(
    stage: Stage, target: Target, plan: Plan, other: Other | None, steps: list[Step], say: Callable[[str], object]
) -> list[Row]:
    """One caller alone, then the curve; both servers get the same bytes but for the key and the model's name."""
    with target.gateway() as gateway:
        clip = question(gateway, _QUESTION).read_bytes()
        spoken = gateway.speak(SENTENCE, "pcm").data if stage == "tts" else b""
    audio_s = {"asr": duration_s(clip), "tts": len(spoken) / 2 / SPEECH_SAMPLE_RATE_HZ, "llm": 0.0}[stage]
    model = MODELS[stage] or read_engine(target.config, stage).model
    key = load_settings().api_key.get_secret_value()
    servers = [
        Server(f"{OURS}, {stage}", stage_request(stage, target.url, key, model, clip), target.processes.counting_cpu)
    ]
    if other is not None:
        servers.append(
            Server(f"{OTHER}, {stage}", stage_request(stage, other.url, other.key, other.model or model, clip))
        )
    say(f"{stage}: one caller")
    alone = measure_closed(servers, replace(plan, connections=1), "alone")
    steps += alone
    measure_curves(servers, plan, steps, say)
    return cost_rows(stage, alone[0], audio_s)


def measure_turns(turn: Turn, target: Target, plan: Plan, steps: list[Step], say: Callable[[str], object]) -> list[Row]:
    """One caller alone, then two; more would wait for the same replica."""
    with target.gateway() as gateway:
        clip = question(gateway, _TURN_QUESTION).read_bytes()
    request = turn_request(turn, target.url, load_settings().api_key.get_secret_value(), clip)
    server = Server(f"{OURS}, {turn}", request, target.processes.counting_cpu)
    for kind, callers in (("alone", 1), ("closed", _TURN_CALLERS)):
        say(f"{turn}: {callers} at once")
        steps += measure_closed([server], replace(plan, connections=callers), kind)
    return cost_rows(turn, steps[-2], 0.0)


def cost_rows(stage: Stage | Turn, alone: Step, audio_s: float) -> list[Row]:
    """What a request of one caller takes of the processors, whatever Ray does meanwhile included.

    Args:
        stage: What was asked of.
        alone: Our platform's step.
        audio_s: Of a request's recording or speech; 0 where there is none.
    """
    each = tuple(load.cpu_per_thousand_s / 1000 for load in alone.loads)
    rows = [value_row(f"{stage}, one caller: processor time of a request", Sample(each, "s"))]
    if audio_s:
        of_audio = Sample(tuple(seconds / audio_s for seconds in each), "s")
        rows.append(value_row(f"{stage}, one caller: processor time of a second of audio ({audio_s:.1f} s)", of_audio))
    return rows


def duration_s(clip: bytes) -> float:
    """Of a WAV file."""
    with wave.open(io.BytesIO(clip)) as file:
        return float(file.getnframes()) / float(file.getframerate())


def judge_stage(stage: Stage, steps: Sequence[Step]) -> list[Row]:
    """Hold ours against the other one, where there is one: latencies of one caller, and what many get."""
    one = {step.server: step for step in steps if step.kind == "alone"}
    many = {step.server: step for step in steps if step.kind == "closed"}
    ours, other = f"{OURS}, {stage}", f"{OTHER}, {stage}"
    if other not in many:
        return []
    figures: tuple[tuple[str, dict[str, Step], Callable[[Load], float], str], ...] = (
        ("one caller, whole answer, p50", one, lambda load: load.p50_ms, "ms"),
        ("one caller, first byte of the body, p50", one, lambda load: load.first_byte_p50_ms, "ms"),
        ("many callers, answers a second", many, lambda load: load.goodput_per_s, "/s"),
    )
    return [
        ratio_row(
            f"{stage} against the other server, {what}",
            _sample(of[other], of_load, unit),
            _sample(of[ours], of_load, unit),
        )
        for what, of, of_load, unit in figures
    ]


def _sample(step: Step, figure: Callable[[Load], float], unit: str) -> Sample:
    return Sample(tuple(figure(load) for load in step.loads), unit)
