"""GGUF headers, made here byte by byte. Must not know llama.cpp."""

import struct
from pathlib import Path

import pytest

from smartlite.engines.gguf import read_gguf_header
from smartlite.errors import ConfigurationError

TEMPLATE = "{{ '<|im_start|>' }}<think>"
TOKENS = [("<unk>", 2), ("<|im_start|>", 3), ("a", 1), ("<think>", 4), ("<h1>", 4), ("\n\n", 4)]


def gguf(version: int = 3, keys: int = 5, tail: bytes = b"") -> bytes:
    """A header with a template, six tokens and no tensors."""

    def string(text: str) -> bytes:
        return struct.pack("<Q", len(text.encode())) + text.encode()

    def pair(key: str, kind: int, value: bytes) -> bytes:
        return string(key) + struct.pack("<I", kind) + value

    texts = struct.pack("<IQ", 8, len(TOKENS)) + b"".join(string(text) for text, _ in TOKENS)
    kinds = struct.pack("<IQ", 5, len(TOKENS)) + b"".join(struct.pack("<i", kind) for _, kind in TOKENS)
    return (
        b"GGUF"
        + struct.pack("<IQQ", version, 0, keys)
        + pair("general.architecture", 8, string("llama"))
        + pair("llama.context_length", 4, struct.pack("<I", 8192))
        + pair("tokenizer.chat_template", 8, string(TEMPLATE))
        + pair("tokenizer.ggml.tokens", 9, texts)
        + pair("tokenizer.ggml.token_type", 9, kinds)
        + tail
    )


def test_a_header_tells_template_context_and_special_tokens(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf())
    header = read_gguf_header(path)
    assert (header.architecture, header.trained_context_tokens, header.chat_template) == ("llama", 8192, TEMPLATE)
    # Of the user-defined ones only what the template writes itself: HTML and blank lines are ordinary text.
    assert header.special_tokens == ("<unk>", "<|im_start|>", "<think>")


@pytest.mark.parametrize(("tokenizer", "longest"), [("gpt2", 12), ("bert", 0)])
def test_the_longest_token_is_told_where_none_stands_for_an_unknown_word(
    tokenizer: str, longest: int, tmp_path: Path
) -> None:
    path = tmp_path / "m.gguf"
    name, value = b"tokenizer.ggml.model", tokenizer.encode()
    pair = struct.pack("<Q", len(name)) + name + struct.pack("<IQ", 8, len(value)) + value
    path.write_bytes(gguf(keys=6, tail=pair))
    assert read_gguf_header(path).longest_token_bytes == longest


def test_a_header_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    whole = gguf()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ConfigurationError):
            read_gguf_header(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello world, this is no model",
        gguf(version=1),
        gguf(keys=2**62),
        gguf(keys=6, tail=struct.pack("<Q", 2**62)),
        gguf(keys=6, tail=struct.pack("<Q", 1) + b"k" + struct.pack("<I", 99)),
        gguf(keys=6, tail=struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, 2**60)),
        gguf(keys=6, tail=struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 9, 1)),
        gguf(keys=6, tail=struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 4, 2**60)),
    ],
)
def test_a_file_that_is_no_sound_gguf_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"m\.gguf"):
        read_gguf_header(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_gguf_header(tmp_path / "m.gguf")
