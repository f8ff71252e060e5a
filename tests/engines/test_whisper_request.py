"""What is asked of Whisper: checked by name before anything is computed, and never longer than the model takes."""

import math
from typing import Any

import pytest

from smartlite.domain.asr import ServerVAD, TranscribeOptions
from smartlite.engines.speech_cut import SpeechCut
from smartlite.engines.whisper_options import WhisperOptions
from smartlite.engines.whisper_request import WhisperModelFacts, WhisperRequest, resolve_request
from smartlite.errors import ClientError, InvalidRequest, UnsupportedParameter


def _facts(*, multilingual: bool = True) -> WhisperModelFacts:
    """A model that knows three languages; every word is one token, its length."""
    known = {"en", "fr", "de"}
    return WhisperModelFacts("small", multilingual, known.__contains__, lambda text: [len(w) for w in text.split()])


def _resolve(engine: WhisperOptions | None = None, *, multilingual: bool = True, **options: Any) -> WhisperRequest:
    return resolve_request(TranscribeOptions(**options), engine or WhisperOptions(), _facts(multilingual=multilingual))


def test_what_is_not_asked_is_the_engines_own() -> None:
    request = _resolve(WhisperOptions(beam_size=3, best_of=2, condition_on_previous_text=False, vad_threshold=0.7))
    assert (request.beam_size, request.best_of, request.condition_on_previous_text) == (3, 2, False)
    assert request.cut == SpeechCut(0.7, 2.0, 0.4, 0.4)
    assert request.temperatures == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert request.language is None


def test_what_is_asked_goes_before_the_engines_own() -> None:
    request = _resolve(
        WhisperOptions(vad=False),
        beam_size=4, best_of=1, patience=2.0, length_penalty=0.5, condition_on_previous_text=False, temperature=0.3,
        vad=ServerVAD(0.25, 0.6, 0.3), language="French",
    )  # fmt: skip
    assert (request.beam_size, request.best_of, request.patience, request.length_penalty) == (4, 1, 2.0, 0.5)
    assert not request.condition_on_previous_text
    assert request.temperatures == (0.3,)
    assert request.cut == SpeechCut(threshold=0.25, silence_s=0.3, before_s=0.6, after_s=0.1)
    assert request.language == "fr"


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"language": "xx"}, "language"),
        ({"language": "it"}, "language"),
        ({"languages": ("en", "xx")}, "languages"),
        ({"languages": ("it",)}, "languages"),
        ({"beam_size": 0}, "beam_size"),
        ({"beam_size": 10**9}, "beam_size"),
        ({"best_of": 17}, "best_of"),
        ({"best_of": -1}, "best_of"),
        ({"patience": 0.0, "beam_size": 2}, "patience"),
        ({"patience": math.nan, "beam_size": 2}, "patience"),
        ({"patience": 2.0}, "patience"),
        ({"length_penalty": 1.5}, "length_penalty"),
        ({"length_penalty": math.inf}, "length_penalty"),
        ({"keywords": ("word " * 200,)}, "keywords"),
        ({"vad": ServerVAD(2.0)}, "chunking_strategy"),
        ({"vad": ServerVAD(0.5, math.inf)}, "chunking_strategy"),
        ({"vad": ServerVAD(0.5, 0.3, -1.0)}, "chunking_strategy"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_name(options: dict[str, Any], param: str) -> None:
    with pytest.raises(ClientError) as caught:
        _resolve(**options)
    assert (caught.value.status_code, caught.value.param) == (400, param)


def test_patience_without_a_beam_search_is_told_from_a_wrong_value() -> None:
    with pytest.raises(UnsupportedParameter, match="beam_size"):
        _resolve(patience=1.5)


@pytest.mark.parametrize("options", [{"languages": ("en", "de")}, {"language": "de"}, {"task": "translate"}])
def test_an_english_only_model_takes_no_other_language(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="only English"):
        _resolve(multilingual=False, **options)


def test_a_recording_without_speech_is_in_a_language_that_was_possible() -> None:
    assert _resolve().without_speech == ("en", 0.0)
    assert _resolve(languages=("fr", "German")).without_speech == ("fr", 0.0)
    assert _resolve(language="de").without_speech == ("de", 1.0)
    assert _resolve(multilingual=False).without_speech == ("en", 1.0)


def test_keywords_stand_before_every_window_and_leave_room_for_the_text_before_it() -> None:
    request = _resolve(keywords=("Zoë", " Ångström "), prompt="a bb")
    assert request.keywords == (4, 9)
    assert request.prompt == (1, 2)
    assert request.context([1, 2]) == [4, 9, 1, 2]
    context = request.context(list(range(1000)))
    assert (len(context), context[:2], context[-1]) == (223, [4, 9], 999)
