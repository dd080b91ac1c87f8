"""Logging: one line a record, no token, no address, no control character."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Final

MAX_CHARACTERS: Final = 5_000
"""Of one line; whoever makes a longer one wants to keep us busy."""
_ADDRESS = re.compile(r"[^\s<>\"'=]{1,64}@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+")
_TOKEN = re.compile(r"(/(?:c|d|u|p|my|w|r|o|e)/)[A-Za-z0-9_-]{16,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def clean(message: str) -> str:
    """The message with addresses and link tokens masked and control characters spelled out."""
    if len(message) > MAX_CHARACTERS:
        message = f"{message[:MAX_CHARACTERS]}… ({len(message):,} characters)"
    if "@" not in message and "/" not in message and message.isprintable():
        return message
    masked = _TOKEN.sub(r"\1…", _ADDRESS.sub("(address)", message))
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", masked)


class LineFormatter(logging.Formatter):
    """Readable lines for people at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the trace below it where there is one."""
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname.lower():7} {record.name}: {clean(record.getMessage())}"
        return line + self._trace(record)

    def _trace(self, record: logging.LogRecord) -> str:
        if not record.exc_info:
            return ""
        return "\n" + "\n".join(f"    {line}" for line in _trace(self, record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for collectors."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message and trace."""
        entry = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        if record.exc_info:
            entry["trace"] = "\n".join(_trace(self, record))
        return json.dumps(entry, ensure_ascii=False)


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    """Its lines, each as clean as a message."""
    assert record.exc_info
    return [clean(line) for line in formatter.formatException(record.exc_info).splitlines()]


def configure(level: str, *, as_json: bool) -> None:
    """Send everything to standard error, once."""
    root = logging.getLogger()
    if any(getattr(handler, "is_nod", False) for handler in root.handlers):
        root.setLevel(level)
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else LineFormatter())
    handler.is_nod = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(level)
    # Seven lines before each command, about what it is made of.
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
