"""How long requests that were taken at once may be used, and by how much a limit is exceeded for it."""

import pytest

from smartlite.auth.light_blocks import BLOCK_LIVES_S, BLOCK_SHARE, ROOMY_LIVES_S, LightBlocks
from smartlite.auth.reservation import Reservation
from smartlite.domain.limits import Answer, Ask, LimitKind, Standing
from tests.auth.keyring import Clock
from tests.auth.watched import Told

LIMIT = 20 * BLOCK_SHARE
SIZE = LIMIT // BLOCK_SHARE


class Replica:
    """Blocks of one principal out of a limit of any minute, on a clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.changes = Told(self.clock)
        self.blocks = LightBlocks(self.changes)
        self.taken: list[tuple[float, float]] = []
        self.used: list[float] = []
        self.remaining = 0

    async def use(self) -> bool:
        """Whether one more request is let in."""
        now_s = self.clock.seconds()
        found = self.blocks.next("ana", now_s)
        if found is None and self._left(now_s) >= SIZE:
            generation = self.blocks.generation()
            found = await self.blocks.fill("ana", SIZE, now_s, self._take, generation)
        self.used += [now_s] if found is not None else []
        return found is not None

    def _left(self, now_s: float) -> float:
        return LIMIT - sum(count for at_s, count in self.taken if at_s > now_s - 60)

    async def _take(self, count: float) -> Reservation:
        self.taken.append((self.clock.seconds(), count))
        ask = Ask("ana", LimitKind.REQUESTS, LIMIT, count)
        return Reservation(Answer((Standing(ask, self.remaining, 0.0, 0.0),)))


async def test_a_block_is_used_up_within_a_minute_without_another_exchange() -> None:
    replica = Replica()
    for _ in range(SIZE):
        assert await replica.use()
        replica.clock.move((BLOCK_LIVES_S - 1) / SIZE)
    assert len(replica.taken) == 1


async def test_a_block_ends_after_a_minute() -> None:
    replica = Replica()
    await replica.use()
    replica.clock.move(BLOCK_LIVES_S)
    await replica.use()
    assert len(replica.taken) == 2


@pytest.mark.parametrize(("share", "lives_s"), [(2, ROOMY_LIVES_S), (3, BLOCK_LIVES_S)])
async def test_where_half_of_a_limit_is_left_it_lives_longer(share: int, lives_s: float) -> None:
    replica = Replica()
    replica.remaining = LIMIT // share
    await replica.use()
    replica.clock.move(lives_s - 1)
    await replica.use()
    assert len(replica.taken) == 1
    replica.clock.move(1)
    await replica.use()
    assert len(replica.taken) == 2


async def test_a_minute_sees_at_most_one_block_beyond_the_limit() -> None:
    replica = Replica()
    await replica.use()
    replica.clock.move(BLOCK_LIVES_S - 0.5)  # the rest of the block is used as late as can be
    begin_s = replica.clock.seconds()
    for _ in range(SIZE - 1):
        await replica.use()
    for _ in range(60):
        replica.clock.move(0.99)
        while await replica.use():
            pass
    used = sum(begin_s <= at_s < begin_s + 60 for at_s in replica.used)
    assert LIMIT < used <= LIMIT + SIZE


async def test_a_change_ends_every_block() -> None:
    replica = Replica()
    await replica.use()
    replica.changes.generation += 1
    await replica.use()
    assert len(replica.taken) == 2


@pytest.mark.parametrize(("seconds", "exchanges"), [(0.9, 1), (1.0, 2)])
async def test_where_nobody_knows_of_changes_a_block_lives_a_second(seconds: float, exchanges: int) -> None:
    replica = Replica()
    await replica.use()
    replica.changes.lose()
    replica.clock.move(seconds)
    await replica.use()
    assert len(replica.taken) == exchanges


async def test_a_block_whose_limits_were_looked_up_before_a_change_does_not_outlive_it() -> None:
    replica = Replica()
    generation = replica.blocks.generation()
    replica.changes.generation += 1
    await replica.blocks.fill("ana", SIZE, replica.clock.seconds(), replica._take, generation)
    assert replica.blocks.next("ana", replica.clock.seconds()) is None
