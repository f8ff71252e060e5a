"""Every cell of the conformance matrix: a row tried by a client against the running platform."""

from pathlib import Path

import pytest

from tests.conformance import langchain_cells, node_cells, python_audio, python_base, python_chat
from tests.conformance.context import NO_METHOD, Cell, Context
from tests.conformance.matrix import Matrix
from tests.conformance.rows import ROWS

pytestmark = [
    pytest.mark.serve,
    pytest.mark.models,
    pytest.mark.enable_socket,
    pytest.mark.timeout(400),
    # Clients mark what OpenAI will switch off; applications go on calling it.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

PYTHON: dict[str, Cell | str] = {**python_base.CELLS, **python_chat.CELLS, **python_audio.CELLS}
LANGCHAIN: dict[str, Cell | str] = {row.id: NO_METHOD for row in ROWS} | langchain_cells.CELLS
NAMES = [row.id for row in ROWS]


def test_every_row_has_a_cell_of_each_client_and_no_cell_is_without_row() -> None:
    assert set(PYTHON) == set(NAMES)
    assert set(LANGCHAIN) == set(NAMES)


def _try(matrix: Matrix, row: str, client: str, cell: Cell | str, context: Context) -> None:
    if isinstance(cell, str):
        matrix.cells[row, client] = cell
        return
    matrix.cells[row, client] = "failed"
    try:
        cell(context)
    except Exception as error:
        matrix.cells[row, client] = f"failed: {type(error).__name__}: {str(error)[:200]}"
        raise
    matrix.cells[row, client] = "pass"


@pytest.mark.parametrize("row", NAMES)
def test_the_official_client_for_python(row: str, context: Context, matrix: Matrix) -> None:
    _try(matrix, row, "python", PYTHON[row], context)


@pytest.mark.parametrize("row", NAMES)
def test_langchain(row: str, context: Context, matrix: Matrix) -> None:
    _try(matrix, row, "langchain", LANGCHAIN[row], context)


@pytest.mark.parametrize("row", NAMES)
def test_the_official_client_for_node(row: str, context: Context, matrix: Matrix, node_folder: Path) -> None:
    reason = node_cells.REASONS.get(row)
    error = reason or node_cells.run(node_folder, context).get(row, "the script has no such cell")
    matrix.cells[row, "node"] = reason or (f"failed: {error}" if error else "pass")
    assert reason or error is None, error
