"""From the phonemes of espeak-ng to Kokoro's letters, language by language. Must not know programs or graphs.

The model was trained on one alphabet for all languages: IPA, with a letter of its own for each English diphthong and
affricate. German is none of its training languages; its sounds go to the nearest that were.
"""

from typing import Final

PROGRAM_VOICES: Final[dict[str, str]] = {
    "de": "de",
    "en": "en-us",
    "es": "es",
    "fr": "fr-fr",
    "it": "it",
    "pt": "pt-br",
}
"""The voice of espeak-ng that reads each language (ISO 639-1)."""

PACES: Final[dict[str, float]] = {"de": 0.85, "fr": 0.8, "pt": 0.9}
"""What the graph is asked for at speed 1, for languages that the voices speak too fast to be understood. Words that
whisper-base had wrong at 1 and at this pace: German 28 and 12 %, French 46 and 20 %, Portuguese 7 and 5 % (7 or 8
sentences of each, spoken by jm_kumo)."""

_AFFRICATES: Final = (("tʃ", "ʧ"), ("dʒ", "ʤ"), ("ts", "ʦ"), ("dz", "ʣ"))
_DIPHTHONGS: Final = (("aɪ", "I"), ("aʊ", "W"), ("eɪ", "A"), ("oʊ", "O"), ("əʊ", "Q"), ("ɔɪ", "Y"))
_OF_LANGUAGE: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "de": (*_AFFRICATES, *_DIPHTHONGS, ("ɔø", "Y"), ("ɜ", "ɐ"), ("r", "ʁ"), ("ɾ", "ʁ")),
    "en": (
        *_AFFRICATES, *_DIPHTHONGS, ("ɚ", "əɹ"), ("ɜː", "ɜɹ"), ("ɜɹɹ", "ɜɹ"), ("ɪə", "iə"), ("oː", "ɔː"), ("ɐ", "ə"),
        ("ɾ", "T"), ("r", "ɹ"), ("ː", ""),
    ),
    "es": (*_AFFRICATES, ("r", "ɾ")),
    # Heard by whisper-base, four sentences: 36 % of the words wrong with ɹ, 48 % with the ʁ of espeak-ng.
    "fr": (("ʁ", "ɹ"), ("r", "ɹ")),
    "it": (*_AFFRICATES, ("ɪ", "i"), ("ʊ", "u"), ("r", "ɾ")),
    "pt": (*_AFFRICATES, *_DIPHTHONGS, ("y", "i"), ("æ", "ɐ"), ("r", "ɾ")),
}  # fmt: skip
# What espeak-ng writes between the parts of a word, and a g that is not IPA's.
_EVERYWHERE: Final = (("-", ""), ("g", "ɡ"))


def to_letters(ipa: str, language: str) -> str:
    """Kokoro's letters for the phonemes of one clause.

    Args:
        ipa: As ``EspeakNG.phonemize`` gives it.
        language: A key of PROGRAM_VOICES.
    """
    for old, new in (*_EVERYWHERE, *_OF_LANGUAGE[language]):
        ipa = ipa.replace(old, new)
    return ipa
