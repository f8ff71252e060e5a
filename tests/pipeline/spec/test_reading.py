"""Text to documents: what is taken, what is refused, and in which line."""

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smartlite.domain.pipelines import MAX_DOCUMENT_BYTES, Fallback, InputSpec, Retry, Step
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec import read_document
from smartlite.pipeline.spec.yaml_text import read_yaml
from tests.pipeline.spec.documents import ASSISTANT

WHOLE = """\
name: whole
description: All of it.
inputs:
  text: {type: string, description: Some., default: hello}
steps:
  - id: one
    uses: text.template
    with: {template: "{{ a }}", vars: {a: 1}}
    when: inputs.text
    for_each: ${{ inputs.text }}
    parallel: 3
    retry: {attempts: 4, backoff_s: 0.5, errors: [overloaded]}
    timeout_s: 30
    fallback: [{uses: text.split, with: {text: x}}]
    on_error: continue
    needs: []
outputs: {y: "${{ steps.one.output }}"}
"""


def refused(text: str) -> PipelineInvalid:
    with pytest.raises(PipelineInvalid) as caught:
        read_document(text)
    return caught.value


def test_every_field_of_a_document_is_read() -> None:
    document = read_document(WHOLE)
    assert document.inputs == {"text": InputSpec("string", "Some.", required=False, default="hello")}
    assert document.steps == (
        Step(
            "one",
            "text.template",
            {"template": "{{ a }}", "vars": {"a": 1}},
            when="${{ inputs.text }}",
            for_each="${{ inputs.text }}",
            parallel=3,
            retry=Retry(4, 0.5, ("overloaded",)),
            timeout_s=30,
            fallback=(Fallback("text.split", {"text": "x"}),),
            on_error="continue",
        ),
    )


def test_json_with_tabs_and_escaped_characters_is_the_same_document() -> None:
    as_json = json.dumps({**read_yaml(ASSISTANT).data, "description": "\U0001f600 / \\ud83d"}, indent="\t")
    document = read_document(as_json.replace(" / ", " \\/ "))
    assert document.steps == read_document(ASSISTANT).steps
    assert document.description == "\U0001f600 / \\ud83d"


def test_words_of_old_yaml_are_strings() -> None:
    text = "{a: no, b: on, c: 12:30:00, d: 2024-01-01, e: 010, f: 1_000, g: true, h: ~, i: 1.5e3, j: -7}"
    assert read_yaml(text).data == {
        "a": "no", "b": "on", "c": "12:30:00", "d": "2024-01-01", "e": 10, "f": "1_000", "g": True, "h": None,
        "i": 1500.0, "j": -7,
    }  # fmt: skip


def test_each_value_has_the_line_of_its_key() -> None:
    lines = read_document(ASSISTANT).lines
    assert (lines["steps[1].with.prompt"], lines["steps[2]"], lines["outputs.audio"]) == (12, 13, 18)


def test_all_faults_are_told_together_in_the_order_of_the_text() -> None:
    error = refused(
        """\
name: Wrong Name
steps:
  - id: one
    use: asr.transcribe
    retry: {atempts: 3, backoff_s: soon}
  - id: two
    uses: text.split
    paralel: 2
    parallel: 0
"""
    )
    assert [line.split(": ")[:2] for line in error.message.split("\n")] == [
        ["line 1", "name"],
        ["line 3", "steps[0].uses"],
        ["line 4", "steps[0].use"],
        ["line 5", "steps[0].retry.backoff_s"],
        ["line 5", "steps[0].retry.atempts"],
        ["line 8", "steps[1].paralel"],
        ["line 9", "steps[1].parallel"],
    ]
    assert "Did you mean 'attempts'?" in error.message
    assert error.param == "name"


def test_more_than_twenty_faults_are_not_told() -> None:
    error = refused("name: x\nsteps:\n" + "".join(f"  - {{id: s{n}}}\n" for n in range(30)))
    assert error.message.count("\n") == 20
    assert error.message.endswith("There may be more.")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x [1]\nb: *x", "line 1: Anchors and aliases"),
        ("a: *x", "line 1: Anchors and aliases"),
        ("a: !!python/object:os.system x", "line 1: Tags"),
        ("a: !x 1", "line 1: Tags"),
        ("a: 1\nb: 2\na: 3", "line 3: The key 'a' is there twice."),
        ("a: {b: ${{ inputs.x }}}", "line 1: Not YAML: did not find expected ',' or '}'. Write the value"),
        ("a: 1\n\tb: 2", "line 2: Not YAML"),
        ("a: 1\n---\na: 2", "line 2: A second document"),
        ("? [a]\n: b", "line 1: A key must be a word."),
        ("a: 99999999999999999999", "line 1: The integer"),
        ("a: 1e999", "line 1: The number"),
        ('a: "\\0"', "line 1: A string holds U+0000"),
        ("a: 1\nb: \x01", "line 2: A character is not allowed"),
        ("\ud800", "line 1: A character is not allowed"),
        ("", "line 1: The document is empty"),
        ("[1]", "line 1: A pipeline is a mapping"),
        ("x" * 129 + ": 1", "line 1: A key is longer"),
    ],
)
def test_what_json_has_not_is_refused_with_its_line(text: str, reason: str) -> None:
    assert refused(text).message.startswith(reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested more than 32 deep"),
        ('{"a":' * 20_000, "nested more than 32 deep"),
        ("- " * 50_000, "nested more than 32 deep"),
        ("\n".join("  " * n + "a:" for n in range(200)), "nested more than 32 deep"),
        ("[" + "1," * 100_000 + "]", "more than 20000 values"),
        ("x" * 10_000_000, f"larger than {MAX_DOCUMENT_BYTES} bytes"),
        ("é" * MAX_DOCUMENT_BYTES, f"larger than {MAX_DOCUMENT_BYTES} bytes"),
        ("name: x\nsteps:\n" + "- {id: a, uses: b}\n" * 300, "There are 300, and at most 200 may be."),
        ("name: x\nsteps:\n" + "- {id: a, uses: b}\n" * 10_000, "more than 20000 values"),
    ],
)
def test_what_is_too_large_is_refused(text: str, reason: str) -> None:
    assert reason in refused(text).message


def test_the_first_step_too_many_has_the_line() -> None:
    error = refused("name: x\nsteps:\n" + "- {id: a, uses: b}\n" * 201)
    assert (error.message[:8], error.param) == ("line 203", "steps")


PARTS = st.sampled_from(
    ["${{", "}}", "{", "}", "[", "]", ": ", "\n", "  ", "- ", "'", '"', "&a ", "*a", "!!x ", "1e999", "steps", "id",
     "\t", "|", "#", "? ", "%", "@", "`", "\0", "<<: ", "inputs", "uses", "null", "999"]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 12), PARTS), min_size=1, max_size=4))
def test_a_damaged_document_is_read_or_refused(damage: list[tuple[int, int, str]]) -> None:
    text = WHOLE
    for place, length, part in damage:
        text = text[:place] + part + text[place + length :]
    with suppress(PipelineInvalid):
        read_document(text)
