"""Prompts that people keep: names, versions, which is meant, and filling them. Must not know HTTP, nor who may.

Whoever calls has asked ``policies.decide_access`` before.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Final

from smartlite.domain.identity import Page
from smartlite.domain.ids import new_id
from smartlite.domain.pipelines import JSON, Document, Run
from smartlite.domain.prompts import Example, FilledPrompt, Prompt, PromptTemplate, PromptVersion, Variable
from smartlite.errors import AlreadyExists, InvalidRequest, NotFound, PipelineInvalid
from smartlite.pipeline.prompting import check_names, check_prompt, fill_prompt
from smartlite.pipeline.steps.ports import FindPrompt
from smartlite.storage.database import Database, retried
from smartlite.storage.prompts import PROMPTS
from smartlite.storage.reach import Reader

PROMPT_ID: Final = "pmt_"
"""How ids begin; no name does."""
MAX_PROMPTS: Final = 1000
"""Of one owner."""
MAX_VERSIONS: Final = 1000
"""Of one prompt."""


@dataclass(frozen=True, slots=True)
class SavedPrompt:
    """What became of a template."""

    prompt: Prompt
    version: PromptVersion
    is_new: bool
    """False: there was a version of the same template."""


def source_of(template: PromptTemplate) -> str:
    """The text that is kept."""
    return json.dumps(asdict(template), ensure_ascii=False, separators=(",", ":"))


def template_of(version: PromptVersion) -> PromptTemplate:
    """What a version says."""
    kept = json.loads(version.source)
    variables = {name: Variable(**each) for name, each in kept.pop("variables").items()}
    examples = tuple(Example(**each) for each in kept.pop("examples"))
    return PromptTemplate(**kept, variables=variables, examples=examples)


class Prompts:
    """Prompts on a database. One for each process.

    Args:
        database: Where they are.
        clock: Tells the time in UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    async def get(self, prompt_id: str) -> Prompt | None:
        """The prompt with an id."""
        async with self._database.reading() as session:
            return await PROMPTS.get(session, prompt_id)

    async def find(self, reference: str, owner_id: str) -> Prompt | None:
        """The prompt with an id, else an owner's of this name."""
        async with self._database.reading() as session:
            return await PROMPTS.get(session, reference) or await PROMPTS.named(session, owner_id, reference)

    async def page(self, reader: Reader | None, after: str | None, limit: int) -> Page[Prompt]:
        """Prompts that somebody may read, None for everybody's."""
        async with self._database.reading() as session:
            return await PROMPTS.page(session, reader, after=after, limit=limit)

    async def add(self, owner_id: str, organization_id: str | None, name: str, template: PromptTemplate) -> SavedPrompt:
        """Add a prompt.

        Raises:
            PromptInvalid: 400, the template is wrong.
            AlreadyExists: 400, its owner has one of this name.
            InvalidRequest: 400, its owner has too many.
        """
        await asyncio.to_thread(check_prompt, template)
        now = self._clock()
        prompt = Prompt(new_id("pmt"), name, owner_id, organization_id, 1, now, now)

        async def work() -> None:
            async with self._database.writing() as session:
                if await PROMPTS.named(session, owner_id, name) is not None:
                    raise AlreadyExists(f"There is a prompt '{name}' already; PUT makes a new version of it.", "name")
                if await PROMPTS.count(session, owner_id) >= MAX_PROMPTS:
                    raise InvalidRequest(f"There are {MAX_PROMPTS} prompts of yours, which is the most.")
                await PROMPTS.add(session, prompt, source_of(template), owner_id)

        await retried(work)
        return SavedPrompt(prompt, await self.version(prompt, 1), True)

    async def put_version(self, prompt: Prompt, template: PromptTemplate, by: str) -> SavedPrompt:
        """Have a template be the latest version; the same one is the version that it was before.

        Raises:
            PromptInvalid: 400, the template is wrong.
            InvalidRequest: 400, there are too many versions.
            NotFound: 404, the prompt is no more.
        """
        await asyncio.to_thread(check_prompt, template)
        at = self._clock()

        async def work() -> tuple[PromptVersion, bool]:
            async with self._database.writing() as session:
                saved = await PROMPTS.put_version(session, prompt.id, source_of(template), by, at)
                if saved[1] and saved[0].version > MAX_VERSIONS:
                    raise InvalidRequest(f"This prompt has {MAX_VERSIONS} versions, which is the most.")
                return saved

        version, is_new = await retried(work)
        return SavedPrompt(replace(prompt, latest=version.version, updated_at=at), version, is_new)

    async def set_latest(self, prompt: Prompt, version: int) -> Prompt:
        """Have another version be meant where none is named.

        Raises:
            NotFound: 404, there is no such version.
        """
        at = self._clock()

        async def work() -> None:
            async with self._database.writing() as session:
                await PROMPTS.set_latest(session, prompt.id, version, at)

        await retried(work)
        return replace(prompt, latest=version, updated_at=at)

    async def remove(self, prompt: Prompt) -> None:
        """Remove a prompt with its versions.

        Raises:
            NotFound: 404, it is no more.
        """

        async def work() -> None:
            async with self._database.writing() as session:
                await PROMPTS.remove(session, prompt.id)

        await retried(work)

    async def version(self, prompt: Prompt, number: int | None = None, param: str = "version") -> PromptVersion:
        """A version; None: the latest.

        Raises:
            NotFound: 404, there is none of this number; ``param`` is the field that it came in.
        """
        wanted = prompt.latest if number is None else number
        async with self._database.reading() as session:
            found = await PROMPTS.get_version(session, prompt.id, wanted)
        if found is None:
            raise NotFound(f"There is no version {wanted} of this prompt.", param)
        return found

    async def page_versions(self, prompt: Prompt, after: str | None, limit: int) -> Page[PromptVersion]:
        """Versions, the newest first."""
        async with self._database.reading() as session:
            return await PROMPTS.page_versions(session, prompt.id, after=after, limit=limit)

    async def reached(self, reader: Reader, reference: str, number: int | None = None) -> PromptTemplate:
        """What a step of a run means, by an id or by a name of its user's own.

        Raises:
            NotFound: 404, its user may read none such, or there is no such version of it.
        """
        async with self._database.reading() as session:
            found = await PROMPTS.reached(session, reference, reader)
        if found is None:
            raise NotFound(f"There is no prompt '{reference[:64]}'.", "prompt_name")
        return template_of(await self.version(found, number, "prompt_version"))

    async def check_steps(self, document: Document, reader: Reader) -> None:
        """Check the prompts that steps name, as far as that can be told before a run.

        Raises:
            PipelineInvalid: 400, there is no such prompt, or the step gives it other variables than it has.
        """
        for index, step in enumerate(document.steps):
            places = [(f"steps[{index}].with", step.with_)]
            places += [(f"steps[{index}].fallback[{at}].with", each.with_) for at, each in enumerate(step.fallback)]
            for path, fields in places:
                if "prompt_name" in fields:
                    await self._check_step(path, fields, reader)

    async def _check_step(self, path: str, fields: Mapping[str, JSON], reader: Reader) -> None:
        name, number, given = (fields.get(each) for each in ("prompt_name", "prompt_version", "vars"))
        if not isinstance(name, str) or "${{" in name or isinstance(number, str):
            return
        try:
            template = await self.reached(reader, name, number)
            if given is None or isinstance(given, dict):
                check_names(template.variables, frozenset(given or ()), f"{path}.vars")
        except NotFound as error:
            raise PipelineInvalid(f"{path}.{error.param}: {error.message}", f"{path}.{error.param}") from None
        except InvalidRequest as error:
            raise PipelineInvalid(f"{path}.vars: {error.message}", f"{path}.vars") from None


def find_prompt(prompts: Prompts) -> FindPrompt:
    """What steps find prompts by: as the run's user, in the organisation that the run is for."""

    async def find(run: Run, name: str, version: int | None) -> PromptTemplate:
        organizations = () if run.organization_id is None else (run.organization_id,)
        return await prompts.reached(Reader(run.user_id, organization_ids=organizations), name, version)

    return find


async def filled(template: PromptTemplate, variables: Mapping[str, JSON], param: str) -> FilledPrompt:
    """``fill_prompt`` in a thread."""
    return await asyncio.to_thread(fill_prompt, template, variables, param)
