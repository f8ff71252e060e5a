"""The pipelines that come with the platform are right, and their templates write what they should."""

from typing import Any

import pytest

from smartlite.domain.pipelines import Document
from smartlite.pipeline.builtin import NAMES, builtin_documents
from smartlite.pipeline.spec import bound_inputs, checked_fields
from smartlite.pipeline.spec.expressions import resolve
from smartlite.pipeline.spec.templates import render
from tests.pipeline.spec.documents import checked


def document(name: str) -> Document:
    return checked(builtin_documents()[name])


def fields_of(name: str, step_id: str, namespace: dict[str, Any]) -> dict[str, Any]:
    step = next(step for step in document(name).steps if step.id == step_id)
    return checked_fields(step.uses, resolve(dict(step.with_), namespace))


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_document_of_its_name(name: str) -> None:
    found = document(name)
    assert found.name == name
    assert found.description
    assert all(spec.description for spec in found.inputs.values())


@pytest.mark.parametrize(("name", "step"), [("voice-assistant", "say"), ("interpreter", "say"), ("read-aloud", "read")])
def test_inputs_that_are_absent_leave_fields_out(name: str, step: str) -> None:
    specs = document(name).inputs
    given = {key: "x" for key, spec in specs.items() if spec.required and spec.type == "string"}
    media = {key: {"$media": {}} for key, spec in specs.items() if spec.required and spec.type == "audio"}
    answered = {"output": {"text": "hello", "language": "en"}, "state": "succeeded"}
    steps = {"hear": answered, "think": answered, "translate": answered}
    inputs = bound_inputs(specs, given | media)
    namespace = {"inputs": inputs | {"target_language": "de"}, "steps": steps, "item": "hello"}
    assert "voice" not in fields_of(name, step, namespace)


def test_webvtt_is_made_of_srt() -> None:
    srt = "1\n00:00:00,000 --> 00:00:02,500\nHello, you & <hi>.\nTwo lines\n\n2\n01:01:01,250 --> 01:01:02,000\nBye.\n"
    fields = fields_of("captions", "vtt", {"steps": {"srt": {"output": srt}}})
    assert render(fields["template"], fields["vars"]) == (
        "WEBVTT\n\n1\n00:00:00.000 --> 00:00:02.500\nHello, you &amp; &lt;hi&gt;.\nTwo lines\n\n"
        "2\n01:01:01.250 --> 01:01:02.000\nBye.\n"
    )


def test_captions_of_two_hours_fit_into_a_template() -> None:
    cue = "1\n00:00:00,000 --> 00:00:04,000\nA line that is as long as most of them.\nAnd one more of them.\n\n"
    fields = fields_of("captions", "vtt", {"steps": {"srt": {"output": cue * 1800}}})
    assert render(fields["template"], fields["vars"]).count(" --> ") == 1800


def test_the_interpreter_is_told_both_languages_by_name() -> None:
    heard = {"output": {"text": "Hallo {{ x }}", "language": "de"}}
    fields = fields_of("interpreter", "translate", {"inputs": {"target_language": "fr"}, "steps": {"hear": heard}})
    assert "from German into French" in render(fields["system"], fields["vars"])
    assert render(fields["user"], fields["vars"]) == "Hallo {{ x }}"


def test_notes_of_all_parts_go_into_the_summary() -> None:
    noted = {"output": [{"text": " first\n"}, {"text": "second"}]}
    fields = fields_of("meeting-notes", "summary", {"steps": {"notes": noted}})
    assert render(fields["user"], fields["vars"]).split() == ["Part", "1:", "first", "Part", "2:", "second"]
    assert fields["json_schema"]["required"] == ["summary", "decisions", "action_items"]


def test_pieces_of_a_meeting_are_joined_in_their_order() -> None:
    heard = {"output": [{"text": "one"}, {"text": "two"}]}
    fields = fields_of("meeting-notes", "transcript", {"steps": {"hear": heard}})
    assert render(fields["template"], fields["vars"]) == "one\n\ntwo"
