"""Which engines get the cores of their replica. Must not load any."""

import pytest

from deployments.loading import EngineSpec, with_threads
from smartlite.engines.cores import usable_cores
from smartlite.models.catalog_file import load_catalog

CATALOG = load_catalog()


@pytest.mark.parametrize(
    ("model", "option", "threads"),
    [
        ("whisper-base", "threads", usable_cores()),
        ("smollm2-135m-instruct", "batch_threads", min(8, usable_cores())),
        ("smollm2-135m-embedding", "batch_threads", min(8, usable_cores())),
    ],
)
def test_an_engine_that_is_not_told_its_threads_gets_the_cores(model: str, option: str, threads: int) -> None:
    entry = CATALOG.find(model)
    assert with_threads(EngineSpec(entry, entry.engine)) == {option: threads}


def test_what_the_operator_wrote_holds() -> None:
    entry = CATALOG.find("smollm2-135m-instruct")
    assert with_threads(EngineSpec(entry, entry.engine, {"batch_threads": 3})) == {"batch_threads": 3}


def test_an_engine_that_has_no_such_option_gets_none() -> None:
    assert with_threads(EngineSpec(CATALOG.find("smollm2-135m-instruct"), "fake")) == {}
    assert with_threads(EngineSpec(CATALOG.find("en_US-joe-medium"), "onnx_vits")) == {}
