"""Stages: what they are asked, what they cost, what they are held against."""

import json

import numpy as np
import pytest

from benchmarks.clips import wav
from benchmarks.load.curve import Step
from benchmarks.load.outcome import Load, Outcome, count
from benchmarks.load.stages import STAGES, TURNS, stage_request, turn_request
from benchmarks.stages_compared import cost_rows, duration_s, judge_stage

CLIP = wav(np.zeros(48_000, "<i2").tobytes())


def load(latency_s: float, server_cpu_s: float = 1.0) -> Load:
    return count([Outcome(0, 0, latency_s / 2, latency_s, "200")] * 10, 0, 1, 0, server_cpu_s)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("url", ["http://127.0.0.1:8001", "http://127.0.0.1:8001/v1", "http://127.0.0.1:8001/v1/"])
def test_another_server_is_found_with_and_without_its_prefix(stage: str, url: str) -> None:
    request = stage_request(stage, url, "", "m", CLIP)  # type: ignore[arg-type]

    assert request.url.startswith("http://127.0.0.1:8001/v1/")
    assert request.url.count("/v1") == 1


def test_a_chat_is_whole_http() -> None:
    head, _, body = stage_request("llm", "http://127.0.0.1:8001", "k", "m", b"").data.partition(b"\r\n\r\n")

    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"Authorization: Bearer k" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["model"] == "m"


def test_a_recording_is_sent_as_a_form() -> None:
    head, _, body = stage_request("asr", "http://127.0.0.1:8001", "", "whisper-1", CLIP).data.partition(b"\r\n\r\n")

    assert b"multipart/form-data" in head
    assert CLIP in body
    assert f"Content-Length: {len(body)}".encode() in head


@pytest.mark.parametrize("turn", TURNS)
def test_a_turn_is_a_question_sent_as_a_form(turn: str) -> None:
    request = turn_request(turn, "http://127.0.0.1:8001", "", CLIP)  # type: ignore[arg-type]
    head, _, body = request.data.partition(b"\r\n\r\n")

    assert b"multipart/form-data" in head
    assert CLIP in body


def test_processor_time_is_told_for_a_request_and_for_a_second_of_audio() -> None:
    rows = cost_rows("asr", Step("a", "POST /", "alone", (load(0.1, server_cpu_s=5.0),)), duration_s(CLIP))

    assert [row.platform for row in rows] == ["0.500 s", "0.250 s"]


def test_a_language_model_has_no_seconds_of_audio() -> None:
    assert len(cost_rows("llm", Step("a", "POST /", "alone", (load(0.1),)), 0.0)) == 1


def test_ours_is_held_against_the_other_server() -> None:
    steps = [
        Step(server, "POST /", kind, (load(latency_s),))
        for kind in ("alone", "closed")
        for server, latency_s in (("SmartLite, asr", 0.2), ("against, asr", 0.1))
    ]

    assert judge_stage("asr", steps)[0].judged.startswith("2.00x")


def test_without_another_server_there_is_nothing_to_hold_against() -> None:
    assert judge_stage("asr", [Step("SmartLite, asr", "POST /", "closed", (load(0.1),))]) == []
