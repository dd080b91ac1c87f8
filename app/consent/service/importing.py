"""Permissions that somebody claims to have, brought in by a file: for a whole set of people at once.

A claim is evidence of another kind than a person's own act, and is marked so for ever. It gives a permission only where
nothing was ever decided: it turns back no no, answers no open question, and revives nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from app.consent import ledger, queries
from app.consent.law import laws_of
from app.consent.models import ConsentText, Interest
from app.consent.rules import Basis, Channel, Kind, Purpose, State, grounds
from app.consent.rules.jurisdictions import Jurisdiction
from app.consent.service import write
from app.consent.service.claiming import Claim, ImportedFile, ground_of, refusals
from app.consent.service.vetoes import address_hash
from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import array_of, session, text_array_of
from app.kernel.errors import BadInput

MOST_CLAIMS = 5_000
_PERMIT = text(
    "INSERT INTO permissions (id, workspace_id, contact_id, purpose, channel, interest_id, state, basis, valid_until,"
    " event_id, updated_at) SELECT t.id, :workspace_id, t.contact_id, :purpose, :channel, t.interest_id, :state, :basis,"
    " t.valid_until, t.event_id, :now FROM unnest(CAST(CAST(:ids AS text) AS uuid[]), CAST(CAST(:people AS text) AS uuid[]),"
    " CAST(CAST(:interests AS text) AS uuid[]), CAST(CAST(:ends AS text) AS timestamptz[]),"
    " CAST(CAST(:events AS text) AS uuid[])) AS t (id, contact_id, interest_id, valid_until, event_id)"
    " ON CONFLICT ON CONSTRAINT uq_permissions_subject DO NOTHING"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


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
    """Take claims for these interests, at most 5,000 at a time; each is one event, and ends when the person's law says.

    Raises:
        BadInput: no hash, no declaration, no wording, no interest of this workspace, or too many rows.
    """
    held = write.hold(workspace_id, {claim.contact_id for claim in claims}, make=False)
    if any(contact_id != found.contact_id for contact_id, found in held.items()):
        claims = [replace(claim, contact_id=held[claim.contact_id].contact_id) for claim in claims]
    chosen = queries.get_interests(workspace_id, interests)
    _refuse_incomplete(workspace_id, file, claims, chosen, interests)
    known = contacts.find_addresses(workspace_id, {claim.contact_id for claim in claims}, channel.value)
    laws = laws_of(workspace_id, set(known))
    skipped = refusals(workspace_id, file, claims, _hashes(known), laws, chosen, channel)
    taken = [claim for claim in claims if claim.row not in skipped]
    ends = [_ends_at(file, claim, laws[claim.contact_id]) for claim in taken]
    bodies = _bodies(workspace_id, file, chosen, channel, {laws[claim.contact_id] for claim in taken})
    entries = [
        ledger.Entry(
            Kind.IMPORTED, workspace_id, claim.contact_id, file.by,
            _about(bodies[laws[claim.contact_id]], until) | {"import": _import(file, claim)},
            _personal(file, claim, known[claim.contact_id][1]),
            method="import",
        )
        for claim, until in zip(taken, ends, strict=True)
    ]  # fmt: skip
    events = ledger.append_all(entries)
    if taken:
        _permit(workspace_id, file.basis, list(zip(taken, events, ends, strict=True)), chosen, channel)
    return Imported(dict(zip((claim.row for claim in taken), events, strict=True)), skipped)


def preview_claims(
    workspace_id: UUID,
    file: ImportedFile,
    claims: Sequence[Claim],
    interests: Sequence[UUID],
    newcomers: Mapping[UUID, bytes],
    channel: Channel = Channel.EMAIL,
) -> dict[int, str]:
    """Why which of these claims would not be taken, by row, as ``import_claims`` refuses them; nothing is written.

    Args:
        workspace_id: of all.
        file: where they come from; it needs no wording yet.
        claims: at most 5,000, of people as they are now (no entry that was merged).
        interests: what they are about.
        newcomers: the hashes of the addresses (``address_hash``) of those who are not here yet.
        channel: on which.

    Raises:
        BadInput: no interest of this workspace, too many rows, or newcomers whose claims rest on more than a consent:
            their law decides, which nobody knows before they are here.
    """
    chosen = queries.get_interests(workspace_id, interests)
    faults = _wanted_faults(claims, chosen, interests)
    if newcomers and file.basis is not Basis.CONSENT:
        faults["file"] = "Bring the people in first."
    if faults:
        raise BadInput("These permissions cannot be looked at.", fields=faults)
    ids = {claim.contact_id for claim in claims}.difference(newcomers)
    hashes = _hashes(contacts.find_addresses(workspace_id, ids, channel.value)) | dict(newcomers)
    laws = {} if file.basis is Basis.CONSENT else laws_of(workspace_id, ids)
    return refusals(workspace_id, file, claims, hashes, laws, chosen, channel, newcomers)


def _hashes(known: Mapping[UUID, tuple[str, str]]) -> dict[UUID, bytes]:
    return {contact_id: address_hash(key) for contact_id, (key, _) in known.items()}


def _wanted_faults(claims: Sequence[Claim], chosen: Sequence[Interest], wanted: Sequence[UUID]) -> dict[str, str]:
    faults = {}
    if not chosen or len(chosen) != len(set(wanted)):
        faults["topic"] = "Choose at least one."
    if len(claims) > MOST_CLAIMS:
        faults["file"] = f"Give at most {MOST_CLAIMS:,} rows at a time."
    return faults


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
    faults |= _wanted_faults(claims, chosen, wanted)
    if faults:
        raise BadInput("These permissions cannot be brought in.", fields=faults)


def _ends_at(file: ImportedFile, claim: Claim, law: Jurisdiction) -> datetime | None:
    ground = ground_of(file, claim)
    return grounds.ends_at(ground, law.rules) if ground else None


def _bodies(
    workspace_id: UUID,
    file: ImportedFile,
    chosen: Sequence[Interest],
    channel: Channel,
    laws: set[Jurisdiction],
) -> dict[Jurisdiction, dict[str, Any]]:
    """What all events of people under one law say alike."""
    assert file.text_id is not None  # refused before
    alike: dict[str, Any] = {**write.shown_texts(workspace_id, [file.text_id]), "evidence": "claimed"}
    if file.basis is not Basis.CONSENT:
        alike["ground"] = {"act": file.act.value, "product_class": file.product_class}
    return {
        law: write.what(workspace_id, None, chosen, channel, State.YES, basis=file.basis, law=law) | alike
        for law in laws
    }


def _about(body: dict[str, Any], until: datetime | None) -> dict[str, Any]:
    return body | {"validity": body["validity"] | {"until": ledger.moment(until) if until else None}}


def _import(file: ImportedFile, claim: Claim) -> dict[str, Any]:
    return {
        "id": str(file.id), "sha256": file.sha256, "row": claim.row, "declaration": file.declaration.strip(),
        "is_doubly": file.is_doubly,
        "said_at": ledger.moment(claim.said_at) if claim.said_at else None,
    }  # fmt: skip


def _personal(file: ImportedFile, claim: Claim, address: str) -> dict[str, Any]:
    return {
        "address": address, "ip": write.kept_ip(claim.ip), "source": claim.source.strip()[:400],
        "reference": claim.reference, "objection_offered": file.objection_offered,
    }  # fmt: skip


def _permit(
    workspace_id: UUID,
    basis: Basis,
    taken: Sequence[tuple[Claim, UUID, datetime | None]],
    chosen: Sequence[Interest],
    channel: Channel,
) -> None:
    """Rows where there are none; whoever decides at the same moment keeps their word."""
    alike = {
        "workspace_id": workspace_id, "purpose": Purpose.MARKETING.value, "channel": channel.value,
        "state": State.YES.value, "basis": basis.value, "now": clock.now(),
    }  # fmt: skip
    pairs = [(claim.contact_id, event_id, until, interest.id) for claim, event_id, until in taken for interest in chosen]
    columns = {
        "ids": write.new_ids(len(pairs)),
        "people": array_of([pair[0] for pair in pairs]),
        "events": array_of([pair[1] for pair in pairs]),
        "ends": text_array_of([pair[2].isoformat() if pair[2] else None for pair in pairs]),
        "interests": array_of([pair[3] for pair in pairs]),
    }
    session().execute(_PERMIT, alike | columns)
    write.make_reach(workspace_id, channel, {claim.contact_id for claim, *_ in taken})
