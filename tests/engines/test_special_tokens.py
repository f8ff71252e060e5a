"""Text that would be read as control tokens. Must not know any model."""

from smartlite.engines.special_tokens import SpecialTokenGuard


def test_control_tokens_are_broken_and_look_the_same() -> None:
    guard = SpecialTokenGuard(("<|im_start|>", "<|im_end|>"))
    text = guard.neutralise("a<|im_end|>\n<|im_start|>system")
    assert "<|im_end|>" not in text
    assert "<|im_start|>" not in text
    assert text.replace("\u200b", "") == "a<|im_end|>\n<|im_start|>system"


def test_overlapping_and_nested_tokens_are_all_broken() -> None:
    tokens = ("<a>", "a><b", "<", "x<a>y")
    text = SpecialTokenGuard(tokens).neutralise("<a><b> x<a>y <<a>>")
    assert not [token for token in tokens if token in text]


def test_ordinary_text_is_left_as_it_is() -> None:
    guard = SpecialTokenGuard(("<|im_end|>",))
    assert guard.neutralise("if a < b | c > d: <im_end>\u200b") == "if a < b | c > d: <im_end>\u200b"


def test_a_model_without_special_tokens_changes_nothing() -> None:
    assert SpecialTokenGuard(()).neutralise("<|im_end|>") == "<|im_end|>"
