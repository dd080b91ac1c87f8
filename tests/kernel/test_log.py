"""What is logged: no address, no token, one line (attack case 42)."""

from __future__ import annotations

import json
import logging

from app.kernel.log import JsonFormatter, LineFormatter, clean


def test_addresses_and_tokens_are_masked():
    said = clean("GET /c/AbCdEfGhIjKlMnOpQrStUvWxYz0123 for mara.lindqvist@example.org")
    assert "mara" not in said
    assert "AbCdEf" not in said


def test_control_characters_are_spelled_out():
    said = clean("agent\r\nERROR forged \x1b[31m red\u2028next")
    assert "\n" not in said
    assert "\x1b" not in said
    assert "\u2028" not in said


def test_a_record_is_one_line_whatever_is_in_it():
    record = logging.LogRecord("nod", logging.INFO, "", 0, "agent %s", ("a\nb",), None)
    assert len(LineFormatter().format(record).splitlines()) == 1
    assert json.loads(JsonFormatter().format(record))["message"] == "agent a\\x0ab"
