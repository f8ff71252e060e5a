"""How downloads are shown: bars with sizes on a terminal, plain lines elsewhere. Must not know what is downloaded."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from smartlite.models.progress import FetchProgress

_PLAIN_STEP_PERCENT = 25


class DownloadDisplay:
    """One bar for each file or package; give ``update`` to the model store."""

    def __init__(self, console: Console, visible: bool = True) -> None:
        self._console = console
        self._visible = visible
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._told: dict[tuple[str, str], int] = {}
        self._bars: Progress | None = None
        if visible and console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
                BarColumn(bar_width=16),
                DownloadColumn(table_column=Column(no_wrap=True)),
                TimeRemainingColumn(table_column=Column(no_wrap=True)),
                expand=True,
                console=console,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def update(self, progress: FetchProgress) -> None:
        """Show how far one item is."""
        key = (progress.model, progress.item)
        if self._bars:
            self._bars.start()  # at the first item, so that nothing is drawn where nothing is fetched
            if key not in self._tasks:
                self._tasks[key] = self._bars.add_task(f"{progress.model}: {progress.item}", total=progress.total_bytes)
            self._bars.update(self._tasks[key], completed=progress.done_bytes, total=progress.total_bytes)
        elif self._visible:
            self._tell_step(key, progress)

    def note(self, line: str) -> None:
        """Print a line above the bars."""
        if self._visible:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _tell_step(self, key: tuple[str, str], progress: FetchProgress) -> None:
        name = f"{progress.model}: {progress.item}"
        if not progress.total_bytes:
            if key not in self._told:
                self._told[key] = -1
                self.note(name)
            return
        percent = 100 * progress.done_bytes // progress.total_bytes
        step = percent - percent % _PLAIN_STEP_PERCENT
        if step > max(0, self._told.get(key, 0)):
            self._told[key] = step
            self.note(f"{name}: {progress.done_bytes / 1e6:.1f} of {progress.total_bytes / 1e6:.1f} MB ({percent} %)")
