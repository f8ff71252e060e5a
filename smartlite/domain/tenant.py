"""For whom a task works, so that those who wait for the same thing get it in turn. Must not know who waits for what."""

from contextvars import ContextVar
from typing import Final

working_for: Final[ContextVar[str]] = ContextVar("smartlite_working_for", default="")
"""The organisation or the user that this task works for; empty where nobody has to say who they are."""
