"""How many cores a process may use, by its affinity and by its container's limit."""

import os
from pathlib import Path

import pytest

from smartlite.engines.cores import usable_cores

SEEN = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000\n", SEEN),
        ("50000 100000\n", 1),
        ("100000 100000\n", 1),
        ("6400000 100000\n", min(SEEN, 64)),
        ("nonsense", SEEN),
        ("", SEEN),
    ],
)
def test_a_containers_limit_counts(tmp_path: Path, limit: str, expected: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(limit)
    assert usable_cores(file) == expected


def test_without_a_limit_every_core_that_is_seen_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "missing") == SEEN
