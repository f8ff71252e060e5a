"""A limit that one replica counts by itself: a clock of the test's own tells when what is given back."""

from smartlite.auth.local_limiter import LocalLimiter
from smartlite.domain.limits import Ask, LeaseAsk, LimitKind, Period


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def requests(amount: float = 1.0, limit: int = 60) -> Ask:
    return Ask("key:requests", LimitKind.REQUESTS, limit, amount)


def tokens(amount: float, limit: int = 1000) -> Ask:
    return Ask("key:tokens", LimitKind.TOKENS, limit, amount)


def place(number: int) -> LeaseAsk:
    return LeaseAsk("key:running", str(number), 4)


def given(limiter: LocalLimiter, tries: int, *asks: Ask) -> int:
    return sum(limiter.take(asks).is_given for _ in range(tries))


def test_a_whole_minute_may_be_taken_at_once_and_comes_back_evenly() -> None:
    clock = Clock()
    limiter = LocalLimiter(clock, replicas=1)
    assert given(limiter, 100, requests()) == 60
    clock.now_s += 10
    assert given(limiter, 100, requests()) == 10
    clock.now_s += 3600
    assert given(limiter, 100, requests()) == 60


def test_each_of_two_replicas_gives_half() -> None:
    assert given(LocalLimiter(Clock(), replicas=2), 100, requests()) == 30


def test_an_amount_above_the_share_waits_for_all_of_it() -> None:
    clock = Clock()
    limiter = LocalLimiter(clock, replicas=2)
    assert given(limiter, 3, tokens(1000)) == 1
    clock.now_s += 60
    assert given(limiter, 3, tokens(1000)) == 1


def test_nothing_is_taken_where_one_of_several_is_refused() -> None:
    limiter = LocalLimiter(Clock(), replicas=1)
    assert given(limiter, 1, tokens(900))
    assert not given(limiter, 10, requests(), tokens(200))
    answer = limiter.take((requests(), tokens(100)))
    assert answer.is_given
    assert [standing.remaining for standing in answer.standings] == [59, 0]


def test_a_refusal_tells_how_long_to_wait_and_that_is_long_enough() -> None:
    clock = Clock()
    limiter = LocalLimiter(clock, replicas=1)
    given(limiter, 1, tokens(1000))
    wait_s = limiter.take((tokens(250),)).standings[0].retry_after_s
    assert round(wait_s, 3) == 15
    clock.now_s += wait_s
    assert given(limiter, 1, tokens(250)) == 1


def test_what_was_counted_elsewhere_counts_here_and_what_is_given_back_never_makes_more_than_all() -> None:
    limiter = LocalLimiter(Clock(), replicas=1)
    limiter.note((tokens(700),))
    assert given(limiter, 1, tokens(400)) == 0
    limiter.note((tokens(-5000),))
    assert given(limiter, 3, tokens(1000)) == 1


def test_a_limit_is_of_its_subject_alone() -> None:
    limiter = LocalLimiter(Clock(), replicas=1)
    given(limiter, 100, requests())
    assert limiter.take((Ask("another:requests", LimitKind.REQUESTS, 60, 1.0),)).is_given


def test_so_many_run_at_the_same_time_and_no_more() -> None:
    limiter = LocalLimiter(Clock(), replicas=2)
    answers = [limiter.take((), (place(number),)) for number in range(3)]
    assert [answer.is_given for answer in answers] == [True, True, False]
    limiter.release(place(2))  # never had
    limiter.release(place(0))
    assert limiter.take((), (place(4),)).is_given


def spend(amount: float, seed: float | None = None) -> Ask:
    return Ask("key:cost:2026-11", LimitKind.COST, 100, amount, Period.MONTH, ends_in_s=3600.0, seed=seed)


def test_a_sum_begins_where_others_stopped_and_is_given_while_anything_is_left() -> None:
    limiter = LocalLimiter(Clock(), replicas=2)
    assert limiter.take((spend(10),)).unseeded
    assert given(limiter, 20, spend(10, seed=55)) == 5
    assert limiter.take((spend(1),)).standings[0].retry_after_s == 3600


def test_a_sum_that_others_count_is_not_counted_here() -> None:
    limiter = LocalLimiter(Clock())
    limiter.note((spend(100, seed=0),))
    assert limiter.take((spend(10, seed=20),)).standings[0].remaining == 70
    limiter.forget_sums()
    assert limiter.take((spend(0, seed=90),)).standings[0].remaining == 10
