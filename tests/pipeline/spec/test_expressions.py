"""Expressions: what they give, what they refer to, and what the hostile ones come to."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.expressions import ALL_STEPS, evaluate, is_true, references, resolve, used_paths

NAMESPACE: dict[str, Any] = {
    "inputs": {"number": 3, "list": [{"t": "x"}, {"t": "y"}], "text": "hello", "nothing": None},
    "steps": {"hear": {"output": {"text": "hi"}, "state": "succeeded"}},
    "run": {"id": "run_1"},
}
LARGE: dict[str, Any] = {
    "inputs": {
        "numbers": [0] * 500_000,
        "text": "ab" * 500_000,
        "objects": [{"a": [1, 2, 3], "b": "x" * 20} for _ in range(20_000)],
    },
    "steps": {},
}
"""A megabyte of each."""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("${{ inputs.number }}", 3),
        ("inputs.number", 3),
        ("inputs.list[*].t", ["x", "y"]),
        ("inputs.list[?t == 'x'] | [0].t", "x"),
        ("{a: {b: inputs.number}}", {"a": {"b": 3}}),
        ("join(', ', inputs.list[].t)", "x, y"),
        ("steps.hear.output.text || 'nothing'", "hi"),
        ("inputs.not_there.at_all", None),
        ("length(inputs.text) > `3`", True),
        ('`{"a": [1, null]}`', {"a": [1, None]}),
        ("'}}'", "}}"),
        ("inputs.text.__class__", None),
    ],
)
def test_an_expression_gives_json(expression: str, value: Any) -> None:
    assert evaluate(expression, NAMESPACE) == value


def test_one_expression_alone_keeps_its_type_and_text_becomes_text() -> None:
    written = {
        "alone": " ${{ inputs.list }} ",
        "text": "${{ inputs.text }}, ${{ inputs.number }} of ${{ {x: {y: inputs.number}} }}${{ inputs.nothing }}!",
        "plain": ["$", "{{ jinja }}", 1, None],
    }
    assert resolve(written, NAMESPACE) == {
        "alone": [{"t": "x"}, {"t": "y"}],
        "text": 'hello, 3 of {"x": {"y": 3}}!',
        "plain": ["$", "{{ jinja }}", 1, None],
    }


def test_braces_in_strings_and_objects_end_no_expression() -> None:
    assert resolve("${{ '}}' }} ${{ {a: {b: 'it\\'s }}'}} }}", NAMESPACE) == '}} {"a": {"b": "it\'s }}"}}'


@pytest.mark.parametrize(
    ("expression", "steps"),
    [
        ("steps.hear.output", {"hear"}),
        ("${{ steps.hear.output.text }}", {"hear"}),
        ('"steps"."hear"', {"hear"}),
        ("@.steps.a.output || steps.b.output", {"a", "b"}),
        ("@ | steps | hear", {"hear"}),
        ("map(&steps.no, steps.a.output)", {"a"}),
        ("inputs.x[?steps.no == 'a']", set()),
        ("item.steps.no", set()),
        ("{a: steps.a.output, b: [steps.b.state]}", {"a", "b"}),
        ("steps.a.output[0].steps.no", {"a"}),
        ("steps.a.output[1:].x", {"a"}),
        ("!(steps.a.output)", {"a"}),
        ("steps.a.output.[x, y]", {"a"}),
        ("steps", {ALL_STEPS}),
        ("steps.*.output", {ALL_STEPS}),
        ("keys(steps)", {ALL_STEPS}),
        ("[steps][0].hear", {ALL_STEPS}),
        ("{a: @}.a.steps.hear", {ALL_STEPS}),
        ("values(@)", {ALL_STEPS}),
        ("*", {ALL_STEPS}),
        ('`{"steps": 1}`.steps', set()),
    ],
)
def test_the_steps_that_an_expression_refers_to_are_found(expression: str, steps: set[str]) -> None:
    assert references(expression) == steps


def test_paths_are_known_to_the_fourth_name() -> None:
    assert used_paths("steps.hear.output.segments[0].text") == {("steps", "hear", "output", "segments")}


@pytest.mark.parametrize(
    "expression",
    ["", " ", "a..b", "a[", "foo(a)", "length(a, b)", "length()", "!a.b", "`text`", "`NaN`", "`[1`", "a[::0]",
     "'a", "#",
     "(" * 900 + "a" + ")" * 900, "!" * 1900 + "a", "a" * 2001, "&" * 500, "`" + "[" * 1500 + "]" * 400 + "`",
     " && ".join(["a == b"] * 150), "[" + ",".join("a" * 400) + "]"],
)  # fmt: skip
def test_what_is_no_expression_or_too_much_of_one_is_refused(expression: str) -> None:
    with pytest.raises(PipelineInvalid):
        references(expression)


def test_an_unknown_function_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(PipelineInvalid, match="Did you mean 'length'"):
        references("lenth(a)")


@pytest.mark.parametrize("text", ["${{ a", "${{ 'a }}", "${{ {a: b }}", "x ${{ `1 }}"])
def test_an_expression_without_an_end_is_refused(text: str) -> None:
    with pytest.raises(PipelineInvalid, match="does not end"):
        resolve(text, NAMESPACE)


MANY = "`[" + ",".join("0" * 15) + "]`"
NESTED = f"map(&map(&map(&map(&map(&@, {MANY}), {MANY}), {MANY}), {MANY}), {MANY})"


@pytest.mark.parametrize(
    "expression",
    [
        "inputs | " + " | ".join(["[@,@]"] * 30),
        "inputs | " + " | ".join(["{a:@,b:@}"] * 30),
        "to_string(inputs | " + " | ".join(["[@,@]"] * 30) + ")",
        "keys(inputs | " + " | ".join(["[@,@]"] * 30) + ")",
        "inputs.numbers | " + " | ".join(["[@,@][]"] * 20),
        "inputs.text | " + " | ".join(["join('', [@,@])"] * 20),
        "join(inputs.text, inputs.numbers[*].to_string(@))",
        "inputs.numbers[*].[@,@,@][]",
        "inputs.numbers[?@ == `0`]",
        "inputs.objects | map(&to_string(@), [" + ",".join("@" * 16) + "])",
        "inputs.objects | [" + ",".join("@" * 20) + '][?contains(@, `{"a":1}`)]',
        "inputs.objects | [" + ",".join("@" * 20) + "] | [*].sort_by(@, &b) | length(@)",
        "inputs.objects | [" + ",".join("@" * 20) + "][?@ == `[]`]",
        "sort(inputs.numbers)",
        NESTED,
        "to_number('nan')",
        "to_number('1e999')",
        f"to_number('{'9' * 1900}')",
        "ceil(to_number('inf'))",
        "&inputs",
        "inputs.text < `1`",
        "keys(inputs.text)",
        "max_by(inputs.objects, &a)",
    ],
)
def test_a_hostile_expression_over_a_megabyte_is_refused(expression: str) -> None:
    with pytest.raises(PipelineInvalid, match="cannot be worked out"):
        evaluate(expression, LARGE)


def test_many_large_values_are_no_more_than_one() -> None:
    with pytest.raises(PipelineInvalid, match="more than 1048576 bytes"):
        resolve(["${{ inputs.objects }}"] * 3, LARGE)
    with pytest.raises(PipelineInvalid, match="longer than 1048576 bytes"):
        resolve("${{ inputs.text }}" * 3, LARGE)


def test_a_condition_is_false_for_what_is_empty_and_true_for_zero() -> None:
    assert [is_true(value) for value in (None, False, "", [], {}, 0, True, "no")] == [False] * 5 + [True] * 3


TOKENS = ["inputs", "steps", ".", "a", "[", "]", "[]", "[*]", "*", "[?", "t", "==", "'x'", "`1`", "`[1,2]`", "|", "||",
          "&&", "!", "(", ")", "{", "}", ":", ",", "&", "@", "length(", "sort_by(", "map(", "to_string(", "join(",
          "sum(", "max(", "contains(", "merge(", "0", "-1", "::", '"a b"', "<", "list", "number", "`",
          "'", '"']  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=12))
def test_any_words_are_worked_out_or_refused(tokens: list[str]) -> None:
    expression = "".join(tokens)
    with suppress(PipelineInvalid):
        references(expression)
        evaluate(expression, NAMESPACE)
