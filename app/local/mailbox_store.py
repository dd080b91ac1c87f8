"""The development mailbox on disk: each mail as it came over the wire, and a small card about it."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

KEPT_MAILS = 2_000
PRUNE_EVERY = 50
_ID = re.compile(r"[0-9]{8}T[0-9]{12}Z-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Card:
    """What the list shows of a mail. `from_` and `to` are the envelope's, the rest its headers'."""

    id: str
    received_at: str
    from_: str
    to: tuple[str, ...]
    subject: str
    message_id: str
    size: int

    @property
    def received(self) -> datetime:
        """When it came, by this machine's clock (UTC)."""
        return datetime.fromisoformat(self.received_at)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail taken apart for reading; text and html are empty where it has none."""

    card: Card
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    raw: bytes


class Mailbox:
    """A folder of mails, the newest 2,000 of them.

    Args:
        folder: made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def keep(self, from_: str, to: list[str], raw: bytes) -> str:
        """Store a mail; when this returns, a reader finds it. Returns its id, which grows with time."""
        now = datetime.now(UTC)  # noqa: TID251 - a mail server of its own, without a database
        mail_id = f"{now:%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(4)}"
        message = message_from_bytes(raw)
        card = Card(
            mail_id, now.isoformat(), from_, tuple(to), _header(message, "Subject"),
            _header(message, "Message-ID"), len(raw),
        )  # fmt: skip
        self._write(f"{mail_id}.eml", raw)
        self._write(f"{mail_id}.json", json.dumps(asdict(card)).encode())
        if secrets.randbelow(PRUNE_EVERY) == 0:
            self.prune()
        return mail_id

    def list_cards(self, *, to: str = "", limit: int = 100, before: str = "") -> list[Card]:
        """The newest mails first.

        Args:
            to: only those to this recipient, or to one that holds this text; any case.
            limit: at most so many.
            before: only those older than the mail of this id.
        """
        wanted = to.strip().casefold()
        found: list[Card] = []
        for mail_id in reversed(self._ids()):
            if before and mail_id >= before:
                continue
            card = self._card(mail_id)
            if card and (not wanted or any(wanted in address.casefold() for address in card.to)):
                found.append(card)
                if len(found) == limit:
                    break
        return found

    def get(self, mail_id: str) -> Mail | None:
        """One mail, None when there is none of this id."""
        card = self._card(mail_id) if _ID.fullmatch(mail_id) else None
        if card is None:
            return None
        try:
            raw = (self.folder / f"{mail_id}.eml").read_bytes()
        except FileNotFoundError:
            return None
        message = message_from_bytes(raw)
        headers = tuple((name, " ".join(_decoded(value).split())) for name, value in message.raw_items())
        return Mail(card, headers, _part(message, "plain"), _part(message, "html"), raw)

    def prune(self) -> None:
        """Forget all but the newest 2,000."""
        for mail_id in self._ids()[:-KEPT_MAILS]:
            (self.folder / f"{mail_id}.json").unlink(missing_ok=True)
            (self.folder / f"{mail_id}.eml").unlink(missing_ok=True)

    def _ids(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def _card(self, mail_id: str) -> Card | None:
        try:
            values = json.loads((self.folder / f"{mail_id}.json").read_text())
            return Card(**values | {"to": tuple(values["to"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def _write(self, name: str, content: bytes) -> None:
        unfinished = self.folder / f".{name}.new"
        unfinished.write_bytes(content)
        unfinished.replace(self.folder / name)


def _header(message: Message, name: str) -> str:
    values = (value for found, value in message.raw_items() if found.lower() == name.lower())
    return " ".join(_decoded(next(values, "")).split())


def _decoded(value: str) -> str:
    """A header's text; as it is where it is damaged.

    The library's newer header objects understand more and fail on more; what is shown here may be anything.
    """
    text = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError, HeaderParseError):
        return text


def _part(message: Message, subtype: str) -> str:
    """Text of the first part `text/<subtype>` that is no attachment, empty when there is none."""
    for part in message.walk():
        if part.get_content_type() == f"text/{subtype}" and not part.get_filename():
            content = part.get_payload(decode=True)
            content = content if isinstance(content, bytes) else b""
            try:
                text = content.decode(part.get_content_charset("utf-8"), "replace")
            except LookupError:  # an unknown charset
                text = content.decode("utf-8", "replace")
            return text.replace("\r\n", "\n")
    return ""
