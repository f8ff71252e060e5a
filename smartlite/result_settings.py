"""The settings of results that are given again, which are part of all settings. Must not know who uses them."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class ResultSettings(BaseSettings):
    """Whose results are kept, how many and for how long."""

    result_cache: Literal["off", "asked", "always"] = "asked"
    """Whose transcripts and speech are kept and given again for the same request: nobody's, those of requests that ask
    for it (``cache``), or of all but those that ask for the opposite."""
    result_cache_ttl_s: Annotated[int, Field(ge=1, le=30 * 86_400)] = 86_400
    """Seconds that a result is kept whose request does not say how long."""
    result_cache_max_bytes: Annotated[int, Field(ge=1024)] = 8 * 1024 * 1024
    """Largest result that is kept, in bytes."""
    result_cache_max_bytes_per_user: Annotated[int, Field(ge=1024)] = 256 * 1024 * 1024
    """Results of one user that are kept, in bytes; the oldest make room."""
