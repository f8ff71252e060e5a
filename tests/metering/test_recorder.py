"""A recorder: whole units with their prices, and a disk that refuses for a while."""

from pathlib import Path

import pytest

from smartlite.domain.metering import MeteredUsage
from smartlite.domain.usage import ModelUsage
from smartlite.errors import JournalUnavailable
from smartlite.metering.prices import Price, Prices
from smartlite.metering.recorder import Recorder
from smartlite.storage.journal import Journal
from smartlite.storage.ledger import decode
from tests.metering.records import record


class FullDisk(Journal):
    is_full = True

    def append(self, record: bytes) -> None:
        if self.is_full:
            raise JournalUnavailable("The disk is full.")
        super().append(record)


def test_use_is_kept_in_whole_units_with_its_price() -> None:
    recorder = Recorder(Journal(Path("unused")), Prices({"m": Price(audio_input_minute=0.6)}))
    used = ModelUsage("m", 1.4, 2, audio_input_s=1.0004, audio_output_s=0.5, characters=3)
    assert recorder.metered(used) == MeteredUsage("m", 1, 2, 1000, 500, 3, 10_004)


def test_what_the_disk_refuses_is_written_later_and_nothing_is_given_until_then(tmp_path: Path) -> None:
    journal = FullDisk(tmp_path)
    recorder = Recorder(journal, Prices())
    recorder.check()
    recorder.record(record(1))
    with pytest.raises(JournalUnavailable):
        recorder.check()
    recorder.record(record(2))
    journal.is_full = False
    recorder.check()
    recorder.record(record(3))
    assert journal.current is not None
    found = [decode(line.record or b"").request_id for line in journal.current.lines(0, 10)]
    assert found == ["req-1", "req-2", "req-3"]
