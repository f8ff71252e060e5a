"""What the llama.cpp engine refuses to start with: options and files. Must not know what models answer."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import xllamacpp

from smartlite.domain.llm import ChatOptions, Message
from smartlite.domain.models import ModelFiles
from smartlite.engines.llama_cpp import LlamaCpp
from smartlite.engines.llama_cpp_server import LlamaCppOptions, parameters_for
from smartlite.engines.registry import parse_options
from smartlite.errors import ConfigurationError, EngineFailed, ModelNotReady


def folder_with(path: Path, content: bytes | None) -> ModelFiles:
    if content is not None:
        (path / "m.gguf").write_bytes(content)
    return ModelFiles("m", path)


def header_without_tensors() -> bytes:
    """A sound header of a model that has no weights: only the library can notice."""

    def pair(key: str, value: str) -> bytes:
        return b"".join(
            [struct.pack("<Q", len(key)), key.encode(), struct.pack("<IQ", 8, len(value)), value.encode()],
        )

    template = pair("tokenizer.chat_template", "{{ messages[0]['content'] }}")
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + pair("general.architecture", "llama") + template


def test_a_misspelt_option_is_an_error_that_names_the_right_one() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'context_tokens'"):
        parse_options("llm", "llama_cpp", {"context_token": 1024})


def test_batches_smaller_than_the_number_of_slots_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least parallel"):
        parse_options("llm", "llama_cpp", {"parallel": 32, "batch_tokens": 16})


def test_batches_that_cannot_hold_what_is_guessed_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"batch_tokens \(48\) must be at least 72 for speculation"):
        parse_options("llm", "llama_cpp", {"parallel": 8, "speculation": "ngram_simple"})


@pytest.mark.parametrize(
    ("options", "threads", "batch_threads"),
    [({"threads": 1, "batch_threads": 3}, 1, 3), ({"threads": 150, "batch_threads": 3}, 150, 150)],
)
def test_batches_have_threads_of_their_own_and_never_fewer(
    options: dict[str, int], threads: int, batch_threads: int
) -> None:
    found = parameters_for(xllamacpp, Path("m.gguf"), LlamaCppOptions.model_validate(options), Path("s.sock"))
    assert (found.cpuparams.n_threads, found.cpuparams_batch.n_threads) == (threads, batch_threads)


@pytest.mark.parametrize("content", [None, b"", b"GGUF", b"this is text"])
def test_files_of_another_kind_are_a_configuration_error(content: bytes | None, tmp_path: Path) -> None:
    engine = LlamaCpp(folder_with(tmp_path, content), LlamaCppOptions())
    with pytest.raises(ConfigurationError):
        engine.start()
    engine.close()


@pytest.mark.integration
def test_a_file_that_only_the_library_can_judge_is_a_configuration_error(tmp_path: Path) -> None:
    engine = LlamaCpp(folder_with(tmp_path, header_without_tensors()), LlamaCppOptions())
    with pytest.raises(ConfigurationError, match=r"cannot run .*m\.gguf"):
        engine.start()
    engine.close()


async def test_an_engine_that_is_not_started_says_so(tmp_path: Path) -> None:
    engine = LlamaCpp(folder_with(tmp_path, None), LlamaCppOptions())
    with pytest.raises(EngineFailed):
        await engine.check_health()
    with pytest.raises(ModelNotReady):
        await anext(engine.chat((Message("user", "Hello"),), ChatOptions()))
    engine.close()
    engine.close()


@pytest.mark.models
def test_a_file_that_is_cut_off_is_a_configuration_error(
    model_files: Callable[[str], ModelFiles], tmp_path: Path
) -> None:
    whole = next(model_files("smollm2-135m-instruct").directory.glob("*.gguf"))
    with whole.open("rb") as source:
        (tmp_path / "m.gguf").write_bytes(source.read(8 * 1024 * 1024))
    broken = LlamaCpp(ModelFiles("m", tmp_path), LlamaCppOptions())
    with pytest.raises(ConfigurationError, match="cut off"):
        broken.start()
    broken.close()
