"""JSON logs on standard error, each line with the request id it belongs to. Must not know what is logged."""

import json
import logging
import time
from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("smartlite_request_id", default=None)
"""The id of the request that this task works on."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JSONFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, and what ``extra=`` holds."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            line["request_id"] = current
        line.update((key, value) for key, value in vars(record).items() if key not in _STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(level: str) -> None:
    """Send the loggers of ``smartlite``, ``deployments`` and ``graphs`` to standard error as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JSONFormatter())
    for name in ("smartlite", "deployments", "graphs"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
