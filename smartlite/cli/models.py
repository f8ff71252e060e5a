"""``smartlite models``: list, pull and verify the models of the catalog. Must not know how files are fetched."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from smartlite.cli.download_progress import DownloadDisplay
from smartlite.config import load_settings
from smartlite.errors import ConfigurationError, ModelNotFound, ModelStoreError
from smartlite.models.catalog import Catalog, ModelEntry
from smartlite.models.catalog_file import load_catalog
from smartlite.models.store import ModelStatus, ModelStore
from smartlite.storage.objects import FsspecObjectStore

FAILED = 1
WRONG_USAGE = 2

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
            _stop("name models or say --all, not both", WRONG_USAGE)
        if every:
            return self.catalog.models
        if not names:
            return self.catalog.default
        try:
            found = [self.catalog.find(name) for name in names]
        except ModelNotFound as error:
            _stop(error.message, WRONG_USAGE)
        return tuple({entry.id: entry for entry in found}.values())


@app.command("list")
def list_models(as_json: _Json = False) -> None:
    """Show every model of the catalog and whether it is on this machine."""
    place = _open()
    statuses = [(entry, _or_stop(place.store.status, entry)) for entry in place.catalog.models]
    if as_json:
        _print_json([_describe(entry) | _outcome(status) for entry, status in statuses])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("MODEL", "TASK", "SIZE", "STATE", "LICENCE"):
        table.add_column(column, justify="right" if column == "SIZE" else "left", no_wrap=True)
    table.add_column("ALSO CALLED")
    for entry, status in statuses:
        licence = entry.licence + (" (note)" if entry.licence_note else "")
        size = f"{entry.size_bytes / 1e6:.1f} MB"
        table.add_row(
            entry.id + (" *" if entry.default else ""),
            entry.task,
            size,
            _state(status),
            licence,
            ", ".join(entry.aliases),
        )
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
    failures: dict[str, str] = {}
    outcomes: list[dict[str, object]] = []
    with DownloadDisplay(Console(stderr=True), visible=not as_json) as display:
        for entry in place.select(models, every):
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
        _complain("\n".join(failures.values()))
    if failures:
        raise typer.Exit(FAILED)


@app.command()
def verify(models: _Names = None, every: _All = False, as_json: _Json = False) -> None:
    """Read every byte of models (the default set if none is named) and compare it with the catalog; mends nothing."""
    place = _open()
    statuses = [_or_stop(place.store.verify, entry) for entry in place.select(models, every)]
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
            _complain(f"To mend them: smartlite models pull {' '.join(wrong)}")
        raise typer.Exit(FAILED)


def _open() -> _Workplace:
    try:
        settings = load_settings()
        store = ModelStore(FsspecObjectStore(settings.objects_url), settings.model_cache_dir)
        return _Workplace(load_catalog(settings.catalog), store)
    except ConfigurationError as error:
        _stop(error.message, WRONG_USAGE)


def _or_stop(look: Callable[[ModelEntry], ModelStatus], entry: ModelEntry) -> ModelStatus:
    try:
        return look(entry)
    except ModelStoreError as error:
        _stop(error.message, FAILED)


def _describe(entry: ModelEntry) -> dict[str, object]:
    fields = {"task", "engine", "created", "owned_by", "licence", "licence_note", "default", "aliases", "languages"}
    return entry.model_dump(mode="json", include=fields | {"voices"})


def _outcome(status: ModelStatus) -> dict[str, object]:
    files: Iterable[dict[str, object]] = (
        {"name": file.name, "size_bytes": file.size_bytes, "cached": file.cached, "stored": file.stored}
        for file in status.files
    )
    return {"id": status.id, "ok": status.complete, "state": _state(status), "files": list(files)}


def _state(status: ModelStatus) -> str:
    if status.damaged:
        return "damaged"
    return "ready" if status.complete else "not pulled"


def _print_json(models: list[dict[str, object]]) -> None:
    typer.echo(json.dumps({"models": models}, indent=2))


def _complain(message: str) -> None:
    typer.echo(message, err=True)


def _stop(message: str, status: int) -> NoReturn:
    _complain(f"error: {message}")
    raise typer.Exit(status)
