"""The published JSON Schema agrees with what is read."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from smartlite.pipeline.builtin import builtin_documents
from smartlite.pipeline.spec import json_schema
from smartlite.pipeline.spec.yaml_text import read_yaml
from tests.pipeline.spec.documents import ASSISTANT


def errors(document: Any) -> list[str]:
    return [error.json_path for error in Draft202012Validator(json_schema()).iter_errors(document)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("text", [ASSISTANT, *builtin_documents().values()])
def test_it_takes_right_documents(text: str) -> None:
    assert errors(read_yaml(text).data) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: a", "nam: a"),
        ("id: hear", "id: He-ar"),
        ("asr.transcribe", "asr.transcrib"),
        ("audio: ${{ inputs.audio }}", "audio: a.wav"),
        ("prompt:", "temperature: 3\n      prompt:"),
        ("text: ${{", "txt: ${{"),
        ("type: audio", "type: sound"),
    ],
)
def test_it_refuses_wrong_documents(old: str, new: str) -> None:
    assert errors(read_yaml(ASSISTANT.replace(old, new, 1)).data)
