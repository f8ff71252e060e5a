"""Languages of texts, as the library tells them."""

import pytest

from smartlite.language_detection import detect_language

SENTENCES = {
    "en": "The quick brown fox jumps over the lazy dog near the river bank.",
    "de": "Das Wetter in Berlin ist heute kalt und windig.",
    "fr": "Ma sœur travaille dans un grand bureau.",
    "es": "El tiempo en Madrid está frío hoy.",
    "it": "Il tempo a Roma oggi è freddo.",
    "pt": "O tempo em Lisboa está frio hoje.",
    "fi": "Talo seisoo tässä.",
    "pl": "Mieszkam w małym domu.",
    "tr": "Küçük bir evde yaşıyorum.",
    "vi": "Tôi sống trong một ngôi nhà nhỏ.",
    "hu": "Egy kis házban lakom.",
    "ro": "Locuiesc într-o casă mică.",
    "cs": "Bydlím v malém domě.",
    "nl": "Ik woon in een klein huis.",
    "fa": "من در یک خانه کوچک زندگی می کنم",
}


@pytest.mark.parametrize(("language", "text"), SENTENCES.items())
async def test_a_short_sentence_is_enough(language: str, text: str) -> None:
    likelihood = await detect_language(text)

    assert likelihood[language] > 0.8
    assert sum(likelihood.values()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "text", ["Hello", "OK", "Dr. Smith met Mrs. Brown in Paris.", "x" * 5000, "12 + 3", "", "\udc80"]
)
async def test_what_could_be_anything_is_nothing_for_sure(text: str) -> None:
    assert max((await detect_language(text)).values()) < 0.5
