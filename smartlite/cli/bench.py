"""``smartlite bench``: measures this machine and leaves a folder of results. Must not know how anything is measured.

The folder ``benchmarks`` of a checkout is not installed, and needs more than the platform does: it is loaded when it is
asked for.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from smartlite.cli.failures import EXIT_FAILED
from smartlite.cli.session import platform_url
from smartlite.errors import ConfigurationError

if TYPE_CHECKING:
    from benchmarks.product import Options

_CHECKOUT: Final = Path(__file__).parents[2]
_KEY_OPTION: Final = "--against-key"
_HELP: Final = {
    "gateway": "The gateway against a no-op app on Ray Serve and a bare uvicorn; starts them all itself.",
    "asr": "Speech recognition: against its engine in process, then under load.",
    "tts": "Speech synthesis: against its engine in process, then under load.",
    "llm": "The language model: against llama.cpp alone and its engine in process, then under load.",
    "voice": "A voice turn against its three stages one after the other.",
    "pipelines": "The pipeline of a voice turn against the turn itself.",
    "all": "All of these.",
}

bench = typer.Typer(
    help="Measure the platform on this machine, as ratios to references in the same run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[Path, typer.Option("--config", help="What the platform serves.")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Folder in which each run leaves a folder.")]


def _command(what: str) -> Callable[..., None]:
    def run(
        url: Annotated[
            str | None, typer.Option("--url", help="The platform; one is started where none answers. Not for gateway.")
        ] = None,
        config: ConfigOption = Path("serve_config.yaml"),
        against: Annotated[
            str | None, typer.Option("--against", help="Another OpenAI-compatible server. For gateway, asr, tts, llm.")
        ] = None,
        against_key: Annotated[
            str, typer.Option("--against-key", envvar="AGAINST_API_KEY", help="What it is asked with.")
        ] = "",
        against_model: Annotated[str, typer.Option("--against-model", help="As it calls the stage's model.")] = "",
        runs: Annotated[int, typer.Option("--runs", min=1, max=100, help="Runs of each load.")] = 3,
        rounds: Annotated[int, typer.Option("--rounds", min=1, max=100, help="Of each comparison.")] = 7,
        duration: Annotated[
            float | None, typer.Option("--duration", min=1, max=3600, help="Seconds of a run; 6, and 20 for stages.")
        ] = None,
        connections: Annotated[
            int | None,
            typer.Option("--connections", min=1, max=1000, help="Callers of the closed loop; 32, and 4 for stages."),
        ] = None,
        rate: Annotated[
            list[float] | None,
            typer.Option("--rate", min=0.01, help="Requests a second of the open loop; can be given several times."),
        ] = None,
        arrivals: Annotated[str, typer.Option("--arrivals", help="Of the open loop: even or poisson.")] = "even",
        overload: Annotated[
            float, typer.Option("--overload", min=0, max=100, help="Times the closed loop's rate; 0 leaves it out.")
        ] = 3.0,
        output: OutputOption = Path("bench-results"),
    ) -> None:
        benchmarks = load_benchmarks()
        plans: dict[str, Any] = {}
        for name, callers, length_s, timeout_s in (("plan", 32, 6.0, 30.0), ("stage_plan", 4, 20.0, 60.0)):
            plans[name] = benchmarks.Plan(
                connections=connections or callers,
                duration_s=duration or length_s,
                runs=runs,
                rates_per_s=tuple(rate or ()),
                overload=overload,
                arrivals=_arrivals(arrivals),
                timeout_s=timeout_s,
            )
        options: Options = benchmarks.Options(
            url=platform_url(url),
            config=config,
            output=output,
            command=_shown_command(),
            rounds=rounds,
            against=None if against is None else benchmarks.Other(platform_url(against), against_key, against_model),
            **plans,
        )
        folder, is_met = benchmarks.bench(what, options, say)
        typer.echo((folder / "results.md").read_text(encoding="utf-8"))
        if not is_met:
            raise typer.Exit(EXIT_FAILED)

    return run


@bench.command("tune")
def tune(
    what: Annotated[str, typer.Argument(help="gateway, asr, tts or llm.")],
    goal: Annotated[str, typer.Option("--goal", help="throughput, latency or cost.")] = "throughput",
    config: ConfigOption = Path("serve_config.yaml"),
    knob: Annotated[
        list[str] | None,
        typer.Option("--knob", help="Such as args.llm.models.0.options.threads=1,2; several times. Instead of ours."),
    ] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, max=200, help="Most configurations to start.")] = 12,
    runs: Annotated[int, typer.Option("--runs", min=1, max=100, help="Of each load of a trial.")] = 3,
    duration: Annotated[float, typer.Option("--duration", min=1, max=3600, help="Seconds of a run.")] = 15.0,
    connections: Annotated[int, typer.Option("--connections", min=1, max=1000, help="Callers.")] = 8,
    output: OutputOption = Path("bench-results"),
) -> None:
    """Try the numbers of a configuration on this machine, and write the one to recommend."""
    benchmarks = load_benchmarks()
    options = benchmarks.TuneOptions(
        what=what,
        goal=goal,
        config=config,
        output=output,
        command=_shown_command(),
        plan=benchmarks.Plan(connections=connections, duration_s=duration, runs=runs, timeout_s=60.0),
        knobs=tuple(benchmarks.Knob.read(text) for text in knob or ()),
        max_trials=trials,
    )
    folder, text = benchmarks.tune_platform(options, say)
    typer.echo(f"{text}\n\nThe configuration is {folder / 'serve_config.yaml'}")


@bench.command("capacity")
def capacity(
    loads: Annotated[Path, typer.Argument(help="The loads.csv of a run of `smartlite bench gateway`.")],
    measured_cores: Annotated[int, typer.Option("--measured-cores", min=1, help="Of the machine that ran it.")],
    server: Annotated[str, typer.Option("--server", help="As the file calls it.")] = "SmartLite, keys on",
    edge_share: Annotated[
        float, typer.Option("--edge-share", min=0, max=0.9, help="Of a request's processor time, what the edge takes.")
    ] = 0.2,
    rate: Annotated[float, typer.Option("--rate", min=1, help="Requests a second to plan for.")] = 10_000,
    p99: Annotated[float, typer.Option("--p99", min=1, help="Longest p99 to allow, in milliseconds.")] = 50,
    cores: Annotated[int, typer.Option("--cores", min=1, max=256, help="Of each machine that is simulated.")] = 4,
) -> None:
    """Tell what a request costs and simulate larger clusters, beside the run that was measured."""
    benchmarks = load_benchmarks()
    options = benchmarks.CapacityOptions(loads, server, measured_cores, edge_share, rate, p99, cores)
    typer.echo(benchmarks.capacity(options, say))


def load_benchmarks() -> Any:
    """The package that measures.

    Raises:
        ConfigurationError: It is not there, or something that it needs is not installed.
    """
    if not (_CHECKOUT / "benchmarks" / "product.py").is_file():
        raise ConfigurationError(
            "`smartlite bench` runs from a checkout of SmartLite, whose folder benchmarks/ it needs."
        )
    # First of all: other distributions have installed packages of this name.
    sys.path.insert(0, str(_CHECKOUT))
    try:
        from benchmarks import product as benchmarks  # noqa: PLC0415 - most commands need none of it
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"`smartlite bench` needs {error.name}, which is not installed: pip install -e '.[bench,cpu]'."
        ) from error
    return benchmarks


def without_key(words: list[str]) -> list[str]:
    """The command as it is written into the results."""
    kept = [word for word in words if not word.startswith(f"{_KEY_OPTION}=")]
    return [word for word, before in zip(kept, ["", *kept], strict=False) if _KEY_OPTION not in (word, before)]


def _shown_command() -> list[str]:
    return ["smartlite", *without_key(sys.argv[1:])]


def say(text: str) -> None:
    """Tell what happens; results alone go to standard output."""
    typer.echo(text, err=True)


def _arrivals(text: str) -> str:
    if text not in ("even", "poisson"):
        raise typer.BadParameter(f"'{text}' is none of even, poisson", param_hint="--arrivals")
    return text


for _what, _help in _HELP.items():
    bench.command(_what, help=_help)(_command(_what))
