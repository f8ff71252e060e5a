"""Voices that a model tells itself, and the names that they answer to."""

import pytest

from smartlite.domain.models import (
    OPENAI_VOICES,
    ModelDirectory,
    ServedModel,
    Voice,
    answering_to_openai_names,
    resolve_voice,
)
from smartlite.errors import ModelNotReady, VoiceNotFound

ANA, BOB = Voice("Ana Florence", "Ana", "en", languages=("en", "pt-BR", "en-GB")), Voice("alloy", "Bob", "de")
MODELS = ModelDirectory(
    (
        ServedModel("xtts", "tts", "coqui", 0, "me"),
        ServedModel("joe", "tts", "onnx_vits", 0, "me", voices=(Voice("joe", "Joe", "en-US"),)),
        ServedModel("asr", "asr", "fake", 0, "me"),
    )
)


def test_only_models_whose_voices_nobody_knows_are_untold() -> None:
    assert [model.id for model in MODELS.untold] == ["xtts"]
    assert MODELS.with_voices({"xtts": (ANA,), "joe": (BOB,)}).untold == ()


def test_what_is_told_is_added_where_it_was_missing_and_nowhere_else() -> None:
    told = MODELS.with_voices({"xtts": (ANA, BOB), "joe": (BOB,)})
    assert told.find("xtts").voices == (ANA, BOB)
    assert told.find("xtts").languages == ("en", "pt", "de")
    assert told.find("joe") is MODELS.find("joe")
    assert MODELS.with_voices({}).models == MODELS.models


def test_openai_s_names_are_spread_over_the_voices_each_once() -> None:
    ana, bob = answering_to_openai_names((ANA, BOB))
    assert sorted((bob.id, *ana.aliases, *bob.aliases)) == sorted(OPENAI_VOICES)
    assert abs(len(ana.aliases) - len(bob.aliases)) <= 1
    many = answering_to_openai_names(tuple(Voice(f"p{number}", "", "en") for number in range(109)))
    assert sum(len(voice.aliases) for voice in many) == len(OPENAI_VOICES)


def test_a_model_that_has_not_told_its_voices_is_not_ready() -> None:
    with pytest.raises(ModelNotReady):
        resolve_voice(MODELS.find("xtts"), "alloy")
    model = MODELS.with_voices({"xtts": answering_to_openai_names((ANA,))}).find("xtts")
    assert resolve_voice(model, "shimmer") == resolve_voice(model, None) == resolve_voice(model, "Ana Florence")
    with pytest.raises(VoiceNotFound, match="Ana Florence"):
        resolve_voice(model, "nobody")
