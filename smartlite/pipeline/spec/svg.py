"""The graph of a document as a picture, SVG without scripts, styles or anything that is fetched. Must not know HTTP."""

from collections.abc import Sequence
from html import escape
from typing import Final

from smartlite.domain.pipelines import Document
from smartlite.pipeline.spec.graph import reduced
from smartlite.pipeline.spec.layout import lay_out
from smartlite.pipeline.spec.mermaid import INPUTS, OUTPUTS, steps_of_outputs, steps_with_inputs

_CHARACTER_PX: Final = 7.4
"""Width of a character of the font, 12 px high."""
_BOX_PX: Final = 46.0
_PADDING_PX: Final = 14.0
_MOST_CHARACTERS: Final = 40
_SKY, _PAPER, _INK, _PALE, _GREY = "#eef4fb", "#ffffff", "#1f2933", "#52606d", "#9aa5b1"
_ENDS: Final = ("(inputs)", "(outputs)")
"""Boxes of their own; no step has brackets in its id."""


def svg(document: Document) -> str:
    """Draw a checked document.

    Returns:
        An SVG document: boxes from the top down, an arrow for each order that no longer way says already; a dashed one
        is an order without a value.
    """
    labels = _labels(document)
    depends = {box: document.depends.get(box, frozenset()) for box in labels}
    for step in steps_with_inputs(document):
        depends[step] |= {_ENDS[0]}
    if _ENDS[1] in labels:
        depends[_ENDS[1]] = frozenset(steps_of_outputs(document))
    arrows = reduced(depends)
    widths = {box: max(len(line) for line in lines) * _CHARACTER_PX + 2 * _PADDING_PX for box, lines in labels.items()}
    layout = lay_out(widths, arrows)
    needs = {(other, step.id) for step in document.steps for other in step.needs}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {layout.width_px:.0f} {layout.height_px:.0f}" '
        f'width="{layout.width_px:.0f}" height="{layout.height_px:.0f}" role="img" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12">',
        f"<title>{escape(document.name)}</title>",
        f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{_PALE}"/></marker>',
    ]
    parts += [_arrow(points, ends in needs) for ends, points in layout.arrows.items()]
    parts += [_box(labels[box], layout.centres[box], widths[box], box in _ENDS) for box in labels]
    return "\n".join([*parts, "</svg>", ""])


def _labels(document: Document) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = {}
    if document.inputs:
        labels[_ENDS[0]] = [INPUTS, _short(", ".join(document.inputs))]
    for step in document.steps:
        marks = (" ×n" if step.for_each else "") + (" ?" if step.when else "")
        labels[step.id] = [_short(step.id), _short(step.uses) + marks]
    if ends := steps_of_outputs(document):
        labels[_ENDS[1]] = [OUTPUTS, _short(", ".join(document.outputs or ends))]
    return labels


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"


def _box(lines: Sequence[str], centre: tuple[float, float], width: float, is_end: bool) -> str:
    x, y = centre
    round_px = _BOX_PX / 2 if is_end else 6
    return (
        f'<g><rect x="{x - width / 2:.1f}" y="{y - _BOX_PX / 2:.1f}" width="{width:.1f}" height="{_BOX_PX:.0f}" '
        f'rx="{round_px:.0f}" fill="{_SKY}" stroke="{_GREY}"/>'
        f'<text x="{x:.1f}" y="{y - 4:.1f}" text-anchor="middle" font-weight="bold" fill="{_INK}">'
        f"{escape(lines[0])}</text>"
        f'<text x="{x:.1f}" y="{y + 14:.1f}" text-anchor="middle" fill="{_PALE}">{escape(lines[1])}</text></g>'
    )


def _arrow(points: Sequence[tuple[float, float]], dashed: bool) -> str:
    """From the lower edge of the first box to the upper edge of the last one, upright at every point."""
    (x, y), *between, (end_x, end_y) = points
    y += _BOX_PX / 2
    path = f"M{x:.1f} {y:.1f}"
    for next_x, next_y in [*between, (end_x, end_y - _BOX_PX / 2)]:
        half = (next_y - y) / 2
        path += f"C{x:.1f} {y + half:.1f} {next_x:.1f} {next_y - half:.1f} {next_x:.1f} {next_y:.1f}"
        x, y = next_x, next_y
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<path d="{path}" fill="none" stroke="{_PALE}" stroke-width="1.3"{dashes} marker-end="url(#tip)"/>'
