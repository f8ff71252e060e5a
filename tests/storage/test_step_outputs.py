"""Outputs of steps that are taken again, on both databases."""

from datetime import timedelta

from smartlite.storage import step_outputs
from smartlite.storage.database import Database
from smartlite.storage.step_outputs import KeptOutput
from tests.storage.rows import NOON

_KEY = bytes(range(32))
_LATER = NOON + timedelta(hours=1)


async def kept(database: Database, output: object, key: bytes = _KEY, user_id: str = "user_1") -> None:
    async with database.writing() as session:
        await step_outputs.keep(session, key, user_id, output, NOON, _LATER)


async def test_an_output_is_found_by_its_user_until_it_is_too_old(database: Database) -> None:
    await kept(database, {"text": "über"})
    async with database.reading() as session:
        assert await step_outputs.find(session, _KEY, "user_1", NOON) == KeptOutput({"text": "über"})
        assert await step_outputs.find(session, _KEY, "user_2", NOON) is None
        assert await step_outputs.find(session, _KEY, "user_1", _LATER) is None


async def test_what_is_kept_later_takes_the_place_of_what_was_there(database: Database) -> None:
    await kept(database, 1)
    await kept(database, None)
    async with database.reading() as session:
        assert await step_outputs.find(session, _KEY, "user_1", NOON) == KeptOutput(None)


async def test_what_is_too_old_is_removed_some_at_a_time(database: Database) -> None:
    for number in range(3):
        await kept(database, number, bytes([number] * 32))
    removed = []
    for _ in range(3):
        async with database.writing() as session:
            removed.append(await step_outputs.purge(session, _LATER, 2))
    assert removed == [2, 1, 0]
