"""What each client could do, and the page that says so. Must not know how cells are made."""

from dataclasses import dataclass, field
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Final

from tests.conformance.context import NO_METHOD
from tests.conformance.node_cells import FOLDER
from tests.conformance.rows import ROWS

PAGE: Final = Path(__file__).parents[2] / "docs" / "conformance.md"
CLIENTS: Final = ("python", "node", "langchain")


def _versions() -> dict[str, str]:
    import json

    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    return {
        "python": f"openai {metadata.version('openai')} (Python, strict validation)",
        "node": f"openai {lock['packages']['node_modules/openai']['version']} (Node)",
        "langchain": f"langchain-openai {metadata.version('langchain-openai')}",
    }


@dataclass
class Matrix:
    """Cells by row and client: ``pass``, a reason, or what went wrong."""

    cells: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether every cell was tried in this session, and none failed: a failure is the test's to tell."""
        cells = [self.cells.get((row.id, client), "failed") for row in ROWS for client in CLIENTS]
        return not any(cell.startswith("failed") for cell in cells)

    def page(self) -> str:
        """The matrix in Markdown."""
        versions = _versions()
        reasons = sorted({cell for cell in self.cells.values() if cell != "pass"} - {NO_METHOD})
        notes = {reason: number for number, reason in enumerate(reasons, start=1)}

        def shown(row: str, client: str) -> str:
            cell = self.cells[row, client]
            if cell == NO_METHOD:
                return "-"
            return cell if cell == "pass" else f"[{notes[cell]}]"

        lines = [
            "# Conformance",
            "",
            "What clients can do with a running platform (`serve_config.yaml`, small CPU models). Written by",
            "`pytest tests/conformance`: a number is a reason, told below; `-` is what a client has no method for.",
        ]
        for section, rows in groupby(ROWS, key=lambda row: row.section):
            lines += ["", f"## {section}", "", f"| | {' | '.join(versions[client] for client in CLIENTS)} |"]
            lines.append("|---" * (len(CLIENTS) + 1) + "|")
            for row in rows:
                cells = " | ".join(shown(row.id, client) for client in CLIENTS)
                lines.append(f"| {row.what} | {cells} |")
        lines += ["", "## Reasons", ""]
        lines += [f"{number}. {reason}" for reason, number in notes.items()]
        return "\n".join(lines) + "\n"
