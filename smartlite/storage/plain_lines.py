"""Lines of a journal for requests of somebody that are alike: to one route, answered well, and nothing used.

``ledger.encode`` writes any record; most of such a line is the same each time. Must not know who writes it.
"""

from typing import Final

import orjson

from smartlite.domain.metering import RequestRecord
from smartlite.storage.ledger import encode

_VARYING: Final = frozenset({"id", "at", "request_id", "duration_ms", "response_bytes"})


class PlainLine:
    """Makes lines.

    Args:
        alike: Such a record: what varies in it does not count.
    """

    def __init__(self, alike: RequestRecord) -> None:
        fixed = orjson.loads(encode(alike))
        self._rest = orjson.dumps({name: value for name, value in fixed.items() if name not in _VARYING})[1:]

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
