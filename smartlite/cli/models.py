"""``smartlite models``: list, pull and verify the models of the catalog. Must not know how files are fetched.

Exit codes: 0 all is well, 1 something is missing, wrong or failed, 2 wrong usage; errors that are raised get theirs
in ``smartlite.cli.main``.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from smartlite.cli.download_progress import DownloadDisplay
from smartlite.config import Settings, load_settings
from smartlite.errors import ConfigurationError, ModelStoreError
from smartlite.models.catalog import Catalog, ModelEntry
from smartlite.models.catalog_file import load_catalog
from smartlite.models.store import ModelStatus, ModelStore
from smartlite.storage.open_objects import open_objects

_FAILED: Final = 1
_IN_SET: Final = " *"

app = typer.Typer(
    help="The models of the catalog: list them, pull them, check their bytes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_Names = Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", help="Ids or aliases.")]
_All = Annotated[bool, typer.Option("--all", help="Every model of the catalog.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@dataclass(frozen=True, slots=True)
class _Workplace:
    catalog: Catalog
    store: ModelStore

    def select(self, names: list[str] | None, every: bool) -> tuple[ModelEntry, ...]:
        if names and every:
            raise typer.BadParameter("name models or say --all, not both")
        if every:
            return self.catalog.models
        if not names:
            return self.catalog.default
        return tuple({entry.id: entry for entry in map(self.catalog.find, names)}.values())


@app.command("list")
def list_models(as_json: _Json = False) -> None:
    """Show every model of the catalog and whether it is on this machine."""
    place = _open()
    statuses = [(entry, place.store.status(entry)) for entry in place.catalog.models]
    if as_json:
        _print_json([_describe(entry) | _outcome(status) for entry, status in statuses])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    # Nothing that a command takes may be cut short: ids keep their width, licences give theirs.
    longest = max(len(entry.id) for entry in place.catalog.models) + len(_IN_SET)
    table.add_column("MODEL", min_width=longest, overflow="fold")
    for column in ("TASK", "SIZE", "STATE"):
        table.add_column(column, justify="right" if column == "SIZE" else "left", no_wrap=True)
    table.add_column("LICENCE", overflow="fold")
    for entry, status in statuses:
        licence = entry.licence + (" (note)" if entry.licence_note else "")
        size = f"{entry.size_bytes / 1e6:.1f} MB"
        name = entry.id + (_IN_SET if entry.default else "")
        table.add_row("\n  also ".join((name, *entry.aliases)), entry.task, size, _state(status), licence)
    console = Console()
    console.print(table)
    console.print("* pulled when no model is named", style="dim")
    for entry, _ in statuses:
        if entry.licence_note:
            console.print(f"{entry.id}: {entry.licence_note}", style="dim", highlight=False)


@app.command()
def pull(models: _Names = None, every: _All = False, as_json: _Json = False) -> None:
    """Fetch models (the default set if none is named) and read every byte of those that are there."""
    place = _open()
    entries = place.select(models, every)
    failures: dict[str, str] = {}
    outcomes: list[dict[str, object]] = []
    with DownloadDisplay(Console(stderr=True), visible=not as_json) as display:
        for entry in entries:
            try:
                files = place.store.pull(entry, display.update)
            except ModelStoreError as error:
                failures[entry.id] = error.message
                outcomes.append({"id": entry.id, "ok": False, "error": {"code": error.code, "message": error.message}})
                display.note(f"{entry.id}: failed")
            else:
                outcomes.append({"id": entry.id, "ok": True, "directory": str(files.directory)})
                display.note(f"{entry.id}: ready, {entry.size_bytes / 1e6:.1f} MB in {files.directory}")
    if as_json:
        _print_json(outcomes)
    elif failures:
        typer.echo("\n".join(failures.values()), err=True)
    if failures:
        raise typer.Exit(_FAILED)


@app.command()
def verify(models: _Names = None, every: _All = False, as_json: _Json = False) -> None:
    """Read every byte of models (the default set if none is named) and compare it with the catalog; mends nothing."""
    place = _open()
    statuses = [place.store.verify(entry) for entry in place.select(models, every)]
    if as_json:
        _print_json([_outcome(status) for status in statuses])
    else:
        for status in statuses:
            typer.echo(f"{status.id}: {_state(status)}")
            for file in status.files:
                if {file.cached, file.stored} != {"verified"}:
                    typer.echo(f"  {file.name}: {file.cached} in the cache, {file.stored} in the object store")
    wrong = [status.id for status in statuses if not status.complete]
    if wrong:
        if not as_json:
            typer.echo(f"To mend them: smartlite models pull {' '.join(wrong)}", err=True)
        raise typer.Exit(_FAILED)


@app.command()
def convert(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Id or alias of a model of the engine openai_whisper.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A .pt file, as whisper.load_model reads it.")],
) -> None:
    """Write a model's weights as its library publishes them; fetches the model where it is missing."""
    place = _open()
    entry = place.catalog.find(model)
    if entry.engine != "openai_whisper" or output.suffix != ".pt":
        models = ", ".join(other.id for other in place.catalog.models if other.engine == "openai_whisper")
        raise typer.BadParameter(f"only {models} can be converted, and only to a file that ends in .pt")
    with DownloadDisplay(Console(stderr=True)) as display:
        files = place.store.ensure_local(entry, display.update)
    try:
        from smartlite.engines.openai_whisper_checkpoint import (  # noqa: PLC0415 - an extra brings torch, which takes seconds
            read_checkpoint,
            write_pt,
        )
    except ImportError as error:
        raise ConfigurationError(f"{error}: pip install 'smartlite[torch]'") from error
    write_pt(read_checkpoint(files, "", ""), output)
    typer.echo(f"{entry.id}: {output.stat().st_size / 1e6:.1f} MB in {output}")


def pull_missing(catalog: Catalog, names: Iterable[str], settings: Settings) -> None:
    """Have models on this node before replicas ask for them, so that a person sees the downloads.

    Shows nothing and reads no file where all of them are there.

    Raises:
        ModelNotFound: 404, the catalog has no model of this name.
        ModelStoreError: A model cannot be fetched or kept.
    """
    store = _open_store(settings)
    with DownloadDisplay(Console(stderr=True)) as display:
        for name in names:
            store.ensure_local(catalog.find(name), display.update)


def _open() -> _Workplace:
    settings = load_settings()
    return _Workplace(load_catalog(settings.catalog), _open_store(settings))


def _open_store(settings: Settings) -> ModelStore:
    return ModelStore(open_objects(settings), settings.model_cache_dir)


def _describe(entry: ModelEntry) -> dict[str, object]:
    fields = {"task", "engine", "created", "owned_by", "licence", "licence_note", "default", "aliases", "languages"}
    return entry.model_dump(mode="json", include=fields | {"voices"})


def _outcome(status: ModelStatus) -> dict[str, object]:
    files = [asdict(file) for file in status.files]
    return {"id": status.id, "ok": status.complete, "state": _state(status), "files": files}


def _state(status: ModelStatus) -> str:
    if status.damaged:
        return "damaged"
    if not status.complete:
        return "not pulled"
    return "unchecked" if "unchecked" in {file.cached for file in status.files} else "ready"


def _print_json(models: list[dict[str, object]]) -> None:
    typer.echo(json.dumps({"models": models}, indent=2))
