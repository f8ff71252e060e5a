"""From Japanese text to Kokoro's letters: readings by Open JTalk's rules, then kana by kana.

Must not know graphs or voices. The readings come from haqumei, Open JTalk rewritten in Rust with its dictionary inside:
of the packages that give them it is the one that brings no second dictionary (pyopenjtalk-plus needs 75 MB more).
"""

import unicodedata
from typing import Any, Final

from smartlite.errors import ConfigurationError, EngineFailed

_ROWS: Final = """
ア a イ i ウ ɯ エ e オ o ァ a ィ i ゥ ɯ ェ e ォ o イェ je ウィ βi ウェ βe ウォ βo
カ ka キ kʲi ク kɯ ケ ke コ ko キャ kʲa キュ kʲɨ キョ kʲo キェ kʲe クァ kᵝa クィ kᵝi クェ kᵝe クォ kᵝo クヮ kᵝa
ガ ɡa ギ ɡʲi グ ɡɯ ゲ ɡe ゴ ɡo ギャ ɡʲa ギュ ɡʲɨ ギョ ɡʲo グァ ɡᵝa グヮ ɡᵝa
サ sa シ ɕi ス sɨ セ se ソ so シャ ɕa シュ ɕɨ ショ ɕo シェ ɕe スィ sʲi
ザ ʣa ジ ʥi ズ zɨ ゼ ʣe ゾ ʣo ジャ ʥa ジュ ʥɨ ジョ ʥo ジェ ʥe ズィ zʲi
タ ta チ ʨi ツ ʦɨ テ te ト to チャ ʨa チュ ʨɨ チョ ʨo チェ ʨe ツァ ʦa ツィ ʦʲi ツェ ʦe ツォ ʦo ティ tʲi テュ tʲɨ トゥ tɯ
ダ da ヂ ʥi ヅ zɨ デ de ド do ヂャ ʥa ヂュ ʥɨ ヂョ ʥo ディ dʲi デュ dʲɨ ドゥ dɯ
ナ na ニ ɲi ヌ nɯ ネ ne ノ no ニャ ɲa ニュ ɲɨ ニョ ɲo ニェ ɲe
ハ ha ヒ çi フ ɸɯ ヘ he ホ ho ヒャ ça ヒュ çɨ ヒョ ço ヒェ çe ファ ɸa フィ ɸʲi フェ ɸe フォ ɸo フュ ɸʲɨ
バ ba ビ bʲi ブ bɯ ベ be ボ bo ビャ bʲa ビュ bʲɨ ビョ bʲo
パ pa ピ pʲi プ pɯ ペ pe ポ po ピャ pʲa ピュ pʲɨ ピョ pʲo
マ ma ミ mʲi ム mɯ メ me モ mo ミャ mʲa ミュ mʲɨ ミョ mʲo
ヤ ja ユ jɯ ヨ jo ャ ja ュ jɯ ョ jo
ラ ɾa リ ɾʲi ル ɾɯ レ ɾe ロ ɾo リャ ɾʲa リュ ɾʲɨ リョ ɾʲo
ワ βa ヮ βa ヰ i ヱ e ヲ o ヴ vɯ ヴァ va ヴィ vʲi ヴェ ve ヴォ vo ヴュ vʲɨ ヵ ka ヶ ke
"""
_LETTERS: Final[dict[str, str]] = dict(zip(*[iter(_ROWS.split())] * 2, strict=True))
"""Mora to letters, as in the model's Japanese training (misaki's table of Hepburn with IPA)."""
_MARKS: Final[dict[str, str]] = {
    "。": ".", "、": ",", "？": "?", "！": "!", "．": ".", "，": ",", "：": ":", "；": ";", "…": "…", "・": "",
}  # fmt: skip
_ENDS: Final = frozenset(mark for mark in _MARKS.values() if mark)
_NASALS: Final = (("mpb", "m"), ("kɡ", "ŋ"), ("ɲʨʥ", "ɲ"), ("ntdɾzʣʦ", "n"))
"""How ン sounds before each consonant; elsewhere it is ɴ."""
_SYMBOL: Final = "記号"


class JapaneseReader:
    """Reads Japanese; for one thread at a time."""

    def __init__(self) -> None:
        """Load the dictionary, 0.4 s and 120 MB.

        Raises:
            ConfigurationError: haqumei is not installed.
        """
        try:
            from haqumei import Haqumei
        except ImportError as error:
            raise ConfigurationError(
                "haqumei is not installed; Japanese speech needs it: pip install 'smartlite[cpu]'"
            ) from error
        self._haqumei: Any = Haqumei()

    def letters(self, sentence: str) -> str:
        """Kokoro's letters for a sentence: accent phrases parted by spaces, marks kept. Blocks, less than 1 ms.

        Raises:
            EngineFailed: 500, the library failed.
        """
        try:
            words = self._haqumei.run_frontend(unicodedata.normalize("NFKC", sentence))
        except (ValueError, RuntimeError) as error:
            raise EngineFailed(f"The sentence could not be read as Japanese: {str(error)[:200]}") from error
        # Whole phrases go to letters at once: ン sounds as the mora after it asks, across words too.
        phrases: list[str] = []
        for word in words:
            goes_on = phrases and phrases[-1][-1] not in _ENDS
            if word.pos == _SYMBOL:
                if goes_on:
                    phrases[-1] += _MARKS.get(word.string, _MARKS.get(word.pron, ""))
            elif word.chain_flag == 1 and goes_on:
                phrases[-1] += word.pron
            elif word.pron:
                phrases.append(word.pron)
        return " ".join(letters for phrase in phrases if (letters := kana_to_letters(phrase)))


def kana_to_letters(kana: str) -> str:
    """Kokoro's letters for katakana as they are pronounced; marks stay, all else is left out."""
    out: list[str] = []
    at = 0
    while at < len(kana):
        mora = kana[at : at + 2] if kana[at : at + 2] in _LETTERS else kana[at]
        at += len(mora)
        if mora == "ー":
            out.append("ː")
        elif mora == "ッ":
            out.append("ʔ")
        elif mora == "ン":
            out.append(_nasal(kana[at:]))
        else:
            out.append(_LETTERS.get(mora, mora if mora in _ENDS else ""))
    return "".join(out)


def _nasal(following: str) -> str:
    next_sound = _LETTERS.get(following[:2]) or _LETTERS.get(following[:1], "")
    for before, sound in _NASALS:
        if next_sound and next_sound[0] in before:
            return sound
    return "ɴ"
