"""Subtitle files from captions: SubRip (srt) and WebVTT (W3C Candidate Recommendation, section 4).

Must not know requests or responses, nor how a transcript is cut into captions.
"""

from collections.abc import Iterable, Iterator

from smartlite.domain.captions import Caption


def to_srt(captions: Iterable[Caption]) -> str:
    """Write SubRip: numbered cues from 1, times with a comma; no caption gives the empty string.

    SubRip has no escapes, so an arrow inside a text is shortened as Whisper's own writer does.
    """
    cues = (
        f"{number}\n{_time(start_ms, ',')} --> {_time(end_ms, ',')}\n{text.replace('-->', '->')}\n\n"
        for number, (start_ms, end_ms, text) in enumerate(_cues(captions), start=1)
    )
    return "".join(cues)


def to_vtt(captions: Iterable[Caption]) -> str:
    """Write WebVTT: the signature, then cues; no caption gives the signature alone."""
    cues = (
        f"{_time(start_ms, '.')} --> {_time(end_ms, '.')}\n{_escape(text)}\n\n"
        for start_ms, end_ms, text in _cues(captions)
    )
    return "WEBVTT\n\n" + "".join(cues)


def _cues(captions: Iterable[Caption]) -> Iterator[tuple[int, int, str]]:
    """Start and end in milliseconds and the lines: a blank one would end a cue early."""
    for caption in captions:
        lines = [line for line in (" ".join(line.split()) for line in caption.lines) if line]
        if lines:
            start_ms = max(0, round(caption.start_s * 1000))
            yield start_ms, max(start_ms, round(caption.end_s * 1000)), "\n".join(lines)


def _time(milliseconds: int, separator: str) -> str:
    """``HH:MM:SS`` and milliseconds; hours take more than two digits from 100 on, as both formats allow."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{milliseconds:03d}"


def _escape(text: str) -> str:
    """Character references of WebVTT; an escaped ``>`` also keeps ``-->`` from being read as a timing line."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
