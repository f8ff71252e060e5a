"""What steps and runs are given, checked when it is known."""

from typing import Any

import pytest

from smartlite.domain.pipelines import InputSpec
from smartlite.errors import InvalidRequest, InvalidType, MissingParameter, PipelineInvalid
from smartlite.pipeline.spec import KINDS, Kind, bound_inputs, checked_fields

MEDIA = {"$media": {"key": "k", "content_type": "audio/wav", "size_bytes": 1}}
SPECS = {"audio": InputSpec("audio"), "speed": InputSpec("number", required=False, default=1)}


def test_fields_that_are_null_or_of_another_kind_are_left_out() -> None:
    given = {"audio": MEDIA, "language": None, "voice": "af"}
    assert checked_fields("asr.transcribe", given) == {"audio": MEDIA}


def test_free_fields_of_a_function_are_kept() -> None:
    kinds = {"python.x": Kind("python.x", "", {}, {}, open=True)}
    assert checked_fields("python.x", {"more": 1, "none": None}, kinds) == {"more": 1}


@pytest.mark.parametrize(
    ("uses", "fields", "param"),
    [
        ("asr.transcribe", {"audio": None}, "with.audio"),
        ("asr.transcribe", {"audio": "a.wav"}, "with.audio"),
        ("tts.speak", {"text": "x", "speed": float("nan")}, "with.speed"),
        ("tts.speak", {"text": 3}, "with.text"),
        ("llm.chat", {"prompt": None}, "with"),
    ],
)
def test_what_an_expression_gave_is_refused_where_it_does_not_fit(
    uses: str, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(PipelineInvalid) as caught:
        checked_fields(uses, fields)
    assert caught.value.param == param


def test_inputs_are_bound_with_their_defaults() -> None:
    assert bound_inputs(SPECS, {"audio": MEDIA, "speed": None}) == {"audio": MEDIA, "speed": 1}


@pytest.mark.parametrize(
    ("given", "error", "param"),
    [
        ({}, MissingParameter, "inputs.audio"),
        ({"audio": "x"}, InvalidType, "inputs.audio"),
        ({"audio": MEDIA, "speed": "fast"}, InvalidType, "inputs.speed"),
        ({"audio": MEDIA, "sped": 2}, InvalidRequest, "inputs.sped"),
    ],
)
def test_wrong_inputs_of_a_run_are_refused(given: dict[str, Any], error: type[InvalidRequest], param: str) -> None:
    with pytest.raises(error) as caught:
        bound_inputs(SPECS, given)
    assert caught.value.param == param


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_names_only_fields_that_it_has(kind: Any) -> None:
    named = {*kind.one_of, *kind.only_with, *(other for others in kind.only_with.values() for other in others)}
    assert named <= kind.fields.keys()
