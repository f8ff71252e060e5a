"""Steps of installed packages: found, checked, run, and kept from harming anything but themselves."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from smartlite.domain.pipelines import JSON, RunState
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.spec import check_document, json_schema, read_document
from smartlite.pipeline.steps.installed import GROUP, Installed, find_installed
from smartlite.steps import Field, PythonStep, PythonStepRefused, StepCall
from tests.pipeline.execution.world import NOON, MemoryLog, MemoryObjects, a_run
from tests.pipeline.spec.documents import CATALOG

HERE = "tests.pipeline.steps.test_installed"
stopped = threading.Event()


def shout_now(call: StepCall, fields: Mapping[str, JSON]) -> JSON:
    return {"text": fields["text"].upper(), "key": call.idempotency_key, "thread": threading.current_thread().name}


async def keep_file(call: StepCall, fields: Mapping[str, JSON]) -> JSON:
    kept = await call.put("a/b.txt", b"Hello")
    return {"media": kept, "bytes": (await call.get(kept)).decode()}


def keep_file_in_a_thread(call: StepCall, fields: Mapping[str, JSON]) -> JSON:
    kept = call.put_blocking("b.wav", b"RIFF")
    return {"media": kept, "bytes": call.get_blocking(kept).decode()}


def hang_in_a_thread(call: StepCall, fields: Mapping[str, JSON]) -> JSON:
    while not call.is_cancelled:
        time.sleep(0.005)
    stopped.set()
    return None


async def hang_forever(call: StepCall, fields: Mapping[str, JSON]) -> JSON:
    await asyncio.Event().wait()


def fail(call: StepCall, fields: Mapping[str, JSON]) -> JSON:
    raise ValueError("no\nluck")


def leave(call: StepCall, fields: Mapping[str, JSON]) -> JSON:
    sys.exit(3)


async def leave_too(call: StepCall, fields: Mapping[str, JSON]) -> JSON:
    sys.exit(3)


def refuse(call: StepCall, fields: Mapping[str, JSON]) -> JSON:
    raise PythonStepRefused("That is not a song.", "song")


def give_what_json_cannot_hold(call: StepCall, fields: Mapping[str, JSON]) -> JSON:
    return object()


OUTPUT = {"type": "object", "properties": {"text": {"type": "string"}}}
shout = PythonStep(shout_now, "Louder.", {"text": Field("string", "What.", required=True, max_length=5)}, OUTPUT)
keep, keep_in_thread = PythonStep(keep_file), PythonStep(keep_file_in_a_thread)
hang, hang_too = PythonStep(hang_in_a_thread, timeout_s=0.05), PythonStep(hang_forever, timeout_s=0.05)
failing, leaving, leaving_too, refusing = map(PythonStep, (fail, leave, leave_too, refuse))
odd = PythonStep(give_what_json_cannot_hold)


def installed(*names: str) -> Installed:
    return find_installed([EntryPoint(name.replace("_", "-"), f"{HERE}:{name}", GROUP) for name in names])


def source(uses: str, fields: str = "{}") -> str:
    return f"name: test\nsteps:\n- {{id: a, uses: {uses}, with: {fields}}}\n"


async def run(found: Installed, text: str) -> tuple[MemoryLog, MemoryObjects]:
    document = check_document(read_document(text), None, found.kinds)
    log, objects = MemoryLog(), MemoryObjects()
    await Executor(found.runners, lambda: NOON, specs=found.kinds).run(document, a_run(), log, objects)
    return log, objects


async def test_a_function_runs_in_a_thread_with_its_fields_and_the_steps_key() -> None:
    log, _ = await run(installed("shout"), source("python.shout", "{text: hey}"))
    assert log.outcome is not None
    assert log.outcome.outputs is not None
    output = log.outcome.outputs["a"]
    assert (output["text"], output["key"]) == ("HEY", "run_1/a/-1")
    assert output["thread"].startswith("python-steps")


@pytest.mark.parametrize(
    ("name", "uses", "said"),
    [
        ("keep", "python.keep", "Hello"),
        ("keep_in_thread", "python.keep-in-thread", "RIFF"),
    ],
)
async def test_a_function_keeps_files_and_reads_them(name: str, uses: str, said: str) -> None:
    log, objects = await run(installed(name), source(uses))
    assert log.outcome is not None
    assert log.outcome.outputs is not None
    output = log.outcome.outputs["a"]
    assert output["bytes"] == said
    assert list(objects.kept) == [output["media"]["$media"]["key"]]


@pytest.mark.parametrize(
    ("name", "code", "message", "is_final"),
    [
        ("hang", "deadline_exceeded", "'python.hang' did not end within 0.05 s.", False),
        ("hang_too", "deadline_exceeded", "'python.hang-too' did not end within 0.05 s.", False),
        ("failing", "python_step_failed", "'python.failing' failed: ValueError: no luck", False),
        ("leaving", "python_step_failed", "'python.leaving' failed: RuntimeError: SystemExit", False),
        ("leaving_too", "python_step_failed", "'python.leaving-too' failed: RuntimeError: SystemExit", False),
        ("refusing", "python_step_refused", "That is not a song.", True),
        ("odd", "unprocessable", "An output is nothing that JSON can hold.", True),
        ("nothing_here", "python_step_failed", "'python.nothing-here' cannot be run: AttributeError while", False),
        ("HERE", "python_step_failed", "'python.here' cannot be run: TypeError while its package", False),
    ],
)  # fmt: skip
async def test_what_a_package_does_wrong_fails_its_step(name: str, code: str, message: str, is_final: bool) -> None:
    kind = name.replace("_", "-").lower()
    found = find_installed([EntryPoint(kind, f"{HERE}:{name}", GROUP)])
    log, _ = await run(found, source(f"python.{kind}"))
    assert log.outcome is not None
    assert log.outcome.state is RunState.FAILED
    assert log.outcome.error is not None
    assert (log.outcome.error.code, log.outcome.error.is_final) == (code, is_final)
    assert log.outcome.error.message.startswith(message)


async def test_a_thread_that_nobody_waits_for_is_told_so() -> None:
    stopped.clear()
    await run(installed("hang"), source("python.hang"))
    assert await asyncio.to_thread(stopped.wait, 20)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            source("python.shuot", "{text: hey}"),
            "There is no kind of step 'python.shuot'. Did you mean 'python.shout'?",
        ),
        (source("python.shout"), "'python.shout' needs the field 'text'."),
        (source("python.shout", "{text: 3}"), "Must be a string."),
        (source("python.shout", "{text: longer}"), "longer than 5"),
        (source("python.shout", "{txt: hey, text: a}"), "has no such field. Did you mean 'text'?"),
        (f"{source('python.shout', '{text: a}')}outputs: {{x: '${{{{ steps.a.output.txt }}}}'}}\n", "gives no 'txt'"),
        (source("python.broken"), "'python.broken' cannot be run for now: ModuleNotFoundError"),
        (source("python"), "There is no kind of step 'python'."),
    ],
)
def test_a_document_that_uses_a_step_wrongly_is_not_saved(text: str, said: str) -> None:
    points = [EntryPoint("shout", f"{HERE}:shout", GROUP), EntryPoint("broken", "no_such_package:step", GROUP)]
    with pytest.raises(PipelineInvalid) as caught:
        check_document(read_document(text), CATALOG, find_installed(points).kinds)
    assert said in caught.value.message


def test_the_schema_has_what_is_installed_and_not_what_is_broken() -> None:
    points = [EntryPoint("shout", f"{HERE}:shout", GROUP), EntryPoint("broken", "no_such_package:step", GROUP)]
    schema = json_schema(find_installed(points).kinds)
    assert schema["$defs"]["python.shout"]["required"] == ["text"]
    assert "python.broken" not in schema["$defs"]["WrittenStep"]["properties"]["uses"]["enum"]


def test_of_two_steps_of_one_name_the_first_counts_and_odd_names_do_not() -> None:
    points = [
        EntryPoint(name, f"{HERE}:{step}", GROUP) for name, step in (("a", "shout"), ("a", "keep"), ("A b", "keep"))
    ]
    found = find_installed(points)
    assert list(found.runners) == ["python.a"]
    assert found.kinds["python.a"].description == "Louder."


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package as pip leaves it, on the path."""
    (tmp_path / "tiny_steps.py").write_text(
        "from smartlite.steps import Field, PythonStep\n"
        "async def run(call, fields):\n"
        "    return fields['text'][::-1]\n"
        "mirror = PythonStep(run, 'Backwards.', {'text': Field('string', required=True)}, {'type': 'string'})\n"
    )
    info = tmp_path / "tiny_steps-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-steps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[smartlite.steps]\nmirror = tiny_steps:mirror\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("tiny_steps", None)


@pytest.mark.usefixtures("distribution")
async def test_a_step_of_a_real_distribution_is_found_and_runs() -> None:
    found = find_installed()
    assert "python.mirror" in found.runners
    log, _ = await run(found, source("python.mirror", "{text: abc}"))
    assert log.outcome is not None
    assert log.outcome.outputs == {"a": "cba"}
