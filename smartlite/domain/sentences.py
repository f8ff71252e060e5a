"""Where text is cut so that it can be spoken piece by piece: rules of writing, incremental, linear and bounded.

Must not know voices, models or who speaks. The rules are for prose as language models write it; where a full stop is
in doubt the text stays together, since a pause in the middle of a sentence is heard and a long sentence is not.
"""

import re
from typing import Final

from smartlite.domain.abbreviations import BEFORE_NUMBER, MAY_END, NEVER_END, STARTERS

_CJK_STOPS: Final = "。！？｡"
_SPACED_STOPS: Final = ".!?…؟۔।॥"
_CLOSERS: Final = "\"'”’»)\\]}」』）】》*_"
_OPENERS: Final = "([{\"'“‘«*_"
_MARK: Final = re.compile(f"(?P<stop>[{_SPACED_STOPS}{_CJK_STOPS}]{{1,16}})(?P<close>[{_CLOSERS}]{{0,8}})|\n")
_CJK_CLAUSES: Final = "，、；："
_CLAUSE: Final = re.compile(f"(?P<clause>[,;:—–\\-{_CJK_CLAUSES}])(?P<close>[{_CLOSERS}]{{0,8}})")
_MARK_OR_CLAUSE: Final = re.compile(f"{_MARK.pattern}|{_CLAUSE.pattern.replace('close', 'clause_close')}")
_CLAUSE_END: Final = re.compile(f"[,;:][{_CLOSERS}]{{0,8}}\\s|[—{_CJK_CLAUSES}]|\\s[-–]\\s")
_SPACE: Final = re.compile(r"\s")
_NOT_SPACE: Final = re.compile(r"\S")
_LIST_LABEL: Final = re.compile(r"\W*(\d{1,3}|[^\W\d_])")
_DOTTED: Final = re.compile(r"([^\W\d_]\.)+[^\W\d_]{1,2}")
_WORD: Final = re.compile(r"[^\W\d_]+")

_LONGEST_MARK: Final = 16 + 8
_LOOKAHEAD: Final = 16
"""Characters after a mark that may decide about it: white space, a quote, the longest word of STARTERS and one more."""
_LOOKBEHIND: Final = 24
"""Characters before a full stop that may be an abbreviation."""


class SentenceSplitter:
    """Cuts text that arrives in pieces of any size into sentences, each as soon as its end is certain.

    How the text was cut before it came makes no difference to the sentences. At most ``max_chars`` and a few more
    characters are held back, and the work is proportional to the length of the text.
    """

    def __init__(self, *, max_chars: int = 400, first_clause_chars: int = 0) -> None:
        """Make a splitter for one text.

        Args:
            max_chars: Longest piece, in characters; a longer sentence is cut after a clause, else at white space, else
                anywhere.
            first_clause_chars: The first piece of the text may end at a comma, semicolon, colon or dash if it has at
                least so many characters, so that speech starts earlier; 0 cuts it like all others.

        Raises:
            ValueError: ``max_chars`` is below 1 or ``first_clause_chars`` below 0.
        """
        if max_chars < 1 or first_clause_chars < 0:
            msg = f"max_chars={max_chars} must be at least 1, first_clause_chars={first_clause_chars} at least 0"
            raise ValueError(msg)
        self._max_chars = max_chars
        self._first_clause_chars = first_clause_chars
        self._text = ""
        self._start = 0  # of the piece that is being looked for
        self._next = 0  # first character not yet judged
        self._first = True

    def feed(self, text: str) -> list[str]:
        """Take more text; return the pieces that are now complete, without white space at their ends."""
        self._text += text
        pieces = self._cut_all(final=False)
        self._text = self._text[self._start :]
        self._next -= self._start
        self._start = 0
        return pieces

    def flush(self) -> list[str]:
        """End the text: return what is left. The splitter is then ready for another text."""
        pieces = self._cut_all(final=True)
        if rest := self._text[self._start :].strip():
            pieces.append(rest)
        self._text, self._start, self._next, self._first = "", 0, 0, True
        return pieces

    def _cut_all(self, *, final: bool) -> list[str]:
        pieces = []
        while (end := self._find_end(final=final)) is not None:
            if piece := self._text[self._start : end].strip():
                pieces.append(piece)
                self._first = False
            self._start = self._next = end
        return pieces

    def _find_end(self, *, final: bool) -> int | None:
        """Find the end of the piece that begins at ``_start``; None if more text is needed."""
        text = self._text
        begin = _NOT_SPACE.search(text, self._start)
        self._start = begin.start() if begin else len(text)
        self._next = max(self._next, self._start)
        limit = self._start + self._max_chars
        pattern = _MARK_OR_CLAUSE if self._first and self._first_clause_chars else _MARK
        # No farther than the piece: a search through the whole rest for every piece would be quadratic.
        for mark in pattern.finditer(text, self._next, limit + _LONGEST_MARK):
            if mark.end() > limit:
                break
            verdict = self._judge(mark, final=final)
            if verdict is None:
                self._next = mark.start()
                return None
            if verdict:
                return mark.end()
            self._next = mark.end()
        if len(text) > limit:
            return self._cut_long(limit)
        self._next = len(text)
        return None

    def _judge(self, mark: re.Match[str], *, final: bool) -> bool | None:
        """Tell whether a piece ends with this mark; None if that depends on text which has not come yet."""
        tail = mark.string[mark.end() : mark.end() + _LOOKAHEAD]
        if not tail:
            return False if final else None  # what is left at the end is a piece anyway
        complete = final or len(tail) == _LOOKAHEAD
        kind = mark.lastgroup
        if kind is None:
            return _judge_newline(tail, complete=complete)
        if kind.startswith("clause"):
            return self._is_clause(mark, tail)
        return self._judge_stop(mark, tail, complete=complete)

    def _judge_stop(self, mark: re.Match[str], tail: str, *, complete: bool) -> bool | None:
        stop, close = mark["stop"], mark["close"]
        if stop[-1] in _CJK_STOPS:
            return tail[0] not in _CJK_STOPS + _CLOSERS
        if not tail[0].isspace():
            return _is_cjk(tail[0])
        following = tail.lstrip()
        if stop != "." or close:
            sure = not close and stop[-1] not in ".…"
            return True if sure else _judge_lower_case(following, complete=complete)
        if mark.start() - self._start <= _LOOKBEHIND and _LIST_LABEL.fullmatch(mark.string, self._start, mark.start()):
            return False
        before = mark.string[max(self._start, mark.start() - _LOOKBEHIND) : mark.start()].rsplit(maxsplit=1)
        word = before[-1].lstrip(_OPENERS).casefold() if before else ""
        return _judge_full_stop(word, following, complete=complete)

    def _is_clause(self, mark: re.Match[str], tail: str) -> bool:
        clause = mark["clause"]
        if mark.end() - self._start < self._first_clause_chars:
            return False
        if clause in _CJK_CLAUSES or clause == "—":
            return True
        if clause in "-–":  # a hyphen or the dash of a range joins words, one with space around it parts them
            return tail[0].isspace() and mark.string[mark.start() - 1].isspace()
        return tail[0].isspace()

    def _cut_long(self, limit: int) -> int:
        """Cut a sentence that is longer than allowed, as late as possible."""
        earliest = self._start + self._max_chars // 3  # not a shred for the sake of a comma
        for pattern in (_CLAUSE_END, _SPACE):
            ends = [match.end() for match in pattern.finditer(self._text, earliest, limit)]
            if ends:
                return ends[-1]
        return limit


def split_sentences(text: str, *, max_chars: int = 400) -> list[str]:
    """Cut a whole text into sentences of at most ``max_chars`` characters, without white space at their ends.

    Joined they hold every character of the text but white space; a sentence may hold nothing that can be spoken.
    """
    splitter = SentenceSplitter(max_chars=max_chars)
    return [*splitter.feed(text), *splitter.flush()]


def _judge_newline(tail: str, *, complete: bool) -> bool | None:
    """A line break ends a piece, unless the next line goes on in lower case: then the text was only wrapped."""
    following = tail.lstrip(" \t\r")
    if not following:
        return True if complete else None
    return not following[0].islower()


def _judge_lower_case(following: str, *, complete: bool) -> bool | None:
    """After dots or a closing quote, text that goes on in lower case is the same sentence: "Really?" he asked."""
    if not following and not complete:
        return None
    return not following[:1].islower()


def _judge_full_stop(word: str, following: str, *, complete: bool) -> bool | None:
    """Judge the full stop after ``word`` (case folded), with white space and then ``following`` behind it."""
    is_initial = len(word) == 1 and word.isalpha() and not _is_cjk(word)
    if is_initial or word in NEVER_END:
        return False
    if word in BEFORE_NUMBER:
        return not following[:1].isdecimal() if following or complete else None
    if word in MAY_END or _DOTTED.fullmatch(word):
        opening = _WORD.match(following.lstrip(_OPENERS))
        if not complete and (opening is None or opening.end() == len(opening.string)):
            return None
        return opening is not None and opening[0] in STARTERS
    return True


def _is_cjk(character: str) -> bool:
    """Chinese, Japanese and Korean writing puts no space between sentences."""
    return "\u2e80" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7af" or "\uff00" <= character <= "\uffef"
