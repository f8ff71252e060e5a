"""The order of steps, from which of them wait for which. Must not know what makes them wait."""

from collections.abc import Mapping, Sequence


def cycle(depends: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """A circle of steps that wait for each other, the first one again at its end; empty where there is none."""
    done: set[str] = set()
    for first in depends:
        trail: list[str] = []
        pending = [(first, iter(sorted(depends[first])))] if first not in done else []
        while pending:
            step, rest = pending[-1]
            if len(trail) < len(pending):
                trail.append(step)
            for other in rest:
                if other in trail:
                    # Followed backwards: what waits for a step comes after it.
                    return tuple(reversed([*trail[trail.index(other) :], other]))
                if other in depends and other not in done:
                    pending.append((other, iter(sorted(depends[other]))))
                    break
            else:
                done.add(step)
                pending.pop()
                trail.pop()
    return ()


def layers(steps: Sequence[str], depends: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Steps by the longest way that leads to them; those of one layer never wait for each other.

    Args:
        steps: All of them; their order stays within a layer.
        depends: Without a circle.
    """
    level: dict[str, int] = {}
    waiting = {step: set(depends.get(step, ())) & set(steps) for step in steps}
    while ready := [step for step in steps if step not in level and waiting[step] <= level.keys()]:
        for step in ready:
            level[step] = 1 + max((level[other] for other in waiting[step]), default=-1)
    found: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for step in steps:
        if step in level:
            found[level[step]].append(step)
    return found


def reduced(depends: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The same order with the fewest arrows: none that a longer way says already.

    Args:
        depends: Of every step; without a circle.
    """
    behind: dict[str, frozenset[str]] = {}
    found: dict[str, frozenset[str]] = {}
    for layer in layers(list(depends), depends):
        for step in layer:
            direct = depends[step]
            further = frozenset[str]().union(*(behind[other] for other in direct))
            behind[step] = direct | further
            found[step] = direct - further
    return {step: found[step] for step in depends}
