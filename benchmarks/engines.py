"""``python -m benchmarks.engines``: every engine of speech side by side, in one run, each in a process of its own.

ASR engines: word error rate on recorded prompts of four languages and on synthesized sentences, languages detected.
TTS engines: what a recogniser understands of what they say. Both with their real-time factors (seconds of work for a
second of speech). Must not know the platform: no gateway, no Ray.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jiwer

from benchmarks.in_process import InProcess
from benchmarks.machine import describe_run
from benchmarks.normalise import normalise_in
from benchmarks.recordings import recordings
from benchmarks.sentences import ENGLISH, OTHERS
from benchmarks.target import ServedEngine

_RESULTS: Final = Path(__file__).with_name("RESULTS.md")
_DETECTED: Final = 24
"""Recordings of each language whose language is found out."""
_TIMEOUT_S: Final = 300.0

ASR: Final = (
    ServedEngine("whisper-base", "faster_whisper", {"threads": 2}),
    ServedEngine("whisper-base-torch", "openai_whisper", {"threads": 2}),
    ServedEngine("whisper-tiny.en", "faster_whisper", {"threads": 2}),
    ServedEngine("whisper-tiny.en-torch", "openai_whisper", {"threads": 2}),
)
SYNTHESIZER: Final = ServedEngine("en_US-joe-medium", "onnx_vits", {"threads": 2})
EAR: Final = ASR[0]


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice to be understood."""

    engine: ServedEngine
    voice: str
    languages: tuple[str, ...]
    """ISO-639-1 codes."""


TTS: Final = (
    Speaker(SYNTHESIZER, "joe", ("en",)),
    Speaker(ServedEngine("en_US-joe-medium-coqui", "coqui", {"threads": 2}), "joe", ("en",)),
    Speaker(ServedEngine("kokoro-82m", "kokoro", {"threads": 2}), "jm_kumo", ("en", *OTHERS)),
    Speaker(ServedEngine("espeak-ng", "espeak", {}), "", ("en", *OTHERS)),
)


def main() -> int:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--record", action="store_true", help=f"append the tables to {_RESULTS.name}")
    arguments = parser.parse_args()
    heading = describe_run(["python", "-m", "benchmarks.engines", *sys.argv[1:]])
    with tempfile.TemporaryDirectory(prefix="smartlite-engines-") as folder:
        synthesized = _synthesize(Path(folder))
        recognised = _recognition(synthesized)
        spoken = _speech(Path(folder))
    report = f"{heading}\n\n{recognised}\n\n{spoken}\n"
    print(report)
    if arguments.record:
        with _RESULTS.open("a", encoding="utf-8") as results:
            results.write(f"\n## Engines of speech, side by side\n\n{report}")
    return 0


def _synthesize(folder: Path) -> list[tuple[Path, str]]:
    with InProcess("tts", SYNTHESIZER, _TIMEOUT_S) as engine:
        pairs = [(folder / f"said-{number}.wav", text) for number, text in enumerate(ENGLISH)]
        for path, text in pairs:
            engine.ask(text=text, voice="joe", save=str(path))
    return pairs


def _recognition(synthesized: list[tuple[Path, str]]) -> str:
    columns = [_recognise(served, synthesized) for served in ASR]
    rows = list(columns[0])
    heads = [f"{served.engine} {served.model}" for served in ASR]
    return _table("Recognition", heads, [(row, [column.get(row, "") for column in columns]) for row in rows])


def _recognise(served: ServedEngine, synthesized: list[tuple[Path, str]]) -> dict[str, str]:
    _say(f"{served.engine} {served.model}")
    cells: dict[str, str] = {}
    spent = audio = 0.0
    with InProcess("asr", served, _TIMEOUT_S) as engine:
        for language in ("en", "fr", "es", "it"):
            if language != "en" and ".en" in served.model:
                continue
            prompts = recordings(language)
            answers = [engine.ask(path=str(prompt.path), language=language) for prompt in prompts]
            spent += sum(answer["seconds"] for answer in answers)
            audio += sum(answer["audio_s"] for answer in answers)
            pairs = [(prompt.words, answer["text"]) for prompt, answer in zip(prompts, answers, strict=True)]
            cells[f"Recorded {language}, {len(prompts)} prompts, WER"] = _wer(language, pairs)
            if language != "en":
                asked = [engine.ask(path=str(prompt.path), language=None) for prompt in prompts[:_DETECTED]]
                right = sum(answer["language"] == language for answer in asked)
                cells[f"Recorded {language}, detected"] = f"{right} of {len(asked)}"
        answers = [engine.ask(path=str(path), language="en") for path, _ in synthesized]
        pairs = [(text, answer["text"]) for (_, text), answer in zip(synthesized, answers, strict=True)]
        cells[f"Synthesized en, {len(pairs)} sentences, WER"] = _wer("en", pairs)
    cells["Real-time factor, recorded"] = f"{spent / audio:.3f}"
    return cells


def _speech(folder: Path) -> str:
    columns = []
    with InProcess("asr", EAR, _TIMEOUT_S) as ear:
        for number, speaker in enumerate(TTS):
            columns.append(_speak(speaker, ear, folder / f"{number}.wav"))
    rows = max(columns, key=len)
    heads = [f"{speaker.engine.engine} {speaker.engine.model}" for speaker in TTS]
    title = f"Speech, understood by {EAR.engine} {EAR.model} (language given)"
    return _table(title, heads, [(row, [column.get(row, "") for column in columns]) for row in rows])


def _speak(speaker: Speaker, ear: InProcess, path: Path) -> dict[str, str]:
    _say(f"{speaker.engine.engine} {speaker.engine.model}")
    cells: dict[str, str] = {}
    spent = audio = 0.0
    with InProcess("tts", speaker.engine, _TIMEOUT_S) as engine:
        for language in speaker.languages:
            texts = ENGLISH if language == "en" else OTHERS[language]
            pairs = []
            for text in texts:
                voice = speaker.voice or f"espeak-{_ESPEAK.get(language, language)}"
                spoken = engine.ask(text=text, voice=voice, language=language, save=str(path))
                spent, audio = spent + spoken["total_s"], audio + spoken["audio_s"]
                pairs.append((text, ear.ask(path=str(path), language=language)["text"]))
            unit = "CER" if language == "ja" else "WER"
            cells[f"{language}, {len(texts)} sentences, {unit}"] = _wer(language, pairs)
    cells["Real-time factor"] = f"{spent / audio:.3f}"
    return cells


_ESPEAK: Final = {"en": "en-us", "fr": "fr-fr"}


def _wer(language: str, pairs: Sequence[tuple[str, str]]) -> str:
    said = [normalise_in(language, words) for words, _ in pairs]
    heard = [normalise_in(language, words) for _, words in pairs]
    for one, other in zip(said, heard, strict=True):
        if one != other:
            print(f"  said:  {one}\n  heard: {other}", file=sys.stderr)
    return f"{100 * jiwer.wer(said, heard):.1f} %"


def _table(title: str, heads: list[str], rows: list[tuple[str, list[str]]]) -> str:
    lines = [f"| {title} | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows]
    return "\n".join(lines)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
