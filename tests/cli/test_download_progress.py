"""Downloads on a terminal and in a log."""

import io

from rich.console import Console

from smartlite.cli.download_progress import DownloadDisplay
from smartlite.models.progress import FetchProgress


def show(terminal: bool, *steps: tuple[int, int | None], visible: bool = True) -> str:
    output = io.StringIO()
    with DownloadDisplay(Console(file=output, force_terminal=terminal, width=100), visible) as display:
        for done_bytes, total_bytes in steps:
            display.update(FetchProgress("m", "model.bin", done_bytes, total_bytes))
    return output.getvalue()


def test_a_log_gets_a_line_for_each_quarter_and_no_control_characters() -> None:
    steps = [(0, None), *((done * 1_000_000, 100_000_000) for done in range(101))]
    text = show(False, *steps)
    assert text.splitlines() == [
        "m: model.bin",
        "m: model.bin: 25.0 of 100.0 MB (25 %)",
        "m: model.bin: 50.0 of 100.0 MB (50 %)",
        "m: model.bin: 75.0 of 100.0 MB (75 %)",
        "m: model.bin: 100.0 of 100.0 MB (100 %)",
    ]


def test_a_terminal_gets_a_bar_with_sizes() -> None:
    text = show(True, (0, None), (50_000_000, 100_000_000), (100_000_000, 100_000_000))
    assert "model.bin" in text
    assert "100.0/100.0 MB" in text


def test_nothing_is_drawn_where_nothing_is_fetched() -> None:
    assert show(True) == ""
    assert show(False) == ""


def test_an_invisible_display_says_nothing() -> None:
    assert show(False, (1, 2), (2, 2), visible=False) == ""
