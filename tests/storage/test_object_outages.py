"""A real S3 server that is killed, hangs, or knows us by another name: told within a bound, and found again."""

import threading
import time
from pathlib import Path

import pytest

from smartlite.errors import ModelStoreError, StorageUnavailable
from smartlite.storage.blobs import BlobStore
from smartlite.storage.open_objects import open_objects
from tests.storage.seaweedfs import SECRET, Seaweed

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]
_BOUND_S = 15
"""Far more than it takes, far less than the minutes that libraries wait by themselves."""


def test_a_killed_server_is_told_and_works_again_after_its_restart(fragile_seaweed: Seaweed, tmp_path: Path) -> None:
    store = fragile_seaweed.new_store()
    store.write("k", b"before")
    fragile_seaweed.kill()
    for work in (
        lambda: store.read("k"),
        lambda: store.write("k2", b"x"),
        lambda: store.download("k", tmp_path / "got"),
        lambda: store.list(""),
    ):
        begun = time.monotonic()
        with pytest.raises(ModelStoreError) as caught:
            work()
        assert time.monotonic() - begun < _BOUND_S
        assert SECRET not in caught.value.message
    assert not (tmp_path / "got").exists()
    fragile_seaweed.start()
    assert store.read("k") == b"before"
    store.write("k2", b"after")
    assert store.list("") == ["k", "k2"]


async def test_a_hung_server_is_a_503_within_the_bound_and_goes_on_later(fragile_seaweed: Seaweed) -> None:
    blobs = BlobStore(fragile_seaweed.new_store(), timeout_s=2)
    await blobs.put("user_1", "a", b"before")
    fragile_seaweed.freeze()
    begun = time.monotonic()
    with pytest.raises(StorageUnavailable) as caught:
        await blobs.get("user_1", "a")
    assert time.monotonic() - begun < _BOUND_S
    assert caught.value.retry_after_s == 5
    fragile_seaweed.thaw()
    assert await BlobStore(fragile_seaweed.new_store()).list("user_1") == []
    assert await blobs.get("user_1", "a") == b"before"


def test_a_wrong_secret_is_told_and_not_shown(seaweed: Seaweed) -> None:
    settings = seaweed.settings().model_copy(update={"s3_access_key_id": "nobody"})
    with pytest.raises(ModelStoreError) as caught:
        open_objects(settings).write("k", b"x")
    assert SECRET not in str(caught.value)


def test_a_bucket_that_is_not_there_is_told(seaweed: Seaweed) -> None:
    settings = seaweed.settings().model_copy(update={"object_store_url": "s3://no-such-bucket/x"})
    store = open_objects(settings)
    with pytest.raises(ModelStoreError):
        store.write("k", b"x")


def test_an_object_that_was_being_written_when_the_server_died_is_whole_or_not_there(fragile_seaweed: Seaweed) -> None:
    store = fragile_seaweed.new_store()
    data = bytes(range(256)) * 4096 * 48  # 48 MiB
    refused: list[ModelStoreError] = []

    def write() -> None:
        try:
            store.write("k", data)
        except ModelStoreError as error:
            refused.append(error)

    writing = threading.Thread(target=write)
    writing.start()
    writing.join(0.15)
    fragile_seaweed.kill()
    writing.join(60)
    assert not writing.is_alive()
    fragile_seaweed.start()
    # Refused, and yet there: the answer was lost, and nobody but the store can know.
    assert store.read("k") in ({None, data} if refused else {data})
    store.write("k2", b"after")
