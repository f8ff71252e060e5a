"""Pipelines that people keep, and those that ship: names, versions, which is meant. Must not know HTTP, nor who may.

Whoever calls has asked ``policies.decide_access`` before; what they change is noted in the audit log with it. What
ships belongs to nobody, never changes, and is found by its name where its reader has none of their own by that name.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from smartlite.auth.noted import Actor, note
from smartlite.domain.identity import Page
from smartlite.domain.ids import new_id
from smartlite.domain.models import ModelDirectory
from smartlite.domain.pipelines import Document, Pipeline, PipelineVersion
from smartlite.errors import AlreadyExists, InvalidRequest, NotFound, PermissionDenied
from smartlite.jobs.request_document import REQUEST_DOCUMENT, REQUEST_SOURCE
from smartlite.pipeline.spec import KINDS, Kind, ServedCatalog, check_document, read_document
from smartlite.storage.database import Database, retried
from smartlite.storage.pipelines import PIPELINES
from smartlite.storage.reach import Reader
from smartlite.storage.versioned import sha256_of

BUILT_IN: Final = "builtin:"
"""How ids of those that ship begin."""
PIPELINE_ID: Final = "pl_"
"""How ids of the others begin; no name does."""
MAX_PIPELINES: Final = 1000
"""Of one owner."""
MAX_VERSIONS: Final = 1000
"""Of one pipeline."""
RESERVED: Final = frozenset({"schema"})
"""Names that would hide another address."""
_PLATFORM: Final = Actor(None)
_KIND: Final = "pipeline"
_SHIPPED_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a text."""

    pipeline: Pipeline
    version: PipelineVersion
    is_new: bool
    """False: there was a version of the same text."""


def read_saved(source: str, kinds: Mapping[str, Kind] = KINDS) -> Document:
    """The document of a version, whose models were checked when it was saved; or the one of a run of a request.

    Raises:
        PipelineInvalid: 400, this release does not understand it any more.
    """
    if source == REQUEST_SOURCE:
        return REQUEST_DOCUMENT
    return check_document(read_document(source), None, kinds)


def reading(kinds: Mapping[str, Kind]) -> Callable[[str], Document]:
    """``read_saved`` with these kinds of steps."""
    return lambda source: read_saved(source, kinds)


def checking(models: ModelDirectory, kinds: Mapping[str, Kind] = KINDS) -> Callable[[str], Document]:
    """Likewise of a text that is to be saved, with the models and voices that it names."""
    catalog = ServedCatalog(models)
    return lambda source: check_document(read_document(source), catalog, kinds)


def is_built_in(pipeline_id: str) -> bool:
    """Whether it ships with the platform."""
    return pipeline_id.startswith(BUILT_IN)


class Pipelines:
    """Pipelines on a database. One for each process.

    Args:
        database: Where they are.
        read: A document from its text, checked but for the models that it names; raises PipelineInvalid.
        check: Likewise, with them.
        built_in: Texts of those that ship, by name.
        clock: Tells the time in UTC.
        check_prompts: Checks the prompts that a document names, as its owner reads them; raises PipelineInvalid.
        kinds: What steps may use.
    """

    def __init__(
        self,
        database: Database,
        read: Callable[[str], Document],
        check: Callable[[str], Document],
        built_in: Mapping[str, str],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        check_prompts: Callable[[Document, Reader], Awaitable[None]] | None = None,
        kinds: Mapping[str, Kind] = KINDS,
    ) -> None:
        self._database = database
        self._check_prompts = check_prompts
        self._read = read
        self._check = check
        self._built_in = built_in
        self._clock = clock
        self.kinds = kinds

    @property
    def built_in(self) -> tuple[Pipeline, ...]:
        """Those that ship, by name."""
        return tuple(map(_shipped, sorted(self._built_in)))

    def read(self, source: str) -> Document:
        """What a text says, its models left unchecked.

        Raises:
            PipelineInvalid: 400.
        """
        return self._read(source)

    def document(self, version: PipelineVersion) -> Document:
        """What a version says.

        Raises:
            PipelineInvalid: 400, this release does not understand it any more.
        """
        return self._read(version.source)

    async def get(self, pipeline_id: str) -> Pipeline | None:
        """The pipeline with an id, of those that somebody keeps."""
        async with self._database.reading() as session:
            return await PIPELINES.get(session, pipeline_id)

    async def find(self, reference: str, owner_id: str) -> Pipeline | None:
        """The pipeline with an id, else an owner's of this name, else the one that ships."""
        async with self._database.reading() as session:
            found = await PIPELINES.get(session, reference) or await PIPELINES.named(session, owner_id, reference)
        name = reference.removeprefix(BUILT_IN)
        return found or (_shipped(name) if name in self._built_in else None)

    async def page(self, reader: Reader | None, after: str | None, limit: int) -> Page[Pipeline]:
        """Pipelines that somebody may read, None for everybody's; without those that ship."""
        async with self._database.reading() as session:
            return await PIPELINES.page(session, reader, after=after, limit=limit)

    async def add(self, owner_id: str, organization_id: str | None, source: str, actor: Actor = _PLATFORM) -> Saved:
        """Add a pipeline, called as its document says.

        Raises:
            PipelineInvalid: 400, the document is wrong.
            AlreadyExists: 400, its owner has one of this name.
            InvalidRequest: 400, the name is taken by the API, or its owner has too many.
        """
        name = await self._checked_name(source, owner_id, organization_id)
        if name in RESERVED:
            raise InvalidRequest(f"A pipeline cannot be called '{name}'.", "name")
        now = self._clock()
        pipeline = Pipeline(new_id("pl"), name, owner_id, organization_id, 1, now, now)

        async def work() -> None:
            async with self._database.writing() as session:
                if await PIPELINES.named(session, owner_id, name) is not None:
                    raise AlreadyExists(f"There is a pipeline '{name}' already; PUT makes a new version of it.", "name")
                if await PIPELINES.count(session, owner_id) >= MAX_PIPELINES:
                    raise InvalidRequest(f"There are {MAX_PIPELINES} pipelines of yours, which is the most.")
                await PIPELINES.add(session, pipeline, source, owner_id)
                await note(session, actor, "pipeline.add", _KIND, pipeline.id, {"name": name})

        await retried(work)
        return Saved(pipeline, await self.version(pipeline, 1), True)

    async def put_version(self, pipeline: Pipeline, source: str, by: str, actor: Actor = _PLATFORM) -> Saved:
        """Have a text be the latest version; the same text is the version that it was before.

        Raises:
            PipelineInvalid: 400, the document is wrong.
            InvalidRequest: 400, the document has another name, or there are too many versions.
            NotFound: 404, the pipeline is no more.
            PermissionDenied: 403, it ships.
        """
        _refuse_built_in(pipeline)
        name = await self._checked_name(source, by, pipeline.organization_id)
        if name != pipeline.name:
            raise InvalidRequest(f"The document is called '{name}', and the pipeline '{pipeline.name}'.", "name")

        async def work() -> tuple[PipelineVersion, bool]:
            async with self._database.writing() as session:
                saved = await PIPELINES.put_version(session, pipeline.id, source, by, self._clock())
                if saved[1] and saved[0].version > MAX_VERSIONS:
                    raise InvalidRequest(f"This pipeline has {MAX_VERSIONS} versions, which is the most.")
                if saved[1] or saved[0].version != pipeline.latest:
                    action = "pipeline.add_version" if saved[1] else "pipeline.set_latest"
                    await note(session, actor, action, _KIND, pipeline.id, _version(pipeline, saved[0].version))
                return saved

        version, is_new = await retried(work)
        at = self._clock()
        return Saved(replace(pipeline, latest=version.version, updated_at=at), version, is_new)

    async def set_latest(self, pipeline: Pipeline, version: int, actor: Actor = _PLATFORM) -> Pipeline:
        """Have another version be meant where none is named.

        Raises:
            NotFound: 404, there is no such version.
            PermissionDenied: 403, it ships.
        """
        _refuse_built_in(pipeline)
        at = self._clock()

        async def work() -> None:
            async with self._database.writing() as session:
                await PIPELINES.set_latest(session, pipeline.id, version, at)
                if version != pipeline.latest:
                    details = _version(pipeline, version)
                    await note(session, actor, "pipeline.set_latest", _KIND, pipeline.id, details)

        await retried(work)
        return replace(pipeline, latest=version, updated_at=at)

    async def remove(self, pipeline: Pipeline, actor: Actor = _PLATFORM) -> None:
        """Remove a pipeline with its versions; runs keep the document that they run.

        Raises:
            NotFound: 404, it is no more.
            PermissionDenied: 403, it ships.
        """
        _refuse_built_in(pipeline)

        async def work() -> None:
            async with self._database.writing() as session:
                await PIPELINES.remove(session, pipeline.id)
                await note(session, actor, "pipeline.remove", _KIND, pipeline.id, {"name": pipeline.name})

        await retried(work)

    async def version(self, pipeline: Pipeline, number: int | None = None) -> PipelineVersion:
        """A version; None: the latest.

        Raises:
            NotFound: 404, there is none of this number.
        """
        wanted = pipeline.latest if number is None else number
        if is_built_in(pipeline.id):
            found = self._shipped_version(pipeline) if wanted == 1 else None
        else:
            async with self._database.reading() as session:
                found = await PIPELINES.get_version(session, pipeline.id, wanted)
        if found is None:
            raise NotFound(f"There is no version {wanted} of this pipeline.", "version")
        return found

    async def named(self, owner_id: str, name: str, number: int | None = None) -> Document:
        """What a step that runs another pipeline means: one of the run's own user, else one that ships.

        Raises:
            NotFound: 404, there is none of this name, or no such version of it.
        """
        async with self._database.reading() as session:
            found = await PIPELINES.named(session, owner_id, name)
        if found is None and name not in self._built_in:
            raise NotFound(f"There is no pipeline '{name[:64]}'.", "pipeline")
        return self.document(await self.version(found or _shipped(name), number))

    async def page_versions(self, pipeline: Pipeline, after: str | None, limit: int) -> Page[PipelineVersion]:
        """Versions, the newest first."""
        if is_built_in(pipeline.id):
            return Page(() if after else (self._shipped_version(pipeline),), None)
        async with self._database.reading() as session:
            return await PIPELINES.page_versions(session, pipeline.id, after=after, limit=limit)

    async def _checked_name(self, source: str, user_id: str, organization_id: str | None) -> str:
        document = self._check(source)
        if self._check_prompts is not None:
            organizations = () if organization_id is None else (organization_id,)
            await self._check_prompts(document, Reader(user_id, organization_ids=organizations))
        return document.name

    def _shipped_version(self, pipeline: Pipeline) -> PipelineVersion:
        source = self._built_in[pipeline.name]
        return PipelineVersion(pipeline.id, 1, source, sha256_of(source), _SHIPPED_AT, "")


def _shipped(name: str) -> Pipeline:
    return Pipeline(f"{BUILT_IN}{name}", name, "", None, 1, _SHIPPED_AT, _SHIPPED_AT)


def _version(pipeline: Pipeline, number: int) -> dict[str, object]:
    return {"name": pipeline.name, "version": number}


def _refuse_built_in(pipeline: Pipeline) -> None:
    if is_built_in(pipeline.id):
        raise PermissionDenied("This pipeline ships with the platform; make one of your own by its name.")
