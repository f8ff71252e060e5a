"""From a sentence to what a Coqui model reads in one run: phoneme ids of its own alphabet, or clean text.

Must not know torch, voices or how speech is made.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from smartlite.domain.sentences import split_sentences
from smartlite.engines.clauses import clean_text, in_latin_script, is_speakable, split_clauses
from smartlite.engines.english import set_is_apart, spell_english
from smartlite.engines.phonemes import EspeakNG
from smartlite.engines.waveform import Samples

_COMBINING_CEDILLA: Final = "\u0327"


@dataclass(frozen=True, slots=True)
class Part:
    """What the model speaks in one run: a sentence, or as much of it as fits."""

    text: str
    ends_sentence: bool
    ids: tuple[int, ...] = ()
    """Empty where the model takes text."""
    said: str = ""
    """What such a model gets."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A part as speech, without silence around it."""

    samples: Samples
    tokens: int
    """Ids that the model read, or characters where it takes text."""


class Reader(Protocol):
    """Makes parts of a sentence."""

    async def read(self, sentence: str, language: str) -> list[Part]:
        """Parts in order; none where nothing in the sentence can be spoken."""
        ...

    def close(self) -> None:
        """Give back threads."""
        ...


class TextReader:
    """For models that take text."""

    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters

    async def read(self, sentence: str, language: str) -> list[Part]:
        primary = language.partition("-")[0].lower()
        cleaned = clean_text(sentence, latin_only=in_latin_script(primary))
        if not is_speakable(cleaned):
            return []
        said = spell_english(cleaned) if primary == "en" else cleaned
        pieces = [piece for piece in split_sentences(said, max_chars=self._max_characters) if is_speakable(piece)]
        last = len(pieces) - 1
        return [Part(sentence if last == 0 else piece, index == last, said=piece) for index, piece in enumerate(pieces)]

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The phonemes that a model knows, and what stands between, before and after them."""

    ids: Mapping[str, int]
    blank: int | None
    """Between all phonemes and around them, where the model was trained so."""
    start: int | None
    end: int | None

    def encode(self, phonemes: str) -> list[int]:
        """Ids of phonemes; one that the model does not know is left out.

        Phonemes come decomposed. A model whose alphabet has no combining marks for them knows them composed.
        """
        form: Literal["NFC", "NFD"] = "NFD" if _COMBINING_CEDILLA in self.ids else "NFC"
        return [self.ids[each] for each in unicodedata.normalize(form, phonemes) if each in self.ids]

    def frame(self, ids: Iterable[int]) -> tuple[int, ...]:
        """What the model reads: start, blanks, end where it wants them."""
        framed = list(ids)
        if self.blank is not None:
            framed = [self.blank, *(each for one in framed for each in (one, self.blank))]
        return (
            *(() if self.start is None else (self.start,)),
            *framed,
            *(() if self.end is None else (self.end,)),
        )


class PhonemeReader:
    """For models that take espeak-ng's phonemes of one language."""

    def __init__(self, espeak: EspeakNG, espeak_voice: str, alphabet: Alphabet, max_phonemes: int) -> None:
        self._espeak = espeak
        self._language = espeak_voice.partition("-")[0].lower()
        self._alphabet = alphabet
        self._max_phonemes = max_phonemes

    async def read(self, sentence: str, language: str) -> list[Part]:
        del language  # it has one
        cleaned = clean_text(sentence, latin_only=in_latin_script(self._language))
        if not is_speakable(cleaned):
            return []
        clauses = split_clauses(cleaned)
        english = self._language == "en"
        said = [spell_english(clause.text) if english else clause.text for clause in clauses]
        runs: list[tuple[list[str], list[int]]] = [([], [])]
        for clause, phonemes in zip(clauses, await self._espeak.phonemize(said), strict=True):
            if not phonemes:
                continue
            # Piper and Coqui both train on a space after a mark inside a sentence.
            new = self._alphabet.encode((set_is_apart(phonemes) if english else phonemes) + clause.mark + " ")
            for piece in self._split(new):
                if runs[-1][1] and len(runs[-1][1]) + len(piece) > self._max_phonemes:
                    runs.append(([], []))
                runs[-1][1].extend(piece)
            runs[-1][0].append(clause.text + clause.mark)
        runs = [(texts, ids) for texts, ids in runs if self._trimmed(ids)]
        last = len(runs) - 1
        return [
            Part(sentence if last == 0 else " ".join(texts), at == last, self._alphabet.frame(self._trimmed(ids)))
            for at, (texts, ids) in enumerate(runs)
        ]

    def close(self) -> None:
        self._espeak.close()

    def _trimmed(self, ids: list[int]) -> list[int]:
        space = self._alphabet.ids.get(" ")
        while ids and ids[-1] == space:
            ids = ids[:-1]
        return ids

    def _split(self, ids: list[int]) -> list[list[int]]:
        """Cut a clause that is too long, after a space where there is one."""
        space = self._alphabet.ids.get(" ")
        pieces: list[list[int]] = []
        while len(ids) > self._max_phonemes:
            half = self._max_phonemes // 2
            spaces = [at for at in range(half, self._max_phonemes) if ids[at] == space]
            cut = spaces[-1] + 1 if spaces else self._max_phonemes
            pieces.append(ids[:cut])
            ids = ids[cut:]
        return [*pieces, ids]
