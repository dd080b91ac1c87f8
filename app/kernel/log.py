"""Logging: one line a record, no token, no address, no control character."""

from __future__ import annotations

import json
import logging
import re
import sys

_ADDRESS = re.compile(r"[^\s<>\"'=]{1,64}@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+")
_TOKEN = re.compile(r"(/(?:c|d|u|p|my|w|r|o|e)/)[A-Za-z0-9_-]{16,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def clean(message: str) -> str:
    """The message with addresses and link tokens masked and control characters spelled out."""
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
        lines = self.formatException(record.exc_info).splitlines()
        return "\n" + "\n".join("    " + clean(line) for line in lines)


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
            entry["trace"] = _ADDRESS.sub("(address)", self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


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
