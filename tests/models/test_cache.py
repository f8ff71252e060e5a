"""This node's folder: what its disk refuses is told with what to do."""

import errno
from pathlib import Path

import pytest

from smartlite.errors import ModelStoreError
from smartlite.models.cache import ModelCache
from smartlite.models.catalog import ModelEntry


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "this user may not write there"),
        (errno.EROFS, "this user may not write there"),
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EIO, "the disk refuses"),
    ],
)
def test_a_refusal_of_the_disk_says_why_and_what_to_do(
    entry: ModelEntry, tmp_path: Path, number: int, words: str
) -> None:
    with pytest.raises(ModelStoreError) as caught, ModelCache(tmp_path).translated(entry):
        raise OSError(number, "no")
    assert words in caught.value.message
    assert "small" in caught.value.message
    assert str(tmp_path) in caught.value.message


def test_who_waits_for_the_lock_is_told_once_and_only_then(entry: ModelEntry, tmp_path: Path) -> None:
    waits: list[str] = []
    with ModelCache(tmp_path).locked(entry, lambda: waits.append("waits")):
        assert ModelCache(tmp_path).folder(entry).is_dir()
        assert ModelCache(tmp_path).partial(entry).is_dir()
    assert waits == []
