"""Errors of steps: which are tried again, when, and as what they are recorded. Must not know what failed."""

import random
from typing import Final

from smartlite.domain.pipelines import Retry, RunError
from smartlite.errors import SmartLiteError

_MAX_BACKOFF_S: Final = 60.0
_MAX_MESSAGE_CHARACTERS: Final = 2000


class StepFailed(Exception):
    """An attempt, a step or a nested run failed; never leaves this package.

    Args:
        error: As it is recorded.
    """

    def __init__(self, error: RunError) -> None:
        super().__init__(error)

    @property
    def error(self) -> RunError:
        """As it is recorded."""
        found: RunError = self.args[0]
        return found


def is_final(error: SmartLiteError) -> bool:
    """Whether trying again is of no use: the platform told no time after which it may be, and it is no fault of it."""
    return error.retry_after_s is None and error.status_code != 429 and error.status_code < 500


def to_run_error(error: SmartLiteError, step: str | None) -> RunError:
    """An error as it is recorded."""
    return RunError(error.code, error.message[:_MAX_MESSAGE_CHARACTERS], step, is_final(error))


def is_tried_again(error: RunError, retry: Retry, failures: int) -> bool:
    """Whether a step is tried again after so many failures."""
    if failures >= retry.attempts:
        return False
    return error.code in retry.errors if retry.errors else not error.is_final


def backoff_s(retry: Retry, failures: int) -> float:
    """How long to wait after so many failures: half of the time at least, so that many do not come back together."""
    longest = min(_MAX_BACKOFF_S, retry.backoff_s * 2.0 ** (failures - 1))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - nobody gains by guessing
