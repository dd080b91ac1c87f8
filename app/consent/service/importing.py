"""Permissions that somebody claims to have, brought in by a file: for a whole set of people at once.

A claim is evidence of another kind than a person's own act, and is marked so for ever. It gives a permission only where
nothing was ever decided: it turns back no no, answers no open question, and revives nobody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.consent import ledger, queries
from app.consent.models import ConsentText, Interest, Permission, Reach, Suppression
from app.consent.rules import Basis, By, Channel, Kind, Purpose, State
from app.consent.service import write
from app.consent.service.vetoes import address_hash
from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.kernel.ids import uuid7

MOST_CLAIMS = 5_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """Where claims come from.

    Attributes:
        id: of the import.
        sha256: of the file's bytes, in hexadecimal.
        declaration: what the uploader has declared, word for word.
        by: who uploaded it.
        text_id: the wording that people are said to have agreed to (``ensure_text``).
    """

    id: UUID
    sha256: str
    declaration: str
    by: By
    text_id: UUID


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the file: who said yes, when and where; ``ip`` if the file has it."""

    contact_id: UUID
    row: int
    said_at: datetime | None
    source: str
    ip: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the claims: the events of those that were taken, and why the others were not, by row."""

    events: dict[int, UUID]
    skipped: dict[int, str]


def import_claims(
    workspace_id: UUID,
    file: ImportedFile,
    claims: Sequence[Claim],
    interests: Sequence[UUID],
    channel: Channel = Channel.EMAIL,
) -> Imported:
    """Take claims for these interests, at most 5,000 at a time; each is one event.

    Raises:
        BadInput: no hash, no declaration, no wording, no interest of this workspace, or too many rows.
    """
    chosen = queries.get_interests(workspace_id, interests)
    _refuse_incomplete(workspace_id, file, claims, chosen, interests)
    known = contacts.find_recipients(workspace_id, {claim.contact_id for claim in claims}, channel.value)
    keys = {contact_id: address.key for contact_id, (_, address) in known.items()}
    skipped = _refused(workspace_id, claims, keys, chosen, channel)
    taken = [claim for claim in claims if claim.row not in skipped]
    words = {**write.shown_texts(workspace_id, [file.text_id]), "evidence": "claimed"}
    entries = [
        ledger.Entry(
            Kind.IMPORTED, workspace_id, claim.contact_id, file.by,
            write.what(workspace_id, claim.contact_id, chosen, channel, State.YES)
            | words
            | {"import": _import(file, claim)},
            _personal(claim, known[claim.contact_id][1].address),
            method="import",
        )
        for claim in taken
    ]  # fmt: skip
    events = ledger.append_all(entries)
    if taken:
        _permit(workspace_id, taken, events, chosen, channel)
    return Imported(dict(zip((claim.row for claim in taken), events, strict=True)), skipped)


def _refuse_incomplete(
    workspace_id: UUID,
    file: ImportedFile,
    claims: Sequence[Claim],
    chosen: Sequence[Interest],
    wanted: Sequence[UUID],
) -> None:
    faults = {}
    if not _SHA256.fullmatch(file.sha256):
        faults["file"] = "The file's SHA-256 is missing."
    if not file.declaration.strip():
        faults["declaration"] = "Declare where these permissions come from."
    known = select(ConsentText.id).where(
        ConsentText.workspace_id == workspace_id, ConsentText.id == file.text_id
    )
    if session().execute(known).first() is None:
        faults["text"] = "Give the words that people agreed to."
    if not chosen or len(chosen) != len(set(wanted)):
        faults["topic"] = "Choose at least one."
    if len(claims) > MOST_CLAIMS:
        faults["file"] = f"Give at most {MOST_CLAIMS:,} rows at a time."
    if faults:
        raise BadInput("These permissions cannot be brought in.", fields=faults)


def _refused(
    workspace_id: UUID,
    claims: Sequence[Claim],
    keys: dict[UUID, str],
    chosen: Sequence[Interest],
    channel: Channel,
) -> dict[int, str]:
    """Why which rows are not taken; ``keys`` are the addresses of those who have one."""
    ids = set(keys)
    vetoed = _vetoed(workspace_id, ids, channel) | _suppressed(workspace_id, keys, channel)
    decided = _decided(workspace_id, ids, chosen, channel)
    refused: dict[int, str] = {}
    seen: set[UUID] = set()
    for claim in claims:
        reason = _reason(claim, keys, vetoed, decided, seen)
        if reason:
            refused[claim.row] = reason
        seen.add(claim.contact_id)
    return refused


def _reason(
    claim: Claim, keys: dict[UUID, str], vetoed: set[UUID], decided: set[UUID], seen: set[UUID]
) -> str:
    if claim.contact_id not in keys:
        return "has no address here"
    if claim.contact_id in vetoed:
        return "must not be written to"
    if claim.contact_id in decided:
        return "has decided before"
    if claim.contact_id in seen:
        return "stands in the file twice"
    if claim.said_at is None or not claim.source.strip() or claim.said_at > clock.now():
        return "lacks when and where the person said yes"
    return ""


def _vetoed(workspace_id: UUID, ids: set[UUID], channel: Channel) -> set[UUID]:
    query = select(Reach.contact_id).where(
        Reach.workspace_id == workspace_id,
        Reach.contact_id.in_(ids),
        Reach.channel == channel.value,
        (Reach.suppressed_at.is_not(None) | Reach.objected_at.is_not(None) | Reach.erased_at.is_not(None)),
    )
    return set(session().execute(query).scalars())


def _suppressed(workspace_id: UUID, keys: dict[UUID, str], channel: Channel) -> set[UUID]:
    hashes = {address_hash(key): contact_id for contact_id, key in keys.items()}
    query = select(Suppression.address_hash).where(
        Suppression.workspace_id == workspace_id,
        Suppression.channel == channel.value,
        Suppression.address_hash.in_(list(hashes)),
    )
    return {hashes[found] for found in session().execute(query).scalars()}


def _decided(workspace_id: UUID, ids: set[UUID], chosen: Sequence[Interest], channel: Channel) -> set[UUID]:
    """Who has answered, or is being asked, about any of these interests."""
    query = select(Permission.contact_id).where(
        Permission.workspace_id == workspace_id,
        Permission.contact_id.in_(ids),
        Permission.channel == channel.value,
        Permission.interest_id.in_([found.id for found in chosen]),
    )
    return set(session().execute(query).scalars())


def _import(file: ImportedFile, claim: Claim) -> dict[str, Any]:
    return {
        "id": str(file.id), "sha256": file.sha256, "row": claim.row, "declaration": file.declaration.strip(),
        "said_at": ledger.moment(claim.said_at) if claim.said_at else None,
    }  # fmt: skip


def _personal(claim: Claim, address: str) -> dict[str, Any]:
    return {"address": address, "ip": claim.ip, "source": claim.source.strip()[:400]}


def _permit(
    workspace_id: UUID,
    taken: Sequence[Claim],
    events: Sequence[UUID],
    chosen: Sequence[Interest],
    channel: Channel,
) -> None:
    """Rows where there are none; whoever decides at the same moment keeps their word."""
    now = clock.now()
    rows = [
        {
            "id": uuid7(), "workspace_id": workspace_id, "contact_id": claim.contact_id,
            "purpose": Purpose.MARKETING.value, "channel": channel.value, "interest_id": interest.id,
            "state": State.YES.value, "basis": Basis.CONSENT.value, "event_id": event_id, "updated_at": now,
        }
        for claim, event_id in zip(taken, events, strict=True)
        for interest in chosen
    ]  # fmt: skip
    session().execute(insert(Permission).on_conflict_do_nothing(constraint="uq_permissions_subject"), rows)
    reached = [
        {
            "id": uuid7(),
            "workspace_id": workspace_id,
            "contact_id": claim.contact_id,
            "channel": channel.value,
        }
        for claim in taken
    ]
    session().execute(insert(Reach).on_conflict_do_nothing(constraint="uq_reach_subject"), reached)
