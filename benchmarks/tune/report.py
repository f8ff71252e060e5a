"""What a tuning leaves: the trials as CSV and a table, a plot, the configuration it recommends. Must not measure."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measure import figure
from benchmarks.results.plot import plot_trade_off
from benchmarks.tune.knobs import describe, with_setting
from benchmarks.tune.search import Trial, Tuned


def tuning_table(tuned: Tuned) -> str:
    """A line for each trial, the recommended one in bold."""
    lines = [
        "| configuration | closed loop, requests/s | at the fixed rate: p99 ms | served | CPU s per 1,000 |",
        "|---|---|---|---|---|",
    ]
    for trial in tuned.trials:
        name = f"**{_name(tuned, trial)}**" if trial is tuned.best else _name(tuned, trial)
        if trial.problem:
            lines.append(f"| {name} | {' '.join(trial.problem.split())[:200]} | | | |")
            continue
        cells = (
            figure(trial.throughput_per_s),
            figure(trial.p99_ms),
            f"{100 * trial.served:.1f} %",
            figure(trial.cpu_per_thousand_s),
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict(tuned: Tuned) -> str:
    """What is recommended, in a sentence."""
    if tuned.best is tuned.trials[0]:
        return f"For {tuned.goal}, no trial was better than the given configuration by more than noise: keep it."
    return f"For {tuned.goal}: {describe(tuned.best.setting)}, {figure(tuned.gain)} times as good as what was given."


def write_tuning(folder: Path, tuned: Tuned, document: Mapping[str, Any], heading: str, what: str) -> list[Path]:
    """Write all of it.

    Args:
        folder: Where to.
        tuned: What was found.
        document: The configuration that was given.
        heading: Machine, commit, command.
        what: What was loaded.
    """
    table = folder / "results.md"
    table.write_text(
        f"# smartlite bench tune, {what}, for {tuned.goal}\n\n{heading}\n\n{tuning_table(tuned)}\n\n{verdict(tuned)}\n",
        encoding="utf-8",
    )
    trials = folder / "trials.csv"
    with trials.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("configuration", "throughput_per_s", "p99_ms", "served", "cpu_per_thousand_s", "problem", "is_best")
        )
        for trial in tuned.trials:
            writer.writerow((_name(tuned, trial), *_figures(trial), trial.problem, trial is tuned.best))
    config = folder / "serve_config.yaml"
    head = (
        f"# Recommended by `smartlite bench tune`, {what}, for {tuned.goal}; comments of the original are not in it.\n"
    )
    text = yaml.safe_dump(with_setting(document, tuned.best.setting), sort_keys=False)
    config.write_text(head + text, encoding="utf-8")
    measured = [trial for trial in tuned.trials if not trial.problem]
    points = {_name(tuned, trial): (trial.throughput_per_s, trial.p99_ms) for trial in measured}
    plot = plot_trade_off(
        points,
        _name(tuned, tuned.best),
        "closed loop, requests/s",
        "p99 at the fixed rate, ms",
        folder / "trade-off.png",
    )
    return [table, trials, config, plot]


def _name(tuned: Tuned, trial: Trial) -> str:
    is_again = not trial.setting and trial is not tuned.trials[0]
    return f"{describe(trial.setting)}{', again' if is_again else ''}"


def _figures(trial: Trial) -> tuple[float, ...]:
    return (trial.throughput_per_s, trial.p99_ms, trial.served, trial.cpu_per_thousand_s)
