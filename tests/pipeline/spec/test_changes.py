"""What is different between two versions."""

import random

from smartlite.pipeline.spec import Changes, Named, changes, diff
from tests.pipeline.spec.documents import ASSISTANT, checked

NEWER = (
    ASSISTANT.replace("name: assistant", "name: assistant\ndescription: Newer.")
    .replace("  audio: {type: audio}", "  audio: {type: file}\n  voice: {type: string, required: false}")
    .replace("id: hear\n", "id: listen\n")
    .replace("steps.hear", "steps.listen")
    .replace("    uses: tts.speak\n", "    uses: tts.speak\n    timeout_s: 9\n")
    .replace("outputs:\n", "outputs:\n  text: ${{ steps.think.output.text }}\n")
)


def test_steps_inputs_and_outputs_that_differ_are_named() -> None:
    assert changes(checked(ASSISTANT), checked(NEWER)) == Changes(
        steps=Named(("listen",), ("hear",), {"think": ("with.prompt",), "say": ("timeout_s",)}),
        inputs=Named(("voice",), (), {"audio": ("type",)}),
        outputs=Named(("text",)),
        description=True,
    )


def test_form_and_comments_are_no_changes() -> None:
    found = changes(
        checked(ASSISTANT), checked("# a comment\n" + ASSISTANT.replace("{type: audio}", '{"type": "audio"}'))
    )
    assert found == Changes(Named(), Named(), Named(), description=False)


def test_texts_are_compared_line_by_line() -> None:
    assert diff("a\nb\nc\n", "a\nB\nc\n") == "--- old\n+++ new\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
    assert diff(ASSISTANT, ASSISTANT) == ""


def test_texts_with_very_many_changes_are_shown_as_replaced() -> None:
    lines = [str(number % 100) for number in range(50_000)]
    other = random.Random(1).sample(lines, len(lines))
    shown = diff("\n".join(["head", *lines, "tail"]), "\n".join(["head", *other, "tail"])).splitlines()
    assert shown[:4] == ["--- old", "+++ new", "@@ -1,50002 +1,50002 @@", " head"]
    assert shown[-1] == " tail"
    assert sum(line.startswith("-") for line in shown) == 50_001
