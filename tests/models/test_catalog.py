"""The catalog's rules, and the one that ships."""

from pathlib import Path

import pytest

from smartlite.domain.models import ModelDirectory
from smartlite.errors import ModelNotFound
from smartlite.models.catalog import Catalog, FileEntry, ModelEntry, RegistryEntry, VoiceEntry
from smartlite.models.catalog_file import load_catalog

OPENAI_VOICES = [
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
]


def entry(id_: str, **changes: object) -> ModelEntry:
    fields: dict[str, object] = {
        "id": id_,
        "task": "asr",
        "engine": "e",
        "created": 1,
        "owned_by": "o",
        "licence": "MIT",
    }
    return ModelEntry.model_validate(fields | changes)


def test_the_shipped_catalog_has_the_default_set() -> None:
    assert [model.id for model in load_catalog().default] == [
        "whisper-base",
        "whisper-tiny.en",
        "en_US-joe-medium",
        "kokoro-82m",
        "smollm2-135m-instruct",
        "smollm2-135m-embedding",
    ]


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("whisper-1", "whisper-base"),
        ("tts-1", "en_US-joe-medium"),
        ("tts-1-hd", "en_US-joe-medium"),
        ("gpt-4o-mini-tts", "en_US-joe-medium"),
    ],
)
def test_openai_names_mean_a_shipped_model(name: str, id_: str) -> None:
    assert load_catalog().find(name).id == id_


def test_the_shipped_voice_answers_to_openai_names() -> None:
    (voice,) = load_catalog().find("tts-1").served().voices
    assert voice.id == "joe"
    assert sorted(voice.aliases) == OPENAI_VOICES


@pytest.mark.parametrize("model", ["kokoro-82m", "espeak-ng"])
def test_each_of_openai_names_means_a_voice_of_every_shipped_voice_model(model: str) -> None:
    aliases = [alias for voice in load_catalog().find(model).voices for alias in voice.aliases]
    assert sorted(aliases) == OPENAI_VOICES


def test_the_program_of_many_voices_has_them_all_and_no_file() -> None:
    entry = load_catalog().find("espeak-ng")
    assert (entry.task, entry.files, len(entry.voices)) == ("tts", (), 131)
    assert len({voice.language for voice in entry.voices}) == 131


def test_an_unclear_licence_is_told() -> None:
    assert "lessac" in load_catalog().find("tts-1").licence_note


ONE_SOURCE = {"kokoro-82m"}
"""Their very files are in no hub that could be seen when they were pinned."""


def test_every_shipped_model_has_a_second_source_of_another_kind_or_is_made_of_one_that_has() -> None:
    for model in load_catalog().models:
        if not model.files or model.id in ONE_SOURCE or [source.kind for source in model.sources] == ["converted"]:
            continue
        assert len({source.kind for source in model.sources}) == 2


def test_shipped_packages_are_pinned_and_their_members_are_plain_paths() -> None:
    for model in load_catalog().models:
        for source in model.sources:
            if isinstance(source, RegistryEntry):
                for part in (part for parts in source.files.values() for part in parts):
                    assert "==" in part.package
                    assert ".." not in part.member


def test_an_entry_becomes_what_the_gateway_and_an_engine_get() -> None:
    model = entry(
        "m",
        task="tts",
        aliases=("a",),
        languages=("en",),
        voices=(VoiceEntry(id="v", name="V", language="en-US", aliases=("w",)),),
        files=(FileEntry(name="f", size_bytes=1, sha256="0" * 64),),
        sources=({"kind": "path", "directory": "x"},),
    )
    directory = ModelDirectory((model.served("fake"),))
    assert directory.resolve("a", "tts").engine == "fake"
    assert model.served().engine == "e"
    files = model.files_in(Path("/x"))
    assert (files.id, files.directory, files.files, files.languages) == ("m", Path("/x"), ("f",), ("en",))
    assert files.voices == directory.find("m").voices


def test_an_id_is_found_before_an_alias_and_the_first_alias_wins() -> None:
    catalog = Catalog((entry("a", aliases=("b", "x")), entry("b", aliases=("x",))))
    assert catalog.find("b").id == "b"
    assert catalog.find("x").id == "a"


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(ModelNotFound, match="'whisper-1'"):
        load_catalog().find("wisper-1")


@pytest.mark.parametrize("id_", ["", "../x", "a/b", ".hidden", "a b", "-x", "x" * 129])
def test_an_id_that_is_no_folder_name_is_refused(id_: str) -> None:
    with pytest.raises(ValueError, match="id"):
        entry(id_)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "model.bin.verified"])
def test_a_file_name_that_leaves_its_folder_or_is_a_stamp_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        FileEntry(name=name, size_bytes=1, sha256="0" * 64)


@pytest.mark.parametrize("package", ["x", "x>=1", "--index-url==1", "x==1 y", "x==1;y", "git+https://a==1"])
def test_a_package_is_a_name_and_a_version_and_nothing_else(package: str) -> None:
    with pytest.raises(ValueError, match="package"):
        RegistryEntry.model_validate({"kind": "registry", "files": {"f": [{"package": package, "member": "m"}]}})
