"""What is kept on an ingress replica: pipelines, runs, prompts, conversations. Must not know routes, nor workers."""

from smartlite.config import Settings
from smartlite.domain.models import ModelDirectory
from smartlite.jobs.batches import Batches
from smartlite.jobs.conversations import Conversations
from smartlite.jobs.files import Files
from smartlite.jobs.pipelines import Pipelines, checking, read_saved
from smartlite.jobs.prompts import Prompts
from smartlite.jobs.run_retention import RunRetention
from smartlite.jobs.runs import Runs
from smartlite.pipeline.builtin import builtin_documents
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.open_objects import open_objects


class ReplicaPipelines:
    """What one replica works with. Used in one event loop."""

    def __init__(self, settings: Settings, database: Database, cipher: Cipher, models: ModelDirectory) -> None:
        self.prompts = Prompts(database)
        self.conversations = Conversations(database, cipher)
        self.pipelines = Pipelines(
            database, read_saved, checking(models), builtin_documents(), check_prompts=self.prompts.check_steps
        )
        self.runs = Runs(
            database,
            read_saved,
            most_of_user=settings.pipeline_max_queued_per_user,
            most=settings.pipeline_max_queued,
        )
        self.media = BlobStore(open_objects(settings), cipher)
        self.files = Files(database, self.media, settings.file_max_bytes_per_user)
        self.batches = Batches(database, settings.batch_max_open_per_user)
        self.retention = RunRetention(database, self.media)
