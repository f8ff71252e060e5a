"""The object store and the models in it. Must not know which models a configuration serves, beyond their names."""

import threading
from collections.abc import Collection, Iterator
from typing import Final

from smartlite.cli.checks.finding import Finding, megabytes
from smartlite.config import Settings
from smartlite.domain.ids import new_id
from smartlite.errors import ModelNotFound, SmartLiteError
from smartlite.models.catalog import Catalog, ModelEntry
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore
from smartlite.storage.open_objects import open_objects

_STORE_TIMEOUT_S: Final = 2.5
_PROBE: Final = b"written by smartlite doctor"


def check_stores(settings: Settings, catalog: Catalog, served: Collection[str]) -> Iterator[Finding]:
    """Ask the object store for something, then look where every model stands.

    Args:
        settings: Where the stores are.
        catalog: Every model that is known.
        served: Names of the models that the configuration serves.
    """
    answers: list[Finding] = []

    def ask() -> None:
        answers.extend(_ask(settings, catalog, served))

    # A store far away may not answer for minutes; the daemon thread ends with the command.
    asking = threading.Thread(target=ask, name="doctor-store", daemon=True)
    asking.start()
    asking.join(_STORE_TIMEOUT_S)
    found = tuple(answers)
    yield from found
    if asking.is_alive():
        mend = "check SMARTLITE_OBJECT_STORE_URL and the network"
        yield Finding("stores", "object store", "problem", f"no answer in {_STORE_TIMEOUT_S} s", mend)


def _ask(settings: Settings, catalog: Catalog, served: Collection[str]) -> Iterator[Finding]:
    place = without_secrets(settings.objects_url)
    if settings.s3_endpoint_url and settings.objects_url.startswith("s3"):
        place += f" at {without_secrets(settings.s3_endpoint_url)}"
    try:
        objects = open_objects(settings)
        objects.size_bytes("models/.doctor")
    except SmartLiteError as error:
        mend = "check SMARTLITE_OBJECT_STORE_URL and its credentials"
        yield Finding("stores", "object store", "problem", f"{place}: {type(error).__name__}", mend)
        return
    yield _check_writing(objects, place)
    store = ModelStore(objects, settings.model_cache_dir)
    wanted = {entry.id for entry in _served(catalog, served)}
    for entry in catalog.models:
        try:
            yield _check_model(store, entry, entry.id in wanted)
        except SmartLiteError as error:
            yield Finding("models", entry.id, "problem", error.message, f"smartlite models pull {entry.id}")


def _check_writing(objects: FsspecObjectStore, place: str) -> Finding:
    """Write an object of our own, read it and remove it."""
    key = f"doctor/{new_id('probe')}"
    try:
        objects.write(key, _PROBE)
        is_same = objects.read(key) == _PROBE
        objects.delete(key)
    except SmartLiteError as error:
        mend = "let the platform write there: pulled models and kept answers are stored in it"
        return Finding("stores", "object store", "problem", f"{place}: read-only ({type(error).__name__})", mend)
    if not is_same:
        return Finding("stores", "object store", "problem", f"{place}: gives back something else than was stored")
    return Finding("stores", "object store", "ok", f"{place}: can be written")


def without_secrets(url: str) -> str:
    """A URL without what stands before its host or after a question mark."""
    scheme, mark, rest = url.partition("://")
    rest = rest.partition("?")[0]
    place, slash, path = rest.partition("/")
    return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path}"


def _served(catalog: Catalog, names: Collection[str]) -> Iterator[ModelEntry]:
    for name in names:
        try:
            yield catalog.find(name)
        except ModelNotFound:
            continue  # the check of the configuration tells it


def _check_model(store: ModelStore, entry: ModelEntry, is_served: bool) -> Finding:
    status = store.status(entry)
    size = megabytes(entry.size_bytes)
    pull = f"smartlite models pull {entry.id}"
    if status.damaged:
        return Finding(
            "models", entry.id, "problem", f"{entry.task}, {size}: {', '.join(status.damaged)} damaged", pull
        )
    if status.complete:
        return Finding("models", entry.id, "ok", f"{entry.task}, {size}: pulled")
    if is_served:
        # `smartlite serve` fetches it too: this tells how long the first start will be.
        return Finding(
            "models", entry.id, "warning", f"{entry.task}, {size}: not pulled; the start will fetch it", pull
        )
    return Finding("models", entry.id, "ok", f"{entry.task}, {size}: not pulled, and not served")
