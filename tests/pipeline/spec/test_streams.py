"""Which steps read a text while it is written."""

import pytest

from smartlite.domain.pipelines import Stream
from smartlite.pipeline.builtin import builtin_documents
from smartlite.pipeline.spec import check_document, read_document

_THINK = "  - {id: think, uses: llm.chat, with: {prompt: hi}}\n"


def streams(steps: str) -> dict[str, Stream]:
    """Of a document with these steps."""
    text = f"name: test\ninputs:\n  voice: {{type: string}}\nsteps:\n{steps}outputs: {{x: '${{{{ steps }}}}'}}\n"
    return dict(check_document(read_document(text), None).streams)


def say(more: str = "", text: str = "${{ steps.think.output.text }}") -> str:
    """A step that speaks."""
    return f"  - {{id: say, uses: tts.speak, with: {{text: '{text}', voice: '${{{{ inputs.voice }}}}'}}{more}}}\n"


def test_speech_begins_while_the_language_model_still_writes() -> None:
    assert streams(_THINK + say()) == {"say": Stream("think", "text", "text")}


def test_a_condition_that_is_the_same_text_is_true_as_soon_as_there_is_some() -> None:
    assert streams(_THINK + say(", when: steps.think.output.text"))["say"].is_condition


@pytest.mark.parametrize(
    "steps",
    [
        _THINK + say(", needs: [think]"),
        _THINK + say(", when: length(steps.think.output.text) > `3`"),
        _THINK + say(", fallback: [{with: {text: sorry}}]"),
        _THINK + say(", fallback: [{with: {voice: '${{ steps.think.state }}'}}]"),
        _THINK + say(", for_each: inputs.voice"),
        _THINK + say(text="${{ steps.think.output.text }}!"),
        _THINK + say(text="${{ steps.think.output.finish_reason }}"),
        _THINK + say(text="${{ steps.*.output.text | [0] }}"),
        "  - {id: think, uses: text.template, with: {template: hi}}\n" + say(text="${{ steps.think.output }}"),
        "  - {id: think, uses: llm.chat, for_each: inputs.voice, with: {prompt: hi}}\n"
        + say(text="${{ steps.think.output[0].text }}"),
    ],
)
def test_whatever_else_a_step_wants_of_another_makes_it_wait_for_its_end(steps: str) -> None:
    assert streams(steps) == {}


def test_the_assistant_that_ships_speaks_while_it_thinks() -> None:
    document = builtin_documents()["voice-assistant"]
    assert set(check_document(read_document(document), None).streams) == {"say"}
