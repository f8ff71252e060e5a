"""Pictures of documents: what is in them, and that nothing of a document gets out of its place."""

from xml.etree import ElementTree

import pytest

from smartlite.domain.pipelines import Document, InputSpec, Step
from smartlite.pipeline.spec import mermaid, svg
from smartlite.pipeline.spec.graph import layers, reduced
from smartlite.pipeline.spec.layout import lay_out
from tests.pipeline.spec.documents import ASSISTANT, checked, of_steps

SVG = "{http://www.w3.org/2000/svg}"


def test_a_flowchart_has_a_box_for_each_step_and_an_arrow_for_each_order() -> None:
    assert mermaid(checked(ASSISTANT)).splitlines() == [
        "flowchart TD",
        '    in_(["inputs: audio"])',
        '    s_hear["hear<br/>asr.transcribe"]',
        '    s_think["think<br/>llm.chat"]',
        '    s_say["say<br/>tts.speak"]',
        '    out_(["outputs: audio"])',
        "    in_ --> s_hear",
        "    s_hear --> s_think",
        "    s_think --> s_say",
        "    s_say --> out_",
    ]


def test_an_order_without_a_value_is_dotted() -> None:
    text = of_steps(
        "- {id: a, uses: text.template, with: {template: x}}\n"
        "- {id: end, uses: text.template, with: {template: x}, needs: [a], when: run.id, for_each: '`[1]`'}\n"
    )
    drawn = mermaid(checked(text))
    assert "    s_a -.-> s_end\n" in drawn
    assert '    s_end["end<br/>text.template<br/>for each<br/>when"]\n' in drawn
    assert "stroke-dasharray" in svg(checked(text))


def test_a_picture_has_every_box_and_is_xml() -> None:
    root = ElementTree.fromstring(svg(checked(ASSISTANT)))  # noqa: S314 - our own
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts == [
        "inputs", "audio", "hear", "asr.transcribe", "think", "llm.chat", "say", "tts.speak", "outputs", "audio",
    ]  # fmt: skip


@pytest.mark.parametrize("draw", [mermaid, svg])
def test_text_of_a_document_stays_text(draw: object) -> None:
    hostile = '"]; click x href "javascript:1" <script>alert(1)</script>&\n%%{init}%%'
    document = Document(
        hostile, (Step("a", hostile),), inputs={hostile: InputSpec("string")}, depends={"a": frozenset()}
    )
    assert callable(draw)
    drawn = draw(document)
    assert "<script" not in drawn
    assert '"javascript' not in drawn


def test_arrows_that_a_longer_way_says_are_left_out_of_the_picture() -> None:
    chain = {"a": frozenset[str](), "b": frozenset({"a"}), "c": frozenset({"a", "b"}), "d": frozenset({"a", "b", "c"})}
    assert reduced(chain) == {"a": frozenset(), "b": {"a"}, "c": {"b"}, "d": {"c"}}
    assert layers(list(chain), chain) == [["a"], ["b"], ["c"], ["d"]]


def test_boxes_of_a_layer_do_not_overlap_and_long_arrows_go_round_them() -> None:
    depends = {f"s{n}": frozenset({f"s{m}" for m in range(max(n - 9, 0), n - 3)}) for n in range(40)}
    widths = dict.fromkeys(depends, 80.0)
    layout = lay_out(widths, reduced(depends))
    for step, (x, y) in layout.centres.items():
        for other, (other_x, other_y) in layout.centres.items():
            if step in widths and other in widths and step != other and y == other_y:
                assert abs(x - other_x) >= 80
    for points in layout.arrows.values():
        for x, y in points[1:-1]:
            assert all(abs(x - layout.centres[s][0]) > 40 for s in widths if layout.centres[s][1] == y)


def test_two_hundred_steps_that_all_wait_for_each_other_are_drawn() -> None:
    steps = tuple(Step(f"s{n}", "python") for n in range(200))
    depends = {f"s{n}": frozenset(f"s{m}" for m in range(n)) for n in range(200)}
    assert svg(Document("large", steps, depends=depends)).count("<g>") == 201
