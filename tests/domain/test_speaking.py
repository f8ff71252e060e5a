"""Who speaks a text, and in which language, told from what was asked and what the text looks like."""

import pytest

from smartlite.domain.models import ModelDirectory, ServedModel, Voice
from smartlite.domain.scripts import Writing, writing_of
from smartlite.domain.speaking import choose_speaker, guess_language, refuse_language

JOE = Voice("joe", "Joe", "en-US", ("alloy",))
KUMO = Voice("kumo", "Kumo", "ja-JP", ("alloy",), ("ja-JP", "en-US", "de-DE", "pt-BR"))
ALPHA = Voice("alpha", "Alpha", "ja-JP", ("nova",))
PLAIN = tuple(
    Voice(f"espeak-{tag}", tag, tag) for tag in ("en-US", "de", "fi", "pt-PT", "pt-BR", "fa", "fa-Latn", "zh")
)


def tts(id_: str, engine: str, *voices: Voice) -> ServedModel:
    return ServedModel(id_, "tts", engine, 1, "o", voices=voices)


ENGLISH = tts("english", "onnx_vits", JOE)
KOKORO = tts("kokoro", "kokoro", KUMO, ALPHA)
ESPEAK = tts("espeak-ng", "espeak", *PLAIN)
SERVED = ModelDirectory((ServedModel("asr", "asr", "e", 1, "o"), ENGLISH, ESPEAK, KOKORO))


@pytest.mark.parametrize(
    ("model", "voice", "language", "speaks", "tag"),
    [
        (ENGLISH, JOE, "en", "joe", "en-US"),
        (ENGLISH, JOE, "en-GB", "joe", "en-US"),
        (ENGLISH, JOE, "de-AT", "kumo", "de-DE"),
        (ENGLISH, JOE, "pt-PT", "kumo", "pt-BR"),
        (ENGLISH, JOE, "fi", "espeak-fi", "fi"),
        (ENGLISH, JOE, "fa", "espeak-fa", "fa"),
        (ENGLISH, JOE, "fa-Latn", "espeak-fa-Latn", "fa-Latn"),
        (ENGLISH, JOE, "cmn", "espeak-zh", "zh"),
        (KOKORO, ALPHA, "ja", "alpha", "ja-JP"),
        (KOKORO, ALPHA, "de", "kumo", "de-DE"),
        (KOKORO, KUMO, "en-GB", "kumo", "en-US"),
        (ESPEAK, PLAIN[2], "pt", "espeak-pt-PT", "pt-PT"),
        (ESPEAK, PLAIN[2], "pt-BR", "espeak-pt-BR", "pt-BR"),
    ],
)
def test_a_language_is_spoken_by_the_voice_asked_for_else_the_nearest(
    model: ServedModel, voice: Voice, language: str, speaks: str, tag: str
) -> None:
    speaker = choose_speaker(SERVED, model, voice, language)

    assert speaker is not None
    assert (speaker.voice.id, speaker.language) == (speaks, tag)
    assert bool(speaker.why) == (speaker.voice != voice)


def test_why_another_voice_speaks_is_told() -> None:
    speaker = choose_speaker(SERVED, ENGLISH, JOE, "fi")
    assert speaker is not None
    assert speaker.why == "the voice 'joe' of 'english' does not speak fi"


def test_nobody_speaks_what_no_voice_knows() -> None:
    assert choose_speaker(SERVED, ENGLISH, JOE, "xh") is None
    assert refuse_language(SERVED, "xh").message == (
        "No served voice speaks the language 'xh'. Spoken: de, en, fa, fi, ja, pt, zh."
    )


LATIN = Writing("LATIN", 40, ())


@pytest.mark.parametrize(
    ("voice", "writing", "likelihood", "language"),
    [
        (JOE, LATIN, {"de": 0.9, "en": 0.01}, "de"),
        (JOE, LATIN, {"de": 0.4, "en": 0.01}, "en-US"),
        (JOE, LATIN, {"de": 0.6, "en": 0.1}, "en-US"),
        (JOE, LATIN, {"en": 0.9}, "en-US"),
        (JOE, LATIN, {}, "en-US"),
        (JOE, Writing("LATIN", 9, ()), {"de": 0.9}, "en-US"),
        (JOE, Writing("", 0, ()), {}, "en-US"),
        (JOE, writing_of("Привет"), {"uk": 0.6, "ru": 0.4}, "ru"),
        (JOE, writing_of("Привіт, як ваші справи"), {"uk": 0.9, "ru": 0.1}, "uk"),
        (JOE, writing_of("Γειά"), {}, "el"),
        (JOE, writing_of("今天"), {"zh": 0.5}, "zh"),
        (JOE, writing_of("᚛ᚑᚌᚐᚋ᚜"), {}, "en-US"),
        (ALPHA, writing_of("今天"), {"zh": 0.9}, "ja-JP"),
        (ALPHA, writing_of("今天天气很好我们去公园玩吧"), {"zh": 0.9}, "zh"),
        (ALPHA, LATIN, {"en": 0.9}, "en"),
        (ALPHA, LATIN, {"en": 0.4}, "ja-JP"),
        (KUMO, Writing("LATIN", 5, ()), {"de": 0.2, "en": 0.01}, "de-DE"),
        (KUMO, Writing("LATIN", 5, ()), {"de": 0.2, "en": 0.1}, "en-US"),
        (KUMO, Writing("LATIN", 5, ()), {}, "en-US"),
        (KUMO, Writing("", 0, ()), {}, "en-US"),
        (KUMO, LATIN, {"fi": 0.9}, "fi"),
        (KUMO, writing_of("こんにちは"), {}, "ja-JP"),
    ],
)
def test_a_language_is_guessed_with_care(
    voice: Voice, writing: Writing, likelihood: dict[str, float], language: str
) -> None:
    assert guess_language(voice, writing, likelihood) == language
