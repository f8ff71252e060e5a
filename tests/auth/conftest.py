"""A Redis for the tests of a file. Must not know what is counted in it."""

from collections.abc import Iterator

import pytest

from tests.storage.redis_server import RedisServer


@pytest.fixture(scope="module")
def module_server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.close()
