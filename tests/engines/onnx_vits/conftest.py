"""Real weights for the engines' tests, brought by the model store as a replica would. Must not know any engine."""

from collections.abc import Callable
from functools import cache

import pytest

from smartlite.config import load_settings
from smartlite.domain.models import ModelFiles
from smartlite.models.catalog_file import load_catalog
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore


@pytest.fixture(scope="session")
def model_files() -> Callable[[str], ModelFiles]:
    """Find a model of the catalog on this node by its id; fetched once where it is missing."""
    settings = load_settings()
    store = ModelStore(FsspecObjectStore(settings.objects_url), settings.model_cache_dir)
    catalog = load_catalog(settings.catalog)

    @cache
    def find(model_id: str) -> ModelFiles:
        return store.ensure_local(catalog.find(model_id))

    return find
