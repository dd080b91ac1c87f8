"""Reads the whole ledger back and says whether any byte has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.consent.ledger import commitment, leaf, moment
from app.consent.models import (
    ConsentEvent,
    ConsentLeaf,
    ConsentPersonal,
    ConsentSeal,
    ConsentSignature,
    ConsentText,
    ConsentUnsealed,
)
from app.consent.seals import FIRST, merkle_root, own_public_key, seal_hash, signature_holds, unsealed
from app.kernel import clock
from app.kernel.db import session

CHUNK = 2_000
MAX_FAULTS = 100


@dataclass(slots=True)
class Report:
    """What was read and what was wrong; no fault means that nothing was changed since it was sealed."""

    events: int = 0
    seals: int = 0
    signatures: int = 0
    erased_people: int = 0
    unsealed: int = 0
    unsealed_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the ledger is unchanged."""
        return not self.faults

    def add(self, fault: str) -> None:
        """Note a fault; the first hundred are enough to act on."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)


def verify() -> Report:
    """Check every text, event, personal row, seal and signature of all workspaces."""
    report = Report()
    erased = _erased_contacts()
    report.erased_people = len(erased)
    texts = _check_texts(report)
    _check_events(report, erased, texts)
    _check_seals(report)
    _check_membership(report)
    _check_signatures(report)
    report.unsealed, since = unsealed()
    if since is not None:
        report.unsealed_seconds = max(0.0, (clock.now() - since).total_seconds())
    return report


def _erased_contacts() -> set[UUID]:
    query = select(ConsentEvent.contact_id).where(ConsentEvent.kind == "erased").distinct()
    return set(session().execute(query).scalars())


def _check_texts(report: Report) -> dict[str, str]:
    known = {}
    for found in session().execute(select(ConsentText)).scalars():
        known[str(found.id)] = found.sha256.hex()
        if hashlib.sha256(found.body.encode()).digest() != found.sha256:
            report.add(f"text {found.id}: its words are not those that were stored")
    return known


def _check_events(report: Report, erased: set[UUID], texts: dict[str, str]) -> None:
    query = (
        select(ConsentEvent, ConsentPersonal.salt, ConsentPersonal.body.label("personal"))
        .outerjoin(ConsentPersonal, ConsentPersonal.event_id == ConsentEvent.id)
        .execution_options(yield_per=CHUNK)
    )
    for event, salt, personal in session().execute(query):
        report.events += 1
        fault = _fault_of(event, salt, personal, event.contact_id in erased, texts)
        if fault:
            report.add(f"event {event.id}: {fault}")
        session().expunge(event)


def _fault_of(
    event: ConsentEvent, salt: bytes | None, personal: bytes | None, is_erased: bool, texts: dict[str, str]
) -> str:
    try:
        body: dict[str, Any] = json.loads(event.body)
    except ValueError:
        return "its body cannot be read"
    if not _columns_agree(event, body):
        return "a column differs from the sealed body"
    for shown in body.get("texts", []):
        if texts.get(shown["id"]) != shown["sha256"]:
            return f"the text {shown['id']} is not the one that was shown"
    if event.commitment is None:
        return "a personal record was added" if personal is not None else ""
    if personal is None or salt is None:
        return "" if is_erased else "its personal record is missing, and nothing says that it was erased"
    return "" if commitment(salt, personal) == event.commitment else "its personal record was changed"


def _columns_agree(event: ConsentEvent, body: dict[str, Any]) -> bool:
    return (
        body.get("id") == str(event.id)
        and body.get("workspace") == str(event.workspace_id)
        and body.get("contact") == str(event.contact_id)
        and body.get("kind") == event.kind
        and body.get("request") == (str(event.request_id) if event.request_id else None)
        and body.get("received_at") == moment(event.received_at)
        and body.get("commitment") == (event.commitment.hex() if event.commitment else None)
    )


def _check_seals(report: Report) -> None:
    expected: dict[UUID, tuple[int, bytes]] = {}
    leaves = _leaves_by_seal()
    current = next(leaves, None)
    query = select(ConsentSeal).order_by(ConsentSeal.workspace_id, ConsentSeal.no)
    for seal in session().execute(query).scalars():
        report.seals += 1
        hashes: list[bytes] = []
        if current is not None and current[0] == (seal.workspace_id, seal.no):
            hashes = current[1]
            current = next(leaves, None)
        fault = _seal_fault(seal, hashes, *expected.get(seal.workspace_id, (1, FIRST)))
        if fault:
            report.add(f"seal {seal.no} of workspace {seal.workspace_id}: {fault}")
        expected[seal.workspace_id] = (seal.no + 1, seal.hash)
    if current is not None:
        report.add(f"seal {current[0][1]} of workspace {current[0][0]}: it is missing or out of order")


def _leaves_by_seal() -> Iterator[tuple[tuple[UUID, int], list[bytes]]]:
    query = (
        select(ConsentLeaf.workspace_id, ConsentLeaf.seal_no, ConsentEvent.body)
        .join(ConsentEvent, ConsentEvent.id == ConsentLeaf.event_id)
        .order_by(ConsentLeaf.workspace_id, ConsentLeaf.seal_no, ConsentLeaf.position)
        .execution_options(yield_per=CHUNK)
    )

    def of(row: Any) -> tuple[UUID, int]:
        return row[0], row[1]

    for key, rows in groupby(session().execute(query), key=of):
        yield key, [leaf(row[2]) for row in rows]


def _seal_fault(seal: ConsentSeal, leaves: list[bytes], expected_no: int, expected_prev: bytes) -> str:
    if seal.no != expected_no:
        return f"seal {expected_no} is missing"
    if seal.prev != expected_prev:
        return "it does not follow the seal before it"
    if seal.count != len(leaves):
        return f"it holds {seal.count} events, {len(leaves)} are there"
    if merkle_root(leaves) != seal.root:
        return "an event under it was changed"
    if seal_hash(seal.workspace_id, seal.no, seal.count, seal.root, seal.prev) != seal.hash:
        return "its own hash was changed"
    return ""


def _check_membership(report: Report) -> None:
    query = (
        select(ConsentEvent.id)
        .outerjoin(ConsentLeaf, ConsentLeaf.event_id == ConsentEvent.id)
        .outerjoin(ConsentUnsealed, ConsentUnsealed.event_id == ConsentEvent.id)
        .where(ConsentLeaf.event_id.is_(None), ConsentUnsealed.event_id.is_(None))
        .limit(MAX_FAULTS)
    )
    for event_id in session().execute(query).scalars():
        report.add(f"event {event_id}: no seal holds it and none is due")


def _check_signatures(report: Report) -> None:
    seals = {
        (row.workspace_id, row.no): row.hash
        for row in session().execute(
            select(ConsentSeal.workspace_id, ConsentSeal.no, ConsentSeal.hash).join(
                ConsentSignature,
                (ConsentSignature.workspace_id == ConsentSeal.workspace_id)
                & (ConsentSignature.seal_no == ConsentSeal.no),
            )
        )
    }
    for signature in session().execute(select(ConsentSignature)).scalars():
        report.signatures += 1
        where = f"signature of {signature.day} of workspace {signature.workspace_id}"
        if not signature_holds(signature):
            report.add(f"{where}: it does not fit its seal")
        elif seals.get((signature.workspace_id, signature.seal_no)) != signature.seal_hash:
            report.add(f"{where}: the seal it signed was changed or removed")
        elif signature.public_key != own_public_key():
            report.add(f"{where}: it was made with a key that is not ours")
