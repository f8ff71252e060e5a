"""Who speaks a text: the voice asked for where it knows the language, else the next best that is served.

Must not know how a language is detected, how speech is made or how answers look.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from smartlite.domain.language_tags import distance, primary
from smartlite.domain.models import ModelDirectory, ServedModel, Voice
from smartlite.domain.scripts import Writing, is_written_in
from smartlite.errors import InvalidRequest

LAST_RESORT: Final = "espeak"
"""The engine whose voices speak only what no other voice does."""
_SURE: Final = 0.5
_SURE_OF_SCRIPT: Final = 0.75
_RULED_OUT: Final = 0.03
_MIN_LETTERS: Final = 10
"""Below them another voice is never chosen by guess. Measured on 50 short texts in 26 languages with py3langid 0.4: the
right language had 0.5 or more in all sentences of four words, and no English sentence gave another language 0.5."""
_CLEAR_LEAD: Final = 3.0


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks, and in which language."""

    model: ServedModel
    voice: Voice
    language: str
    """BCP 47 tag, one of the voice's own."""
    why: str = ""
    """Why it is not the voice asked for; empty where it is."""


def spoken_by(voice: Voice) -> tuple[str, ...]:
    """The tags of every language that a voice speaks."""
    return voice.languages or (voice.language,)


def choose_speaker(models: ModelDirectory, model: ServedModel, voice: Voice, language: str) -> Speaker | None:
    """Find who speaks a language: the voice asked for, one of its model, one of another model, the last resort.

    Args:
        models: Everything that is served.
        model: The model asked for.
        voice: The voice asked for, one of the model's.
        language: BCP 47 tag of the text.

    Returns:
        None where no served voice speaks the language.
    """
    if found := _nearest(language, ((model, voice),)):
        return found
    why = f"the voice '{voice.id}' of '{model.id}' does not speak {language}"
    others = [each for each in models.models if each.task == "tts" and each != model]
    rings = (
        (model,),
        [each for each in others if each.engine != LAST_RESORT],
        [each for each in others if each.engine == LAST_RESORT],
    )
    for ring in rings:
        if found := _nearest(language, ((each, speaker) for each in ring for speaker in each.voices)):
            return Speaker(found.model, found.voice, found.language, why)
    return None


def guess_language(voice: Voice, writing: Writing, likelihood: Mapping[str, float]) -> str:
    """Decide the language of a text from what is known of it, in doubt for the voice that was asked for.

    Args:
        voice: The voice asked for.
        writing: The text's script.
        likelihood: How likely each language is, by its primary code; empty where nobody was asked.

    Returns:
        A tag: one of the voice's own where that may be meant, else a primary code.
    """
    own = {primary(tag): tag for tag in reversed(spoken_by(voice))}
    fitting = [code for code in map(primary, spoken_by(voice)) if is_written_in(code, writing.script)]
    known = {code: likelihood.get(code, 0.0) for code in (writing.languages or likelihood)}
    best = max(known, key=known.__getitem__, default="")
    is_sure = known.get(best, 0.0) >= (_SURE_OF_SCRIPT if writing.languages else _SURE)
    if writing.languages and not fitting:
        return best if is_sure else writing.languages[0]
    if is_sure and best not in own and writing.letters >= _MIN_LETTERS and _are_ruled_out(own, likelihood):
        return best
    return own[_likeliest(fitting, likelihood)] if fitting else voice.language


def languages_spoken(models: ModelDirectory) -> set[str]:
    """Primary codes of all languages that a served voice speaks."""
    voices = (voice for model in models.models if model.task == "tts" for voice in model.voices)
    return {primary(tag) for voice in voices for tag in spoken_by(voice)}


def refuse_language(models: ModelDirectory, asked: str) -> InvalidRequest:
    """The error for a language that nobody speaks."""
    spoken = ", ".join(sorted(languages_spoken(models)))
    return InvalidRequest(f"No served voice speaks the language '{asked}'. Spoken: {spoken}.", "language")


def _are_ruled_out(codes: Iterable[str], likelihood: Mapping[str, float]) -> bool:
    return all(likelihood.get(code, 0.0) <= _RULED_OUT for code in codes)


def _likeliest(codes: list[str], likelihood: Mapping[str, float]) -> str:
    """The first code, unless another is far more likely than every other one."""
    ranked = sorted(codes, key=lambda code: -likelihood.get(code, 0.0))
    lead = likelihood.get(ranked[0], 0.0)
    second = likelihood.get(ranked[1], 0.0) if len(ranked) > 1 else 0.0
    return ranked[0] if lead >= _RULED_OUT and lead >= _CLEAR_LEAD * second else codes[0]


def _nearest(language: str, candidates: Iterable[tuple[ServedModel, Voice]]) -> Speaker | None:
    best: tuple[int, Speaker] | None = None
    for model, voice in candidates:
        for tag in spoken_by(voice):
            far = distance(language, tag)
            if far is not None and (best is None or far < best[0]):
                best = (far, Speaker(model, voice, tag))
    return best[1] if best else None
