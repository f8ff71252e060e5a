"""Which values of its namespace an expression looks at, without working it out. Must not know which there are.

Each part of the expression is walked with what is known of the value that it starts from: a path from the namespace, or
None for something else. A path that ends anywhere but in a longer one is a value that the expression uses.
"""

from typing import Any, Final

from smartlite.pipeline.spec.expression_text import Node

Path = tuple[str, ...]
"""Names from the namespace on: ``("steps", "hear", "output", "text")``; ``()`` is the namespace itself."""
_LONGEST: Final = 4
_CHAINS: Final = frozenset({"subexpression", "pipe", "index_expression"})
_SAME: Final = frozenset({"current", "identity"})


def paths(root: Node) -> frozenset[Path]:
    """The paths that an expression uses, of at most four names each."""
    walk = _Walk()
    walk.use(root, ())
    return frozenset(walk.used)


class _Walk:
    def __init__(self) -> None:
        self.used: set[Path] = set()

    def use(self, node: Any, start: Path | None) -> None:
        """Walk a part whose value is used as it is."""
        self._note(self._follow(node, start))

    def _note(self, path: Path | None) -> None:
        if path is not None:
            self.used.add(path)

    def _follow(self, node: Any, start: Path | None) -> Path | None:
        if not isinstance(node, dict):
            return None
        kind, children = node["type"], node["children"]
        if kind == "field":
            return None if start is None else (*start, str(node["value"]))[:_LONGEST]
        if kind in _SAME:
            return start
        if kind in _CHAINS:
            here = start
            for child in children:
                here = self._follow(child, here)
            return here
        if kind.endswith("projection"):
            self.use(children[0], start)
            for child in children[1:]:
                self.use(child, None)
            return None
        if kind in {"index", "slice", "multi_select_list", "multi_select_dict"} and start != ():
            self._note(start)
        # What an ``&expression`` is given are items of a list, whose own paths were used to get there.
        inner = None if kind == "expref" else start
        for child in children:
            self.use(child, inner)
        return None
