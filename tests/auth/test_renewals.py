"""Places that are held are renewed, all together; those that were released are not."""

import asyncio
from collections.abc import Sequence

from smartlite.auth.renewals import Renewals
from smartlite.domain.limits import LeaseAsk


class Renewed:
    """What was renewed."""

    def __init__(self) -> None:
        self.ids: list[list[str]] = []
        self.has_come = asyncio.Event()

    async def __call__(self, leases: Sequence[LeaseAsk]) -> None:
        self.ids.append([lease.id for lease in leases])
        self.has_come.set()


def place(lease_id: str) -> LeaseAsk:
    return LeaseAsk("key:running", lease_id, 9)


async def test_what_is_held_is_renewed_again_and_again_and_what_was_released_is_not() -> None:
    renewed = Renewed()
    renewals = Renewals(renewed, every_s=0.01)
    renewals.hold([place("a"), place("b"), place("c")])
    renewals.release([place("b")])
    async with asyncio.timeout(5):
        while len(renewed.ids) < 3:
            renewed.has_come.clear()
            await renewed.has_come.wait()
    renewals.close()
    assert renewed.ids[:3] == [["a", "c"]] * 3


async def test_many_are_renewed_in_parts() -> None:
    renewed = Renewed()
    renewals = Renewals(renewed, every_s=0.01)
    renewals.hold([place(str(number)) for number in range(501)])
    async with asyncio.timeout(5):
        while len(renewed.ids) < 2:
            renewed.has_come.clear()
            await renewed.has_come.wait()
    renewals.close()
    assert [len(ids) for ids in renewed.ids[:2]] == [500, 1]
