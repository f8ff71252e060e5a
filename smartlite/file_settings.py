"""The settings of files and batches, which are part of all settings. Must not know who uses them."""

from typing import Annotated

from pydantic import Field

from smartlite.result_settings import ResultSettings


class FileSettings(ResultSettings):
    """Limits of ``/v1/files`` and ``/v1/batches``."""

    file_max_bytes: Annotated[int, Field(ge=1024)] = 512 * 1024 * 1024
    """Largest file that somebody may upload to keep it (``/v1/files``), in bytes."""
    file_max_bytes_per_user: Annotated[int, Field(ge=1024)] = 10 * 1024 * 1024 * 1024
    """Bytes of files that are kept for one user."""
    batches_per_replica: Annotated[int, Field(ge=0, le=100)] = 2
    """Batches that one pipeline replica works on at the same time; 0: none."""
    batch_parallel_requests: Annotated[int, Field(ge=1, le=64)] = 4
    """Requests of one batch that are answered at the same time."""
    batch_max_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 50_000
    """Lines that the input of one batch may have."""
    batch_max_input_bytes: Annotated[int, Field(ge=1024)] = 200 * 1024 * 1024
    """Largest input of a batch, in bytes."""
    batch_max_open_per_user: Annotated[int, Field(ge=1)] = 100
    """Batches of one user that have not ended; the next gets 429."""
