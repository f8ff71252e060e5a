"""What is kept on an ingress replica: pipelines, runs, prompts, conversations. Must not know routes, nor workers."""

from smartlite.config import Settings
from smartlite.domain.models import ModelDirectory
from smartlite.jobs.batches import Batches
from smartlite.jobs.conversations import Conversations
from smartlite.jobs.files import Files
from smartlite.jobs.http_hosts import AllowedHosts
from smartlite.jobs.live import open_live
from smartlite.jobs.pipelines import Pipelines, checking, reading
from smartlite.jobs.prompts import Prompts
from smartlite.jobs.run_retention import RunRetention
from smartlite.jobs.runs import Runs
from smartlite.jobs.webhooks import Webhooks
from smartlite.pipeline.builtin import builtin_documents
from smartlite.pipeline.steps.installed import find_installed
from smartlite.storage.bell import Bell
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.open_objects import open_objects


class ReplicaPipelines:
    """What one replica works with. Used in one event loop."""

    def __init__(self, settings: Settings, database: Database, cipher: Cipher, models: ModelDirectory) -> None:
        self.prompts = Prompts(database)
        self.conversations = Conversations(database, cipher)
        kinds = find_installed().kinds
        read = reading(kinds)
        bell = Bell(settings.redis_url.get_secret_value())
        self.pipelines = Pipelines(
            database,
            read,
            checking(models, kinds),
            builtin_documents(),
            check_prompts=self.prompts.check_steps,
            kinds=kinds,
        )
        self.runs = Runs(
            database,
            read,
            most_of_user=settings.pipeline_max_queued_per_user,
            most=settings.pipeline_max_queued,
            bell=bell,
            live=open_live(settings),
        )
        self.webhooks = Webhooks(database, cipher, AllowedHosts(settings.webhook_hosts), bell)
        self.media = BlobStore(open_objects(settings), cipher)
        self.files = Files(database, self.media, settings.file_max_bytes_per_user)
        self.batches = Batches(database, settings.batch_max_open_per_user)
        self.retention = RunRetention(database, self.media)
