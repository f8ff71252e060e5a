"""Rows on a terminal. Must not know what they tell of."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from smartlite.cli.display import printable


def show_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their heads; a list in a cell is written as words."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:  # an id is to be copied: it is never broken
        table.add_column(head, overflow="fold", no_wrap=head == "ID", min_width=max(len(head), 4))
    for row in rows:
        # What users and their programs call themselves must not colour a terminal.
        words = (" ".join(map(str, cell)) if isinstance(cell, list) else str(cell) for cell in row)
        table.add_row(*(escape(printable(text)) for text in words))
    Console().print(table)
