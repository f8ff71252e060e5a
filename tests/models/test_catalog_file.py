"""Reading catalog files: what is wrong is told with its line."""

from pathlib import Path

import pytest

from smartlite.errors import ConfigurationError
from smartlite.models.catalog import ModelEntry, PathEntry
from smartlite.models.catalog_file import load_catalog, parse_catalog

SHA = "0" * 64
GOOD = f"""models:
  - id: mine
    task: asr
    engine: faster_whisper
    created: 1
    owned_by: me
    licence: MIT
    aliases: [whisper-1]
    files:
      - {{name: model.bin, size_bytes: 3, sha256: "{SHA}"}}
    sources:
      - kind: path
        directory: weights
"""


def parse(text: str) -> tuple[ModelEntry, ...]:
    return parse_catalog(text, "x.yaml", Path("/catalogs"))


def test_a_relative_folder_starts_at_the_catalog() -> None:
    (source,) = parse(GOOD)[0].sources
    assert isinstance(source, PathEntry)
    assert source.directory == Path("/catalogs/weights")


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("licence: MIT", "license: MIT"), 7, "Did you mean 'licence'"),
        (("size_bytes: 3", "size_byte: 3"), 10, "Did you mean 'size_bytes'"),
        (("directory: weights", "folder: weights"), 13, "unknown key 'folder'"),
        (("kind: path", "kind: paths"), 12, "'registry', 'hub', 'path'"),
        (("task: asr", "task: stt"), 3, "'asr', 'llm', 'tts' or 'embedding'"),
        (
            ("owned_by: me", "owned_by: me\n    voices: [{id: a, name: A, language: en}]"),
            2,
            "only a tts model has voices",
        ),
        (("created: 1", "created: soon"), 5, "created"),
        ((SHA, "12"), 10, "sha256"),
        (
            ("directory: weights", "directory: w\n        files: {other.bin: x}"),
            2,
            "files that the model has not: other",
        ),
        (("models:", "model:"), 1, "Did you mean 'models'"),
        (("owned_by: me", "owned_by: me\n    owned_by: you"), 7, "the key 'owned_by' is there twice"),
        (("[whisper-1]", "[whisper-1"), 9, "expected ',' or ']'"),
        (("[whisper-1]", "[a, a]"), 2, "the alias 'a' is named twice"),
    ],
)
def test_a_mistake_is_told_with_its_line(change: tuple[str, str], line: int, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(GOOD.replace(*change))
    assert f"x.yaml, line {line}:" in caught.value.message
    assert words in caught.value.message


def test_a_model_that_is_there_twice_is_refused_with_the_second_line() -> None:
    with pytest.raises(ConfigurationError, match=r"line 14: the model 'mine' is there twice"):
        parse(GOOD + GOOD.removeprefix("models:\n"))


@pytest.mark.parametrize("text", ["", "# nothing\n", "- 1\n", "a string", "&a [*a]", "\x00", "models: 2024-99-99"])
def test_what_is_no_catalog_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"x\.yaml"):
        parse(text)


def test_a_registry_source_that_misses_a_file_is_refused() -> None:
    registry = "kind: registry\n        files: {}"
    with pytest.raises(ConfigurationError, match=r"does not say where these files are: model\.bin"):
        parse(GOOD.replace("kind: path\n        directory: weights", registry))


def test_an_extra_catalog_adds_before_the_shipped_models(tmp_path: Path) -> None:
    extra = tmp_path / "extra.yaml"
    extra.write_text(GOOD)
    catalog = load_catalog(extra)
    assert [model.id for model in catalog.models][:2] == ["mine", "whisper-base"]
    assert catalog.find("whisper-1").id == "mine"


def test_an_extra_entry_replaces_the_shipped_one_of_its_id_in_its_place(tmp_path: Path) -> None:
    extra = tmp_path / "extra.yaml"
    extra.write_text(GOOD.replace("id: mine", "id: whisper-tiny.en"))
    models = load_catalog(extra).models
    assert [model.id for model in models] == [model.id for model in load_catalog().models]
    assert models[1].owned_by == "me"


def test_an_extra_catalog_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml"):
        load_catalog(tmp_path / "nowhere.yaml")


def test_an_extra_catalog_that_is_not_text_is_named(tmp_path: Path) -> None:
    extra = tmp_path / "extra.yaml"
    extra.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"extra\.yaml"):
        load_catalog(extra)
