"""Models that the library knows by name, from a folder where it has already put one: nothing is fetched here."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smartlite.domain.models import ModelFiles
from smartlite.domain.tts import SynthesizeOptions
from smartlite.engines.coqui import Coqui
from smartlite.engines.coqui_download import download
from smartlite.engines.coqui_options import CoquiOptions
from smartlite.errors import ConfigurationError, SourceUnavailable
from tests.engines.coqui.conftest import sha256

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
NAME = "tts_models/en/ljspeech/vits"


@pytest.fixture
def library(tmp_path: Path, write_model: Callable[..., Path]) -> Path:
    """A library's folder with one model in it."""
    write_model(tmp_path / "tts" / NAME.replace("/", "--"))
    return tmp_path


@pytest.fixture
def construct(library: Path) -> Iterator[Callable[..., Coqui]]:
    engines: list[Coqui] = []

    def construct_engine(**sha256: str) -> Coqui:
        options = {"model_name": NAME, "library_dir": library, "sha256": sha256}
        engines.append(Coqui(ModelFiles("mine", library), CoquiOptions.model_validate(options)))
        return engines[-1]

    yield construct_engine
    for engine in engines:
        engine.close()


async def test_a_model_by_name_is_refused_with_its_hash_and_taken_once_it_is_accepted(
    construct: Callable[..., Coqui], library: Path
) -> None:
    path = library / "tts" / NAME.replace("/", "--") / "model.pth"
    with pytest.raises(ConfigurationError) as caught:
        construct().start()
    assert f"sha256: {{model.pth: {sha256(path)}}}" in caught.value.message
    with pytest.raises(ConfigurationError, match="was not read"):
        construct(**{"model.pth": "0" * 64}).start()

    engine = construct(**{"model.pth": sha256(path)})
    engine.start()

    [spoken] = [each async for each in engine.synthesize("Hello.", SynthesizeOptions("mine"))]
    assert spoken.audio.sample_rate_hz == 8000
    assert [(voice.id, voice.language) for voice in engine.voices()] == [("mine", "en-US")]


def test_a_name_that_the_library_does_not_know_is_told_with_those_of_its_language(library: Path) -> None:
    with pytest.raises(ConfigurationError, match="tts_models/en/ljspeech/vits") as caught:
        download("tts_models/en/ljspeech/none", library, 120)
    assert caught.value.param == "model_name"


def test_terms_that_nobody_agreed_to_are_asked_for(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COQUI_TOS_AGREED", raising=False)

    with pytest.raises(ConfigurationError, match=r"CPML.*COQUI_TOS_AGREED"):
        download("tts_models/multilingual/multi-dataset/xtts_v2", library, 120)


def test_a_download_has_an_end(library: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"within 0\.01 s"):
        download(NAME, library, 0.01)


def test_a_folder_of_the_library_that_holds_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "tts" / NAME.replace("/", "--")).mkdir(parents=True)

    with pytest.raises(SourceUnavailable, match="Model file not found"):
        download(NAME, tmp_path, 120)
