"""Pipelines and their runs on an ingress replica: what it keeps and accepts. Must not know routes, nor workers."""

from smartlite.config import Settings
from smartlite.domain.models import ModelDirectory
from smartlite.jobs.live import open_live
from smartlite.jobs.pipelines import Pipelines, checking, read_saved
from smartlite.jobs.runs import Runs
from smartlite.pipeline.builtin import builtin_documents
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.open_objects import open_objects


class ReplicaPipelines:
    """What one replica works with. Used in one event loop."""

    def __init__(self, settings: Settings, database: Database, cipher: Cipher, models: ModelDirectory) -> None:
        self.pipelines = Pipelines(database, read_saved, checking(models), builtin_documents())
        self.runs = Runs(
            database,
            read_saved,
            most_of_user=settings.pipeline_max_queued_per_user,
            most=settings.pipeline_max_queued,
            live=open_live(settings),
        )
        self.media = BlobStore(open_objects(settings), cipher)
