"""Where the boxes and arrows of a graph go: layers from the top down. Must not know what is in the boxes.

Sugiyama's method in small: a layer for each step's longest way, places in the long arrows' way kept free, and the order
within layers by the middle of what each is joined to (barycentres), swept four times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from smartlite.pipeline.spec.graph import layers

_GAP_PX: Final = 28.0
_LAYER_PX: Final = 104.0
_WAY_PX: Final = 16.0
"""Width that is kept free for an arrow that passes a layer."""
_SWEEPS: Final = 4
_MOST_PLACES: Final = 4000
"""Long arrows of larger graphs go straight, under the boxes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Centres of boxes and corners of arrows, in pixels."""

    width_px: float
    height_px: float
    centres: Mapping[str, tuple[float, float]]
    arrows: Mapping[tuple[str, str], tuple[tuple[float, float], ...]]
    """From and to, with every point between their centres, those included."""


def lay_out(widths: Mapping[str, float], depends: Mapping[str, frozenset[str]]) -> Layout:
    """Place boxes.

    Args:
        widths: Of each box, in pixels, in the order of the text.
        depends: Box to those above it; without a circle.
    """
    rows = layers(list(widths), depends)
    level = {box: row for row, boxes in enumerate(rows) for box in boxes}
    ways: dict[tuple[str, str], list[str]] = {}
    sizes = dict(widths)
    pairs = [(other, box) for box in widths for other in sorted(depends.get(box, ()), key=level.__getitem__)]
    bend = sum(level[box] - level[other] - 1 for other, box in pairs) <= _MOST_PLACES
    for other, box in pairs:
        between = range(level[other] + 1, level[box]) if bend else ()
        places = [f"{other} {box} {row}" for row in between]  # no box has a space in its name
        for row, place in zip(between, places, strict=True):
            rows[row].append(place)
            sizes[place] = _WAY_PX
        ways[other, box] = [other, *places, box]
    _order(rows, [link for way in ways.values() for link in pairwise(way)])
    return _placed(rows, sizes, ways)


def _order(rows: list[list[str]], links: Sequence[tuple[str, str]]) -> None:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for upper, lower in links:
        above.setdefault(lower, []).append(upper)
        below.setdefault(upper, []).append(lower)
    for sweep in range(_SWEEPS):
        joined = below if sweep % 2 else above
        position = {box: index / max(len(row) - 1, 1) for row in rows for index, box in enumerate(row)}
        for row in reversed(rows) if sweep % 2 else rows:
            middle = {
                box: sum(position[other] for other in joined[box]) / len(joined[box])
                if box in joined
                else position[box]
                for box in row
            }
            row.sort(key=middle.__getitem__)
            position |= {box: index / max(len(row) - 1, 1) for index, box in enumerate(row)}


def _placed(rows: list[list[str]], sizes: Mapping[str, float], ways: Mapping[tuple[str, str], list[str]]) -> Layout:
    lengths = [sum(sizes[box] for box in row) + _GAP_PX * (len(row) - 1) for row in rows]
    width = max(lengths, default=0.0) + 2 * _GAP_PX
    centres: dict[str, tuple[float, float]] = {}
    for number, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        left = (width - length) / 2
        for box in row:
            centres[box] = (left + sizes[box] / 2, _LAYER_PX * (number + 0.5))
            left += sizes[box] + _GAP_PX
    arrows = {ends: tuple(centres[place] for place in way) for ends, way in ways.items()}
    return Layout(width, _LAYER_PX * len(rows), centres, arrows)
