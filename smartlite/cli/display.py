"""What a person sees while a command works: a spinner or bar on a terminal, lines elsewhere, all on standard error.

Must not know commands or the gateway.
"""

import sys
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import DownloadColumn as SizeColumn


def printable(text: str) -> str:
    """Text without the control characters by which it could steer a terminal; line breaks and tabs stay."""
    return "".join(char for char in text if char in "\n\t" or not (ord(char) < 32 or 127 <= ord(char) < 160))


def for_output(text: str, stream: TextIO) -> str:
    """Text as it is for a file or a pipe, ``printable`` for a terminal."""
    return printable(text) if stream.isatty() else text


class Display:
    """One activity at a time, and lines that stay.

    On a terminal the activity is a spinner with the time it has taken, or a bar where its size is known. Elsewhere
    only the lines are printed, and nothing at all where a program wants JSON.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._tells = self._console.is_terminal or not as_json
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rest()

    def work(self, text: str) -> None:
        """Show what is being done, until it is something else."""
        if text != self._text:
            self._show(text, SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())

    def measure(self, text: str, done_bytes: int, total_bytes: int) -> None:
        """Show how far something of known size is."""
        if text != self._text:
            self._show(text, TextColumn("{task.description}"), BarColumn(bar_width=30), SizeColumn())
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done_bytes, total=total_bytes)

    def count(self, text: str, done_bytes: int) -> None:
        """Show how much has come of something whose size nobody knows."""
        if text != self._text:
            self._show(text, SpinnerColumn(), TextColumn("{task.description}"), SizeColumn(), TimeElapsedColumn())
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done_bytes)

    def rest(self) -> None:
        """Take the activity off the screen, so that standard output can be written."""
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._task, self._text = None, None, ""

    def line(self, text: str) -> None:
        """Print a line that stays, above the activity."""
        if self._tells:
            self._console.print(escape(printable(text)), soft_wrap=True)

    def _show(
        self, text: str, *columns: SpinnerColumn | TextColumn | BarColumn | SizeColumn | TimeElapsedColumn
    ) -> None:
        self.rest()
        self._text = text
        if self._console.is_terminal and sys.stderr.isatty():
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._task = self._progress.add_task(escape(text), total=None)
            self._progress.start()
