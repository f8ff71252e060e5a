"""Tags of languages."""

import pytest

from smartlite.domain.language_tags import distance, primary, read_tag


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("de", "de"), ("DE", "de"), ("pt_br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"),
        ("en-GB-X-RP", "en-GB-x-rp"), ("German", "de"), (" fr ", "fr"), ("yue", "yue"),
    ],
)  # fmt: skip
def test_a_tag_is_read_in_any_case_and_so_is_a_name(text: str, tag: str) -> None:
    assert read_tag(text) == tag


@pytest.mark.parametrize("text", ["", "d", "no language", "de--AT", "de-", "-de", "12", "de;q=1", "Кыргызча", "e" * 35])
def test_what_is_no_tag_is_none(text: str) -> None:
    assert read_tag(text) is None


@pytest.mark.parametrize(
    ("tag", "code"), [("nb", "no"), ("cmn-CN", "zh"), ("iw", "he"), ("fil", "tl"), ("pt-BR", "pt")]
)
def test_one_language_has_one_code(tag: str, code: str) -> None:
    assert primary(tag) == code


def test_the_nearest_tag_is_the_most_alike() -> None:
    offered = ["pt-BR", "pt-PT", "pt", "pt-Latn", "es"]
    assert [distance("pt-PT", tag) for tag in offered] == [3, 0, 2, 4, None]
    assert distance("en-GB-x-rp", "en-GB") == 1
