"""Batches on the real platform: speech is made, heard and talked about; a replica that is killed loses no line."""

import json
import os
import signal
from typing import Any

import pytest
from openai import OpenAI
from openai.types import Batch

from tests.platform.hearing import word_error_rate
from tests.platform.running import RunningPlatform, eventually

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(400)]

SENTENCES = ("Our train leaves on Monday morning.", "The library is closed today.")
ENDED = {"completed", "failed", "expired", "cancelled"}


def begun(client: OpenAI, endpoint: Any, bodies: list[dict[str, Any]]) -> Batch:
    lines = [
        json.dumps({"custom_id": f"r{number}", "method": "POST", "url": endpoint, "body": body})
        for number, body in enumerate(bodies)
    ]
    file = client.files.create(file=("requests.jsonl", "\n".join(lines).encode()), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")


def answers(client: OpenAI, batch: Batch) -> list[Any]:
    """What the lines were answered, in their order."""

    def ended() -> Batch | None:
        found = client.batches.retrieve(batch.id)
        return found if found.status in ENDED else None

    found: Batch = eventually(ended, 200, "the batch has ended")
    told = (found.status, found.errors, found.error_file_id and client.files.content(found.error_file_id).text)
    assert told == ("completed", None, None)
    assert found.output_file_id is not None
    lines = [json.loads(line) for line in client.files.content(found.output_file_id).text.splitlines()]
    by_id = {line["custom_id"]: line["response"]["body"] for line in lines}
    assert len(by_id) == len(lines)
    return [by_id[f"r{number}"] for number in range(len(lines))]


def completed(client: OpenAI, batch: Batch) -> int:
    counts = client.batches.retrieve(batch.id).request_counts
    return 0 if counts is None else counts.completed


def test_speech_of_one_batch_is_heard_by_another(openai_client: OpenAI) -> None:
    spoken = [{"model": "tts-1", "voice": "alloy", "input": text, "response_format": "wav"} for text in SENTENCES]
    files = answers(openai_client, begun(openai_client, "/v1/audio/speech", spoken))
    recordings = [{"model": "whisper-1", "file_id": file["file_id"]} for file in files]
    heard = answers(openai_client, begun(openai_client, "/v1/audio/transcriptions", recordings))
    for text, answer in zip(SENTENCES, heard, strict=True):
        assert word_error_rate(text, answer["text"]) <= 0.5


def test_a_replica_that_is_killed_loses_no_line(openai_client: OpenAI, platform: RunningPlatform) -> None:
    asked = {"model": "smollm2-135m-instruct", "max_completion_tokens": 16}
    bodies = [{**asked, "messages": [{"role": "user", "content": f"Count to {number}."}]} for number in range(24)]
    batch = begun(openai_client, "/v1/chat/completions", bodies)
    eventually(lambda: completed(openai_client, batch) >= 3, 100, "a few lines are answered")
    for replica in platform.replicas("pipeline"):
        os.kill(replica.pid, signal.SIGKILL)
    assert len(answers(openai_client, batch)) == len(bodies)
