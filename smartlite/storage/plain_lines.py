"""Lines of a journal for requests of somebody that are alike: to one route, and answered with one status.

``ledger.encode`` writes any record; most of such a line is the same each time. Must not know who writes it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from smartlite.domain.metering import MeteredUsage, RequestRecord
from smartlite.storage.ledger import encode

_VARYING: Final = frozenset({"id", "at", "request_id", "duration_ms", "response_bytes"})
_USED: Final = frozenset({"stages_ms", "request_bytes", "usage"})


class PlainLine:
    """Makes lines of requests that used nothing.

    Args:
        alike: Such a record: what varies in it does not count.
    """

    def __init__(self, alike: RequestRecord) -> None:
        self._rest = _without(alike, _VARYING)

    def line(self, record_id: str, at_s: float, request_id: str, duration_ms: int, response_bytes: int) -> bytes:
        """As ``encode`` of the whole record.

        Args:
            record_id: Its id.
            at_s: When the request arrived, in seconds since 1970.
            request_id: Of letters, digits, ``.``, ``_`` and ``-`` only.
            duration_ms: How long it took.
            response_bytes: The size of its answer.
        """
        return b'{"id":"%s","at":%.6f,"request_id":"%s","duration_ms":%d,"response_bytes":%d,%s' % (
            record_id.encode(),
            at_s,
            request_id.encode(),
            duration_ms,
            response_bytes,
            self._rest,
        )


class UsedLine:
    """Makes lines of requests that used something.

    Args:
        alike: Such a record: what varies in it does not count.
    """

    def __init__(self, alike: RequestRecord) -> None:
        self._rest = _without(alike, _VARYING | _USED)

    def line(
        self,
        record_id: str,
        at_s: float,
        request_id: str,
        duration_ms: int,
        response_bytes: int,
        request_bytes: int,
        stages_ms: Mapping[str, int],
        usage: Sequence[MeteredUsage],
    ) -> bytes:
        """As ``encode`` of the whole record; see ``PlainLine.line`` and ``RequestRecord``."""
        used = [
            (
                each.model,
                each.prompt_tokens,
                each.completion_tokens,
                each.audio_input_ms,
                each.audio_output_ms,
                each.characters,
                each.cost_micros,
            )
            for each in usage
        ]
        return (
            b'{"id":"%s","at":%.6f,"request_id":"%s","duration_ms":%d,"response_bytes":%d,"request_bytes":%d,%s,%s'
            % (
                record_id.encode(),
                at_s,
                request_id.encode(),
                duration_ms,
                response_bytes,
                request_bytes,
                orjson.dumps({"stages_ms": stages_ms, "usage": used})[1:-1],
                self._rest,
            )
        )


def _without(alike: RequestRecord, varying: frozenset[str]) -> bytes:
    """What does not vary, as the end of an object."""
    fixed = orjson.loads(encode(alike))
    return orjson.dumps({name: value for name, value in fixed.items() if name not in varying})[1:]
