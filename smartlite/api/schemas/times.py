"""Times as requests tell them. Must not know what they are for."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def in_utc(value: datetime) -> datetime:
    """The same moment in UTC.

    Raises:
        ValueError: There is none: in UTC it is before the year 1, or after 9999.
    """
    try:
        return value.astimezone(UTC)
    except OverflowError:
        msg = "input should be between the years 1 and 9999 in UTC"
        raise ValueError(msg) from None


Instant = Annotated[AwareDatetime, AfterValidator(in_utc)]
"""A time with its time zone, in UTC once it is read."""
