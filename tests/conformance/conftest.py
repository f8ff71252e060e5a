"""A running platform, recordings, the client for Node, and the matrix that the session fills."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conformance.context import GERMAN, Context
from tests.conformance.matrix import PAGE, Matrix
from tests.conformance.node_cells import install
from tests.platform.running import RunningPlatform


@pytest.fixture(scope="session")
def context(platform: RunningPlatform, question: bytes, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """The platform, and recordings to send to it."""
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "question.wav").write_bytes(question)
    asked = {"model": "tts-1", "voice": "alloy", "input": GERMAN, "language": "de", "response_format": "wav"}
    spoken = httpx.post(f"{platform.url}/v1/audio/speech", json=asked, trust_env=False, timeout=100)
    (folder / "german.wav").write_bytes(spoken.raise_for_status().content)
    return Context(platform.url, folder / "question.wav", folder / "german.wav")


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client for Node."""
    folder = tmp_path_factory.mktemp("node")
    install(folder)
    return folder


@pytest.fixture(scope="session")
def matrix() -> Iterator[Matrix]:
    """Filled by every cell; written when all of them were tried."""
    matrix = Matrix()
    yield matrix
    if matrix.is_whole:
        PAGE.write_text(matrix.page(), encoding="utf-8")
