"""A journal: what was appended is there whoever is killed, and belongs to one reader at a time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smartlite.errors import JournalUnavailable
from smartlite.storage.journal import Journal, Segment, first_after, segments, sizes

ROOT = Path(__file__).parents[2]


def records(segment: Segment, offset: int = 0) -> list[bytes | None]:
    return [line.record for line in segment.lines(offset, 10_000)]


def left(folder: Path) -> list[Segment]:
    """Segments that have no writer any more, locked."""
    found = []
    for segment in segments(folder):
        if segment.is_ours:
            found.append(segment)
        else:
            segment.close()
    return found


def test_what_was_appended_is_read_in_order_and_on_from_where_reading_ended(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for text in (b"one", b"", b"three"):
        journal.append(text)
    segment = journal.current
    assert segment is not None
    first, *_ = segment.lines(0, 1)
    assert first.record == b"one"
    assert records(segment, first.end) == [b"", b"three"]
    assert sizes(tmp_path) == {segment.id: segment.size_bytes}
    assert first_after(tmp_path, segment.id, first.end) == b""


def test_a_segment_that_is_long_enough_is_ended_and_given_away_once_it_is_on_the_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=30)
    for number in range(4):
        journal.append(b"0123456789 %d" % number)
    assert len(sizes(tmp_path)) == 2
    assert left(tmp_path) == []
    journal.sync()
    (ended,) = left(tmp_path)
    assert len(records(ended)) == 2
    ended.remove()
    assert len(sizes(tmp_path)) == 1


def test_a_segment_that_is_written_is_read_by_others_and_is_not_theirs(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(b"mine")
    (written,) = segments(tmp_path)
    assert (records(written), written.is_ours) == ([b"mine"], False)
    assert left(tmp_path) == []
    journal.close()
    (orphan,) = left(tmp_path)
    assert records(orphan) == [b"mine"]
    assert left(tmp_path) == []  # somebody has it now
    orphan.remove()
    assert sizes(tmp_path) == {}


def test_what_a_killed_process_appended_is_there(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom smartlite.storage.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "for number in range(10**9):\n    journal.append(b'%d' % number)\n    print(number, flush=True)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(300)][-1]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
    acknowledged = int(rest[-1]) if rest else acknowledged
    (orphan,) = left(tmp_path)
    found = records(orphan)
    assert found[: acknowledged + 1] == [b"%d" % number for number in range(acknowledged + 1)]
    assert len(found) <= acknowledged + 2
    orphan.close()


def test_what_was_left_half_written_is_no_record_and_what_was_damaged_is_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for text in (b"good", b"soon bad", b"half"):
        journal.append(text)
    journal.close()
    (path,) = tmp_path.glob("*.journal")
    data = path.read_bytes().replace(b"soon bad", b"very bad")
    path.write_bytes(data[:-3])
    (orphan,) = left(tmp_path)
    assert records(orphan) == [b"good", None]
    orphan.close()


def test_a_disk_that_refuses_keeps_nothing_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalUnavailable):
        Journal(tmp_path / "file" / "journal").append(b"record")


@pytest.mark.parametrize("wrong", [b"two\nlines", bytes(1024 * 1024 + 1)])
def test_what_is_no_line_is_a_mistake_of_ours(tmp_path: Path, wrong: bytes) -> None:
    with pytest.raises(ValueError, match="one line"):
        Journal(tmp_path).append(wrong)
