"""What a run leaves."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.load.curve import Step
from benchmarks.load.outcome import Outcome, count
from benchmarks.measure import Goal, Row, Sample, value_row
from benchmarks.results.folder import Report, load_table, new_folder, write_report
from smartlite.errors import ConfigurationError

LOADS = tuple(
    count([Outcome(0, 0, s, s, "200"), Outcome(0, 0, 0.1, 0.1, "429", True)], 2, 1, 0.1, 0.2) for s in (0.1, 0.3)
)
STEPS = [Step("ours", "GET /", kind, LOADS) for kind in ("closed", "open", "overload")]
ROWS: list[Row] = [value_row("speed", Sample((2.0,), "s"), Goal("at most", 3, "s"))]


def test_the_folder_is_named_by_time_and_word(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "new", "gateway", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

    assert folder == tmp_path / "new" / "20260102T030405Z-gateway"
    assert folder.is_dir()


def test_results_of_another_run_are_never_written_over(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    new_folder(tmp_path, "asr", moment)

    with pytest.raises(ConfigurationError, match="cannot be made"):
        new_folder(tmp_path, "asr", moment)


def test_a_load_is_told_by_its_median_and_its_spread() -> None:
    line = load_table(STEPS[:1]).splitlines()[-1]

    assert "200 (100 to 300)" in line
    assert "2 x 429 of 4" in line
    assert "| 100 (100 to 100) |" in line


def test_every_run_is_a_line_of_the_csv(tmp_path: Path) -> None:
    write_report(tmp_path, Report("- Machine: a", ROWS, STEPS), "t")

    with (tmp_path / "loads.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [(line["kind"], line["run"], line["p50_ms"]) for line in lines[:2]] == [
        ("closed", "1", "100.0"),
        ("closed", "2", "300.0"),
    ]
    assert lines[0]["statuses"] == "200:1 429:1"
    assert "speed" in (tmp_path / "rows.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("latency_s", [0.1, None])
@pytest.mark.parametrize("kind", ["alone", "closed", "open"])
def test_a_run_that_got_no_further_is_drawn_too(kind: str, latency_s: float | None, tmp_path: Path) -> None:
    outcomes = [] if latency_s is None else [Outcome(0, 0, latency_s, latency_s, "200")]
    step = Step("ours", "GET /", kind, (count(outcomes, 0, 1, 0.1, 0.2),))

    write_report(tmp_path, Report("- Machine: a", [], [step]), "t")

    (plot,) = tmp_path.glob("*.png")
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    write_report(tmp_path, Report("- Machine: a", [], STEPS), "t")

    assert (tmp_path / "latency-get.png").read_bytes().startswith(b"\x89PNG")


def test_without_loads_there_is_neither_plot_nor_table_of_loads(tmp_path: Path) -> None:
    written = write_report(tmp_path, Report("- Machine: a", ROWS, []), "t")

    assert [path.name for path in written] == ["results.md", "rows.csv"]
