"""Log lines as JSON, one each, on the standard output."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import orjson

from evenhand.text.printable import printable


def log(level: str, message: str, **facts: Any) -> None:
    """Write a line: time, level, message and facts."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "message": printable(message)}
    sys.stdout.buffer.write(orjson.dumps(line | facts, default=str) + b"\n")
    sys.stdout.buffer.flush()


def log_failure(message: str, error: BaseException, **facts: Any) -> None:
    """Write an error that nobody expected, with its traceback; who asked gets no word of it."""
    log("error", message, error=repr(error), traceback="".join(traceback.format_exception(error)), **facts)


class JsonHandler(logging.Handler):
    """Writes the records of libraries as such lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        facts = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            log_failure(record.getMessage(), record.exc_info[1], **facts)
        else:
            log(record.levelname.lower(), record.getMessage(), **facts)
