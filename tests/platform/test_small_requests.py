"""Small requests that come at once share calls to their replica, and each gets its own answer."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
import numpy as np
import pytest

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(400)]

PATH: Final = "/v1/embeddings"
MODEL: Final = "smollm2-135m-embedding"
TEXTS: Final = tuple(f"The number of this sentence is {number}." for number in range(16))


def test_vectors_asked_for_at_once_are_those_of_each_text_and_a_wrong_request_is_refused_alone(
    client: httpx.Client,
) -> None:
    together = client.post(PATH, json={"model": MODEL, "input": TEXTS}).raise_for_status().json()
    with ThreadPoolExecutor(len(TEXTS) + 1) as pool:
        asked = [pool.submit(client.post, PATH, json={"model": MODEL, "input": text}) for text in (*TEXTS, "")]
        *answers, refused = [answer.result() for answer in asked]
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input")
    expected = np.array([item["embedding"] for item in together["data"]])
    got = np.array([answer.raise_for_status().json()["data"][0]["embedding"] for answer in answers])
    assert np.argmax(got @ expected.T, axis=1).tolist() == list(range(len(TEXTS)))
