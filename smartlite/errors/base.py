"""What every error of the platform is. Must not know any of them."""

from typing import ClassVar


class SmartLiteError(Exception):
    """Something went wrong inside the platform.

    Only the base has a constructor, and it keeps its arguments positional: an exception with another signature does
    not unpickle in another replica and would reach the client as a bare 500.

    Args:
        message: What was wrong, with which value, and what is allowed. Shown to the client.
        param: The request field that was wrong, or None.
    """

    status_code: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"
    retry_after_s: ClassVar[int | None] = None
    """Seconds after which a repeated request may succeed; None where repeating does not help."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message, param)

    @property
    def message(self) -> str:
        """What the client is told."""
        return str(self.args[0])

    @property
    def param(self) -> str | None:
        """The field that was wrong."""
        return None if self.args[1] is None else str(self.args[1])

    def __str__(self) -> str:
        return self.message
