"""Case 41: no text is slow to read: a mebibyte of address, of a mail server's words or of a log line takes a moment."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import suppress

import pytest

from app.contacts.addresses import AddressError, normalise
from app.contacts.rules import FieldKind, read_field
from app.delivery.transports.base import Verb
from app.delivery.transports.replies import TEXT_CHARACTERS, result_of, sent
from app.imports import rules as imports
from app.kernel.log import JsonFormatter, LineFormatter, clean
from app.preferences import inbound
from app.tracking.rules import hits, programs

MEBIBYTE = 1024 * 1024
SECONDS = 0.1
_ONE_AFTER_THE_OTHER = (
    "a", "@", "a@", ".", "a.", "-", "0", " ", "\t", "<", "=?a?b?", "5.1.", "ü", "e\u0301", "(", '"', "gra", "block ", "too ",
    "/c/", "http://",
)  # fmt: skip
TEXTS = [
    *((mark * MEBIBYTE)[:MEBIBYTE] for mark in _ONE_AFTER_THE_OTHER),
    "a@" + "." * MEBIBYTE, "@" * 64 + "." * MEBIBYTE, "a@" + "a." * (MEBIBYTE // 2), "<" + "a" * MEBIBYTE, "a" * MEBIBYTE + "!",
]  # fmt: skip


def seconds(read, text):
    """Of this thread's own work, the quickest of three."""
    took = []
    for _ in range(3):
        began = time.thread_time()
        read(text)
        took.append(time.thread_time() - began)
        if took[-1] <= SECONDS:
            break
    return min(took)


def quick(read):
    for text in TEXTS:
        assert seconds(read, text) <= SECONDS, text[:70]


def refused(text):
    with pytest.raises(AddressError):
        normalise(text)


def test_case_41_addresses():
    quick(refused)
    quick(lambda text: refused(f"Mara <{text}>"))


@pytest.mark.parametrize("verb", [Verb.RCPT, Verb.DOT])
def test_case_41_what_a_mail_server_says(verb):
    for code in (450, 550):
        quick(lambda text, code=code: result_of(code, text, verb))
    quick(lambda text: sent(250, text))
    said = result_of(550, "5.1.1 no such user" + "." * MEBIBYTE, Verb.RCPT)
    assert (said.enhanced, len(said.text)) == ("5.1.1", TEXT_CHARACTERS)


def test_case_41_log_lines():
    quick(clean)
    quick(lambda text: clean(f"/{text}"))
    assert clean("x" * MEBIBYTE).endswith("… (1,048,576 characters)")


def test_case_41_and_42_traces_are_as_clean_as_messages():
    try:
        raise ValueError("mara@example.org /c/AbCdEfGhIjKlMnOpQrStUvWxYz \x1b[31m" + "a@" * MEBIBYTE)
    except ValueError:
        record = logging.LogRecord("nod", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    for formatter in (JsonFormatter(), LineFormatter()):
        line = formatter.format(record)
        assert len(line) < 10_000
        assert "mara" not in line
        assert "AbCdEf" not in line
        assert "\x1b" not in line
        assert "\\u001b" not in line


def test_case_41_mails_that_come_in():
    def read(text):
        line = text.encode().replace(b"\n", b" ")
        mail = b"From: %b\r\nSubject: %b\r\nIn-Reply-To: %b\r\n\r\nstop" % (line[:60_000], line[:60_000], line[:60_000])
        assert inbound.read(mail).says_stop

    quick(read)
    found = inbound.read(b"From: mara@example.org\r\nX: " + b"@" * 100_000 + b"\r\n\r\nstop")
    assert found.sender == "mara@example.org"


def test_case_41_programs_and_cells_of_files():
    quick(lambda text: programs.name(hits.clean_program(text)))
    quick(imports.iso_day)


@pytest.mark.parametrize("kind", list(FieldKind))
def test_case_41_own_fields(kind):
    def read(text):
        with suppress(ValueError):
            read_field(kind, text, ("one", "two"))

    quick(read)
