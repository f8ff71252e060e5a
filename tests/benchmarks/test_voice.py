"""Where the time before a voice turn's first audio goes."""

import pytest

from benchmarks.client import Turn
from benchmarks.voice import before_first_audio

TIMINGS = {
    "asr": 0.4,
    "asr_decode": 0.01,
    "asr_transcribe": 0.38,
    "llm_first_token": 0.05,
    "first_clause": 0.1,
    "tts_first_chunk": 0.2,
    "tts_replica": 0.19,
    "encode": 0.003,
    "first_audio": 0.753,
}


def test_the_parts_before_the_first_audio_make_up_what_the_client_waited() -> None:
    rows = before_first_audio([Turn("q", "a", 9, 0.5, 0.76, 2.0, TIMINGS)])
    shown = [float(row.platform.removesuffix(" ms")) for row in rows]
    assert sum(shown[:-1]) == pytest.approx(shown[-1])
    assert shown[-1] == 760
