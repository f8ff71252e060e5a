"""A limit that one replica counts by itself: a clock of the test's own tells when what is given back."""

from smartlite.auth.local_limiter import LocalLimiter
from smartlite.domain.limits import Ask, LeaseAsk, LimitKind


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def requests(amount: float = 1.0, limit: int = 60) -> Ask:
    return Ask(LimitKind.REQUESTS, limit, amount)


def tokens(amount: float, limit: int = 1000) -> Ask:
    return Ask(LimitKind.TOKENS, limit, amount)


def given(limiter: LocalLimiter, tries: int, *asks: Ask) -> int:
    return sum(limiter.take("key", asks, None).is_given for _ in range(tries))


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
    answer = limiter.take("key", (requests(), tokens(100)), None)
    assert answer.is_given
    assert [answer.standings[kind].remaining for kind in (LimitKind.REQUESTS, LimitKind.TOKENS)] == [59, 0]


def test_a_refusal_tells_how_long_to_wait_and_that_is_long_enough() -> None:
    clock = Clock()
    limiter = LocalLimiter(clock, replicas=1)
    given(limiter, 1, tokens(1000))
    wait_s = limiter.take("key", (tokens(250),), None).standings[LimitKind.TOKENS].retry_after_s
    assert round(wait_s, 3) == 15
    clock.now_s += wait_s
    assert given(limiter, 1, tokens(250)) == 1


def test_what_was_counted_elsewhere_counts_here_and_what_is_given_back_never_makes_more_than_all() -> None:
    limiter = LocalLimiter(Clock(), replicas=1)
    limiter.note("key", (tokens(700),))
    assert given(limiter, 1, tokens(400)) == 0
    limiter.note("key", (tokens(-5000),))
    assert given(limiter, 3, tokens(1000)) == 1


def test_a_limit_is_of_its_subject_alone() -> None:
    limiter = LocalLimiter(Clock(), replicas=1)
    given(limiter, 100, requests())
    assert limiter.take("another", (requests(),), None).is_given


def test_so_many_run_at_the_same_time_and_no_more() -> None:
    limiter = LocalLimiter(Clock(), replicas=2)
    answers = [limiter.take("key", (), LeaseAsk(str(number), 4)) for number in range(3)]
    assert [answer.is_given for answer in answers] == [True, True, False]
    limiter.release("key", "2")  # never had
    limiter.release("key", "0")
    assert limiter.take("key", (), LeaseAsk("4", 4)).is_given
