"""Documents that make no sense are refused with the line and the reason; of the others the graph is derived."""

import pytest

from smartlite.domain.models import ModelDirectory
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec import KINDS, Kind, ServedCatalog, check_document, read_document
from tests.pipeline.spec.documents import ASSISTANT, CATALOG, checked, of_steps

TEXT = "- {id: a, uses: text.template, with: {template: x}}\n"


def refused(text: str) -> str:
    with pytest.raises(PipelineInvalid) as caught:
        checked(text)
    return caught.value.message


def test_steps_wait_for_what_they_refer_to_and_what_they_need() -> None:
    document = checked(
        of_steps(
            TEXT
            + "- {id: b, uses: text.template, with: {template: x}, needs: [a]}\n"
            + "- {id: c, uses: text.split, with: {text: x}, when: steps.b.output}\n"
            + "- {id: d, uses: text.split, with: {text: '${{ item }}'}, for_each: '${{ steps.c.output }}'}\n"
            + "- id: e\n  uses: text.split\n  with: {text: x}\n"
            + "  fallback: [{with: {text: 'y ${{ steps.a.output }}'}}]\n"
            + "- {id: f, uses: text.template, with: {template: x, vars: {all: '${{ steps }}'}}}\n"
        )
    )
    assert document.depends == {
        "a": frozenset(),
        "b": {"a"},
        "c": {"b"},
        "d": {"c"},
        "e": {"a"},
        "f": {"a", "b", "c", "d", "e"},
    }


def test_a_checked_document_is_otherwise_the_same() -> None:
    assert checked(ASSISTANT).steps == read_document(ASSISTANT).steps


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("asr.transcribe", "asr.transcrib", "line 6: steps[0].uses: There is no kind of step 'asr.transcrib'. Did you"),
        ("inputs.audio }", "inputs.adio }", "line 8: steps[0].with.audio: There is no input 'adio'. Did you mean"),
        ("steps.hear", "steps.heard", "line 12: steps[1].with.prompt: There is no step 'heard'. Did you mean 'hear'?"),
        ("output.text", "output.txt", "line 12: steps[1].with.prompt: 'asr.transcribe' gives no 'txt'. Did you"),
        ("hear.output", "hear.outputs", "line 12: steps[1].with.prompt: A step has 'output' and 'state', not"),
        ("steps.hear", "steps.think", "line 12: steps[1].with.prompt: A step cannot refer to itself."),
        ("steps.hear.output", "item", "line 12: steps[1].with.prompt: 'item' is there only in"),
        ("steps.hear.output", "runs.id", "line 12: steps[1].with.prompt: There is no 'runs' to refer to. Did you"),
        ("steps.hear.output", "run.name", "line 12: steps[1].with.prompt: A run has no 'name'"),
        ("hear.output.text }}", "hear. }}", "line 12: steps[1].with.prompt: 'steps.hear.' is not an expression"),
        ("prompt:", "promt:", "line 12: steps[1].with.promt: 'llm.chat' has no such field. Did you mean 'prompt'?"),
        ("text: ${{", "txt: ${{", "line 15: steps[2].with: 'tts.speak' needs the field 'text'."),
        ("audio: ${{ inputs.audio }}", "audio: a.wav", "line 8: steps[0].with.audio: Must be audio or a file"),
        ("audio: ${{ inputs.audio }}", "audio: a ${{ inputs.audio }}", "line 8: steps[0].with.audio: Text with an"),
        ("audio: ${{ inputs.audio }}", "audio: {$media: {key: k}}", "line 8: steps[0].with.audio: A file is given by"),
        ("id: say", "id: hear", "line 5: steps[0].id: Another step has the id 'hear' too."),
        ("audio: ${{ steps.say.output }}", "audio: hello", "line 18: outputs.audio: It refers to nothing"),
        ("audio: ${{ steps.say.output }}", "audio: ${{ steps.sai.output }}", "line 18: outputs.audio: There is no"),
    ],
)  # fmt: skip
def test_one_mistake_in_a_document_is_told_with_its_line(old: str, new: str, reason: str) -> None:
    message = refused(ASSISTANT.replace(old, new, 1))
    assert any(line.startswith(reason) for line in message.split("\n")), message


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("speed: 9", "speed: Must be a number from 0.25 to 4."),
        ("speed: true", "speed: Must be a number from 0.25 to 4."),
        ("speed: fast", "speed: Must be a number from 0.25 to 4."),
        ("format: mp4", "format: Must be one of mp3,"),
        ("language: '!'", "language: Must be a language tag"),
        ("voice: aloy", "voice: The model 'kokoro' has no voice 'aloy'. Did you mean 'alloy'?"),
        ("model: kokor", "model: No model 'kokor' is served for 'tts.speak'. Did you mean 'kokoro'?"),
        ("model: qwen", "model: No model 'qwen' is served for 'tts.speak'."),
        ("needs: [x]", "'tts.speak' has no such field."),
    ],
)
def test_a_wrong_literal_is_told(fields: str, reason: str) -> None:
    assert reason in refused(of_steps(f"- {{id: a, uses: tts.speak, with: {{text: x, {fields}}}}}\n"))


@pytest.mark.parametrize(
    "fields",
    ["voice: alloy", "voice: '${{ run.id }}'", "model: untold, voice: x", "model: '${{ run.id }}', voice: x",
     "speed: ~", "speed: '${{ run.id }}'", "speed: 2"],
)  # fmt: skip
def test_right_literals_and_expressions_are_taken(fields: str) -> None:
    checked(of_steps(f"- {{id: a, uses: tts.speak, with: {{text: x, {fields}}}}}\n"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("temperature: 1", "needs one of the fields messages, prompt, user"),
        ("prompt: x, user: y", "takes one of the fields"),
        ("messages: [], system: x", "system: It is of use only with prompt or user or prompt_name."),
        ("prompt: x, prompt_version: 1", "prompt_version: It is of use only with prompt_name."),
        ("prompt_name: a, prompt: x, user: y", "takes one of the fields"),
        ("prompt: '{{ a', vars: {a: 1}", "prompt: The template's line 1"),
        ("prompt: '{{ a }} ${{ run.id }}', vars: {a: 1}", "prompt: A template holds no ${{ }}"),
    ],
)
def test_fields_that_do_not_go_together_are_told(fields: str, reason: str) -> None:
    assert reason in refused(of_steps(f"- {{id: a, uses: llm.chat, with: {{{fields}}}}}\n"))


def test_a_prompt_without_variables_is_text() -> None:
    checked(of_steps("- {id: a, uses: llm.chat, with: {prompt: '{% ${{ run.id }}'}}\n"))


def test_a_template_is_compiled_when_it_is_saved() -> None:
    message = refused(
        of_steps("- id: a\n  uses: text.template\n  with:\n    template: |\n      a\n      {% include 'x' %}\n")
    )
    assert message == "line 5: steps[0].with.template: The template's line 2: 'include' is not allowed."


def test_a_circle_is_told_in_its_order() -> None:
    message = refused(
        of_steps(
            "- {id: a, uses: text.split, with: {text: '${{ steps.b.output }}'}}\n"
            "- {id: b, uses: text.split, with: {text: '${{ steps.c.output }}'}}\n"
            "- {id: c, uses: text.split, with: {text: x}, needs: [a]}\n"
        )
    )
    assert message == "line 2: steps[0]: These steps wait for each other: a -> c -> b -> a."


def test_two_hundred_steps_in_a_circle_are_refused() -> None:
    steps = "".join(
        f"- {{id: s{n}, uses: text.split, with: {{text: x}}, needs: [s{(n + 1) % 200}]}}\n" for n in range(200)
    )
    assert "wait for each other" in refused(of_steps(steps))


@pytest.mark.parametrize("needs", ["[b]", "[a]"])
def test_a_need_that_nothing_meets_is_told(needs: str) -> None:
    message = refused(of_steps(f"- {{id: a, uses: text.template, with: {{template: x}}, needs: {needs}}}\n"))
    assert message.startswith("line 2: steps[0].needs[0]: ")


@pytest.mark.parametrize("field", ["when", "for_each"])
def test_where_an_expression_stands_is_nothing_beside_it(field: str) -> None:
    step = f"- {{id: a, uses: text.template, with: {{template: x}}, {field}: '${{{{ run.id }}}} and'}}\n"
    assert f"steps[0].{field}: It must be one expression" in refused(of_steps(step))


def test_items_are_there_for_the_fields_and_not_for_the_list() -> None:
    step = "- {id: a, uses: text.split, with: {text: '${{ item }}'}, for_each: item.x}\n"
    assert refused(of_steps(step)) == (
        "line 2: steps[0].for_each: 'item' is there only in the fields of a step with 'for_each'."
    )


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("{type: integer, default: x}", "default: Must be an integer."),
        ("{type: integer, default: true}", "default: Must be an integer."),
        ("{type: audio, default: {$media: {key: k}}}", "default: Audio and files have no default."),
        ("{type: string, default: x, required: true}", "required: An input with a default is not required."),
    ],
)
def test_a_wrong_default_is_told(spec: str, reason: str) -> None:
    message = refused(of_steps(TEXT, f"inputs:\n  i: {spec}\n"))
    assert message == f"line 2: inputs.i.{reason}"


def test_a_fallback_of_another_kind_keeps_the_fields_that_it_has() -> None:
    checked(
        of_steps(
            "- id: a\n  uses: tts.speak\n  with: {text: x, speed: 2}\n"
            "  fallback: [{uses: text.split}, {with: {model: untold}}]\n"
        )
    )
    assert "fallback[0].with: 'audio.convert' needs the field 'audio'." in refused(
        of_steps(
            "- id: a\n  uses: tts.speak\n  with: {text: x}\n  fallback: [{uses: audio.convert, with: {format: mp3}}]\n"
        )
    )


def test_a_task_that_no_model_does_is_told_and_without_a_catalog_is_not() -> None:
    document = read_document(ASSISTANT)
    with pytest.raises(PipelineInvalid, match=r"No model is served for 'tts\.speak'"):
        check_document(document, ServedCatalog(ModelDirectory(())))
    assert check_document(document, None).depends["say"] == {"think"}


def test_no_document_asks_the_gateway_itself() -> None:
    assert "gateway.request" in refused(of_steps("- {id: a, uses: gateway.request, with: {path: /v1/models}}\n"))


def test_a_kind_that_the_operator_installed_is_checked_like_others_unless_it_is_open() -> None:
    kinds = {**KINDS, "python.any": Kind("python.any", "", {}, {}, open=True)}
    document = read_document(of_steps("- {id: a, uses: python.any, with: {anything: [1]}}\n"))
    check_document(document, CATALOG, kinds)
    with pytest.raises(PipelineInvalid, match=r"There is no kind of step 'python\.any'"):
        check_document(document, CATALOG)


def test_a_kind_that_is_broken_is_not_saved_and_is_read_all_the_same() -> None:
    kinds = {**KINDS, "python.bad": Kind("python.bad", "", {}, {}, open=True, broken="ImportError.")}
    document = read_document(of_steps("- {id: a, uses: python.bad}\n"))
    with pytest.raises(PipelineInvalid, match=r"'python\.bad' cannot be run for now: ImportError\."):
        check_document(document, CATALOG, kinds)
    check_document(document, None, kinds)
