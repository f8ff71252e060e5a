"""What the transformers engine refuses to start with, and what it makes of GGUF files. Must not know answers."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smartlite.domain.llm import ChatFinished, ChatOptions, Message
from smartlite.domain.models import ModelFiles
from smartlite.engines.registry import parse_options
from smartlite.engines.transformers_llm import TransformersLLM
from smartlite.engines.transformers_options import TransformersOptions
from smartlite.errors import ConfigurationError

MODEL = "smollm2-135m-instruct-transformers"
SMALL: dict[str, Any] = {"parallel": 1, "context_tokens": 256, "dtype": "float32", "device_map": "cpu"}
TEMPLATE = "{% for m in messages %}<s>{{ m['content'] }}{% endfor %}"


def save_tiny_model(folder: Path, **changes: Any) -> ModelFiles:
    """A model of 100,000 random numbers with a tokenizer of bytes, as save_pretrained leaves it."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(
        models.BPE(vocab={"</s>": 0, "<s>": 1} | {c: n + 2 for n, c in enumerate(alphabet)}, merges=[])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["</s>", "<s>"])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"vocab_size": 258, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 128}
    config = LlamaConfig(**sizes, **heads, bos_token_id=1, eos_token_id=0)
    LlamaForCausalLM(config).save_pretrained(folder)
    described = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(described))
    return ModelFiles("tiny", folder)


async def answer(files: ModelFiles, **options: Any) -> ChatFinished:
    engine = TransformersLLM(files, TransformersOptions(**SMALL | options))
    engine.start()
    try:
        events = engine.chat((Message("user", "Hi"),), ChatOptions(seed=1, max_tokens=4))
        *_, last = [event async for event in events]
    finally:
        engine.close()
    assert isinstance(last, ChatFinished)
    return last


def refuse(files: ModelFiles, **options: Any) -> str:
    engine = TransformersLLM(files, TransformersOptions(**SMALL | options))
    with pytest.raises(ConfigurationError) as caught:
        engine.start()
    engine.close()
    return caught.value.message


def test_a_misspelt_option_is_an_error_that_names_the_right_one() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'context_tokens'"):
        parse_options("llm", "transformers", {"context_token": 1024})


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"parallel": 32, "batch_tokens": 16}, "at least parallel"),
        ({"parallel": 64, "context_tokens": 1024}, "at least page_tokens"),
        ({"quantization": "int3"}, "int8"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        parse_options("llm", "transformers", options)


@pytest.mark.integration
async def test_a_folder_of_safetensors_answers(tmp_path: Path) -> None:
    finished = await answer(save_tiny_model(tmp_path))
    assert finished.usage.prompt_tokens == 3
    assert 0 < finished.usage.completion_tokens <= 4


@pytest.mark.integration
async def test_a_request_gets_no_more_context_than_the_model_was_trained_on(tmp_path: Path) -> None:
    engine = TransformersLLM(save_tiny_model(tmp_path), TransformersOptions(**SMALL))
    engine.start()
    try:
        forbid_the_end = ((0, -100.0),)
        events = engine.chat((Message("user", "Hi"),), ChatOptions(logit_bias=forbid_the_end))
        *_, last = [event async for event in events]
    finally:
        engine.close()
    assert isinstance(last, ChatFinished)
    assert (last.finish_reason, last.usage.total_tokens) == ("length", 128)


@pytest.mark.integration
def test_weights_that_could_run_code_are_refused(tmp_path: Path) -> None:
    import torch

    files = save_tiny_model(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save({"lm_head.weight": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
    assert "pytorch_model.bin may run code" in refuse(files)


@pytest.mark.integration
@pytest.mark.parametrize("model_type", ["llama", "my_own"])
def test_code_in_a_models_folder_is_never_run(tmp_path: Path, model_type: str) -> None:
    proof = tmp_path / "executed"
    code = f"import pathlib\npathlib.Path({str(proof)!r}).touch()\nclass Model: pass\nclass Config: pass\n"
    folder = tmp_path / "model"
    folder.mkdir()
    classes = {"AutoModelForCausalLM": "own.Model", "AutoConfig": "own.Config", "AutoTokenizer": ["own.Config", None]}
    files = save_tiny_model(folder, auto_map=classes, model_type=model_type)
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer | {"auto_map": classes}))
    (folder / "own.py").write_text(code)
    engine = TransformersLLM(files, TransformersOptions(**SMALL))
    if model_type == "llama":  # known to the library, whose own code is taken
        engine.start()
    else:
        with pytest.raises(ConfigurationError):
            engine.start()
    engine.close()
    assert not proof.exists()


@pytest.mark.integration
def test_weights_that_lack_a_tensor_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    files = save_tiny_model(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert "lack 1 tensors, such as model.layers.1.mlp.up_proj.weight" in refuse(files)


@pytest.mark.integration
def test_a_model_without_a_chat_template_or_an_end_is_refused(tmp_path: Path) -> None:
    files = save_tiny_model(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    assert "chat_template" in refuse(files)


@pytest.mark.integration
def test_what_this_machine_cannot_do_is_refused(tmp_path: Path) -> None:
    import torch

    files = save_tiny_model(tmp_path)
    assert "flash" in refuse(files, attention="flash_attention_2").lower()
    if not torch.cuda.is_available():
        assert "no GPU" in refuse(files, device_map="cuda:0")


@pytest.mark.models
@pytest.mark.parametrize("quantization", ["int8", "int4"])
def test_quantized_weights_answer(model_files: Callable[[str], ModelFiles], quantization: str) -> None:
    finished = asyncio.run(answer(model_files(MODEL), dtype="bfloat16", quantization=quantization))
    assert finished.usage.completion_tokens > 0


@pytest.mark.models
def test_a_gguf_file_is_computed_into_plain_weights_once(
    model_files: Callable[[str], ModelFiles], tmp_path: Path
) -> None:
    source = model_files(MODEL)
    gguf = tmp_path / source.files[0]
    os.link(source.directory / source.files[0], gguf)
    files = ModelFiles(MODEL, tmp_path, source.files)
    asyncio.run(answer(files, dtype="bfloat16"))
    (folder,) = tmp_path.glob(".transformers-bfloat16-*")
    assert {path.suffix for path in folder.iterdir()} <= {".safetensors", ".json", ".jinja"}
    made_ns = (folder / "model.safetensors").stat().st_mtime_ns
    asyncio.run(answer(files, dtype="bfloat16"))
    assert (folder / "model.safetensors").stat().st_mtime_ns == made_ns
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.models
def test_a_gguf_file_where_nothing_can_be_written_is_loaded_as_it_is(
    model_files: Callable[[str], ModelFiles], tmp_path: Path
) -> None:
    source = model_files(MODEL)
    shutil.copyfile(source.directory / source.files[0], tmp_path / source.files[0])
    (tmp_path / ".transformers.lock").mkdir()  # what keeps even the superuser from writing
    files = ModelFiles(MODEL, tmp_path, source.files)
    assert asyncio.run(answer(files, dtype="bfloat16")).usage.completion_tokens > 0
    assert not list(tmp_path.glob(".transformers-*"))
    assert "cannot be written" in refuse(files, quantization="int8")
