"""Reading a list of addresses that must not be written to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.consent.rules import Reason
from app.contacts.addresses import Address, AddressError, normalise

MAX_ROWS: Final = 10_000
REASONS: Final = {
    Reason.BOUNCE: "The address does not exist",
    Reason.COMPLAINT: "Complained",
    Reason.NEVER: "Never write",
    Reason.ERASED: "Erased",
}
"""As people read them."""
HEADS: Final = ("address", "hash", "channel", "reason", "since", "source")
"""The columns of what is exported; an import needs the first, or the second where no address is known any more."""
_ADDRESS_HEADS: Final = frozenset({"address", "email", "e-mail", "mail", "email address", "e-mail-adresse", "adresse"})
_FORMER: Final = {
    "unsubscribed": Reason.NEVER, "unsubscribe": Reason.NEVER, "blocklisted": Reason.NEVER, "blocked": Reason.NEVER,
    "spam": Reason.COMPLAINT, "complaint": Reason.COMPLAINT, "complained": Reason.COMPLAINT, "abuse": Reason.COMPLAINT,
    "bounce": Reason.BOUNCE, "bounced": Reason.BOUNCE, "hard bounce": Reason.BOUNCE, "never": Reason.NEVER,
    "erased": Reason.ERASED, "blacklisted": Reason.NEVER, "opted out": Reason.NEVER, "opt out": Reason.NEVER,
    "do not contact": Reason.NEVER, "abgemeldet": Reason.NEVER, "cleaned": Reason.BOUNCE,
}  # fmt: skip
"""What other programs call them."""


def former(word: str) -> Reason | None:
    """Why another program wrote to somebody no more, by the word it has for them; None: it is none of these words."""
    return _FORMER.get(" ".join(re.split(r"[\s_-]+", word.strip().lower())))


@dataclass(frozen=True, slots=True)
class Listed:
    """One line that can be entered: an address, or the hash of one (32 bytes)."""

    line: int
    reason: Reason
    address: Address | None = None
    hash: bytes = b""
    told_at: datetime | None = None
    """When it happened, as the list claims; kept with the event, whose own time is when we were told."""


@dataclass(frozen=True, slots=True)
class Unread:
    """One line that cannot, with the reason in words."""

    line: int
    fault: str


def read(rows: Sequence[tuple[int, Sequence[str]]], reason: Reason) -> tuple[list[Listed], list[Unread]]:
    """What stands in the rows of a file.

    Args:
        rows: line numbers with cells. A first row of names says which column is which; without one, the first
            column is the address and the second, if any, the reason.
        reason: for who comes without one, or with one that no program of ours knows.
    """
    columns = {"address": 0, "reason": 1}
    lines = list(rows)
    if lines and (named := _columns(lines[0][1])):
        columns, lines = named, lines[1:]
    found: list[Listed] = []
    unread: list[Unread] = []
    for line, cells in lines:
        row = {name: cells[place] if place < len(cells) else "" for name, place in columns.items()}
        try:
            found.append(_one(line, row, reason))
        except ValueError as fault:
            unread.append(Unread(line, str(fault)))
    return found, unread


def _columns(head: Sequence[str]) -> dict[str, int]:
    names = [cell.strip().lower() for cell in head]
    places = {name: names.index(name) for name in names if name in {"hash", "reason"}}
    address = next((place for place, name in enumerate(names) if name in _ADDRESS_HEADS), None)
    if address is not None:
        places["address"] = address
    return places if "address" in places or "hash" in places else {}


def _one(line: int, row: dict[str, str], otherwise: Reason) -> Listed:
    reason = former(row.get("reason", "")) or otherwise
    written = row.get("address", "")
    if written:
        try:
            return Listed(line, reason, address=normalise(written))
        except AddressError as fault:
            raise ValueError(fault.reason) from None
    try:
        raw = bytes.fromhex(row.get("hash", ""))
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise ValueError("There is no address on this line.")
    return Listed(line, reason, hash=raw)
