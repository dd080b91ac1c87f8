"""Pure decisions about where signed days go."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from app.contacts.addresses import AddressError, normalise
from app.kernel.errors import BadInput

DAYS_FORMAT: Final = "nod.days/1"
PAUSES: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720))
"""Between attempts that fail; the last one from then on, for as long as the place is there."""
DAYS_AT_ONCE: Final = 400
MAIL_PATIENCE: Final = timedelta(hours=24)
"""A mail with signed days that has not been accepted by then is written anew."""
_SEGMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class TargetKind(StrEnum):
    """What keeps signed days."""

    FOLDER = "folder"
    MAIL = "mail"
    WEBHOOK = "webhook"


def address_of(kind: TargetKind, typed: str) -> str:
    """A place as it is stored.

    A folder is a name below the installation's folder for exports: no page may write elsewhere on the machine.

    Raises:
        BadInput: it does not fit, in the field ``address``.
    """
    typed = typed.strip()
    if kind is TargetKind.FOLDER:
        if not _SEGMENT.fullmatch(typed):
            raise _refused("Write one word: letters, digits, dots, hyphens, underscores.")
        return typed
    if kind is TargetKind.MAIL:
        try:
            return normalise(typed).address
        except AddressError as fault:
            raise _refused(fault.reason) from None
    return _web_address(typed)


def pause_after(faults: int) -> timedelta:
    """How long to wait after so many faults in a row (1 or more)."""
    return PAUSES[min(faults, len(PAUSES)) - 1]


def days_document(workspace_id: UUID, brand: str, days: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is handed over: signed days of one workspace, oldest first."""
    return {"format": DAYS_FORMAT, "workspace": str(workspace_id), "brand": brand, "days": list(days)}


def text_of(document: Mapping[str, Any]) -> str:
    """A document as text, one line a day within it."""
    lines = ",\n".join(json.dumps(day, ensure_ascii=False) for day in document["days"])
    rest = {name: value for name, value in document.items() if name != "days"}
    return json.dumps(rest, ensure_ascii=False)[:-1] + f', "days": [\n{lines}\n]}}\n'


def _web_address(typed: str) -> str:
    try:
        parts = urlsplit(typed)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme != "https" or "@" in parts.netloc or parts.fragment or not typed.isascii():
        raise _refused("Write a whole address that begins with https://, without a password in it.")
    return typed


def _refused(message: str) -> BadInput:
    return BadInput("This place does not fit.", fields={"address": message})
