"""Times of requests are moments between the years 1 and 9999 in UTC."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from smartlite.api.schemas.times import Instant, in_utc

READ: TypeAdapter[datetime] = TypeAdapter(Instant)


def test_a_time_is_read_in_utc() -> None:
    found = READ.validate_json('"2026-11-26T14:00:00+02:00"')
    assert found == datetime(2026, 11, 26, 12, tzinfo=UTC)
    assert found.utcoffset() == timedelta()


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-26T12:00:00"])
def test_what_is_no_moment_that_can_be_kept_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        READ.validate_json(f'"{text}"')


def test_the_first_and_the_last_moment_are_some() -> None:
    for moment in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        assert in_utc(moment) == moment
