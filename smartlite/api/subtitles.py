"""Subtitle files from segments: SubRip (srt) and WebVTT (W3C Candidate Recommendation, section 4).

Must not know requests or responses.
"""

from collections.abc import Iterable, Iterator

from smartlite.domain.asr import Segment


def to_srt(segments: Iterable[Segment]) -> str:
    """Write SubRip: numbered cues from 1, times with a comma; no segment gives the empty string.

    SubRip has no escapes, so an arrow inside a text is shortened as Whisper's own writer does.
    """
    cues = (
        f"{number}\n{_time(start_ms, ',')} --> {_time(end_ms, ',')}\n{text.replace('-->', '->')}\n\n"
        for number, (start_ms, end_ms, text) in enumerate(_cues(segments), start=1)
    )
    return "".join(cues)


def to_vtt(segments: Iterable[Segment]) -> str:
    """Write WebVTT: the signature, then cues; no segment gives the signature alone."""
    cues = (
        f"{_time(start_ms, '.')} --> {_time(end_ms, '.')}\n{_escape(text)}\n\n"
        for start_ms, end_ms, text in _cues(segments)
    )
    return "WEBVTT\n\n" + "".join(cues)


def _cues(segments: Iterable[Segment]) -> Iterator[tuple[int, int, str]]:
    """Start and end in milliseconds and the text on one line: a blank line would end a cue early."""
    for segment in segments:
        text = " ".join(segment.text.split())
        if text:
            start_ms = max(0, round(segment.start_s * 1000))
            yield start_ms, max(start_ms, round(segment.end_s * 1000)), text


def _time(milliseconds: int, separator: str) -> str:
    """``HH:MM:SS`` and milliseconds; hours take more than two digits from 100 on, as both formats allow."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{milliseconds:03d}"


def _escape(text: str) -> str:
    """Character references of WebVTT; an escaped ``>`` also keeps ``-->`` from being read as a timing line."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
