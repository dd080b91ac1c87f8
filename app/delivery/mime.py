"""The bytes of a mail: deterministic, so that a second attempt equals the first, and strict on the wire.

What holds for every mail (RFC 5321, 5322, 2045-2047): only CRLF ends a line, no line is longer than 998
octets, header lines are at most 76 where a fold is possible, body lines at most 76 by quoted-printable,
``multipart/alternative`` has the text first, and each of Date, From, To, Subject and Message-ID stands once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from app.delivery.headers import address_field, structured_field, text_field
from app.delivery.quoting import quoted
from app.kernel.errors import BadInput

OWN_FIELDS: Final = frozenset(
    {
        "bcc", "cc", "content-transfer-encoding", "content-type", "date", "dkim-signature", "from",
        "message-id", "mime-version", "received", "reply-to", "return-path", "sender", "subject", "to",
    }
)  # fmt: skip
"""Fields that `build` writes itself or that nobody may add."""

_MESSAGE_ID = re.compile(r"<[A-Za-z0-9.-]{1,120}@[a-z0-9.-]{1,253}>")
_NEWLINES = re.compile(r"\r\n?")


@dataclass(frozen=True, slots=True)
class MailParts:
    """What a mail is made of; all text as people read it, nothing encoded.

    Attributes:
        from_address: mailbox of the sender, as `Address.address`.
        from_name: its display name, or empty.
        to_address: mailbox of the one recipient.
        to_name: its display name, or empty.
        subject: one line.
        text: the text part; any newline.
        html: the HTML part; empty for a mail of text alone.
        date: aware; the same on every attempt.
        message_id: from `identity.message_id`.
        reply_to: mailbox for answers, or empty.
        headers: further (name, value) pairs in the order of the wire; ASCII, but for the label of List-Id.
    """

    from_address: str
    from_name: str
    to_address: str
    subject: str
    text: str
    html: str
    date: datetime
    message_id: str
    to_name: str = ""
    reply_to: str = ""
    headers: Sequence[tuple[str, str]] = ()


def build(parts: MailParts) -> bytes:
    """Write a mail.

    Raises:
        BadInput: for a header that cannot be written safely or text that is no Unicode;
            ``fields`` names the header in lower case, or ``text`` and ``html``.
    """
    return b"".join([*head(parts), *_body(parts)])


def list_unsubscribe(url: str, mailbox: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """The header pair of RFC 8058 for one link and one mailbox."""
    return (
        ("List-Unsubscribe", f"<{url}>, <mailto:{mailbox}?subject=unsubscribe>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )


def head(parts: MailParts) -> list[bytes]:
    """The header fields, one an entry: Date, From, To, Subject, Message-ID, then what else there is.

    Raises:
        BadInput: as ``build``.
    """
    if parts.date.tzinfo is None:
        raise ValueError("The date of a mail must know its zone.")
    if not _MESSAGE_ID.fullmatch(parts.message_id):
        raise BadInput("A mail needs its own Message-ID.", fields={"message-id": "Not one that we make."})
    lines = [
        structured_field("Date", format_datetime(parts.date)),
        address_field("From", parts.from_address, parts.from_name),
        address_field("To", parts.to_address, parts.to_name),
        text_field("Subject", parts.subject),
        structured_field("Message-ID", parts.message_id),
    ]
    if parts.reply_to:
        lines.append(address_field("Reply-To", parts.reply_to))
    return [*lines, *_further(parts.headers), b"MIME-Version: 1.0\r\n"]


def _further(headers: Sequence[tuple[str, str]]) -> list[bytes]:
    seen: set[str] = set()
    lines: list[bytes] = []
    for name, value in headers:
        if name.lower() in OWN_FIELDS or name.lower() in seen:
            reason = "This header is written by Nod itself or stands here twice."
            raise BadInput("A mail header cannot be written like this.", fields={name.lower(): reason})
        seen.add(name.lower())
        lines.append(structured_field(name, value))
    return lines


def _body(parts: MailParts) -> list[bytes]:
    if not parts.html:
        return [_part_head("plain"), _quoted("text", parts.text), b"\r\n"]
    boundary = boundary_of(parts.message_id)
    return [content_type(boundary), b"\r\n", *multipart(boundary, [_quoted("text", parts.text)], [_quoted("html", parts.html)])]


def boundary_of(message_id: str) -> bytes:
    """What separates the parts of a mail, the same for all mails of a domain.

    "=_" never occurs in quoted-printable, so no body can hold it (RFC 2045 6.7).
    """
    return b"=_" + hashlib.sha256(message_id.partition("@")[2].encode()).hexdigest()[:32].encode()


def content_type(boundary: bytes) -> bytes:
    """The header field of a mail with both parts."""
    return b'Content-Type: multipart/alternative;\r\n boundary="' + boundary + b'"\r\n'


def multipart(boundary: bytes, text: Sequence[bytes], html: Sequence[bytes]) -> list[bytes]:
    """The body of a mail with both parts, each given in quoted-printable pieces; the text first."""
    return [
        b"--" + boundary + b"\r\n" + _part_head("plain"),
        *text,
        b"\r\n--" + boundary + b"\r\n" + _part_head("html"),
        *html,
        b"\r\n--" + boundary + b"--\r\n",
    ]


def _part_head(kind: str) -> bytes:
    return (
        f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode()


def _quoted(field: str, text: str) -> bytes:
    """Quoted-printable lines of at most 76 octets, ended by CRLF; the newlines of `text` stay newlines."""
    try:
        octets = _NEWLINES.sub("\n", text).encode()
    except UnicodeEncodeError as error:
        reason = "This text holds a broken character. Type it again."
        raise BadInput("A mail cannot be written like this.", fields={field: reason}) from error
    return quoted(octets).replace(b"\n", b"\r\n")
