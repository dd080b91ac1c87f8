"""What a file claims, row by row, and which of it is refused: a person's own word, a veto and the law stand above it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.consent.models import Interest
from app.consent.rules import Basis, By, Channel, State, grounds
from app.consent.rules.grounds import Act, Topic
from app.consent.rules.jurisdictions import Jurisdiction
from app.kernel import clock
from app.kernel.db import array_of, session

# Each looked up by themselves, whatever the planner believes of tables that a file has just filled: a join that was
# planned for empty ones compared each row of a slice with each permission of the workspace.
_THOSE = "FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (id) CROSS JOIN LATERAL"
_VETOED = text(
    f"SELECT r.contact_id {_THOSE} (SELECT * FROM reach WHERE contact_id = w.id OFFSET 0) AS r"  # noqa: S608  no input in it
    " WHERE r.workspace_id = :workspace_id AND r.channel = :channel"
    " AND (r.suppressed_at IS NOT NULL OR r.objected_at IS NOT NULL OR r.erased_at IS NOT NULL)"
)
_SUPPRESSED = text(
    "SELECT address_hash FROM suppressions WHERE workspace_id = :workspace_id AND channel = :channel"
    " AND address_hash = ANY(ARRAY(SELECT decode(found, 'hex') FROM unnest(CAST(:hashes AS text[])) AS found))"
)
_DECIDED = text(
    f"SELECT p.contact_id, p.state {_THOSE} (SELECT * FROM permissions WHERE contact_id = w.id OFFSET 0) AS p"  # noqa: S608  no input in it
    " WHERE p.workspace_id = :workspace_id AND p.channel = :channel AND p.interest_id = ANY(:interests)"
)
_STANDS = {State.YES: "has or had a permission here", State.ASKED: "is being asked", State.NO: "has a no here"}
"""What was decided, the gravest last: a no is also what nobody answered, and a claim that was taken back."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """Where claims come from.

    Attributes:
        id: of the import.
        sha256: of the file's bytes, in hexadecimal.
        declaration: what the uploader has declared, word for word.
        by: who uploaded it.
        text_id: the wording that people are said to have agreed to (``ensure_text``); None: it is not kept yet, since
            nothing was taken so far.
        basis: what the permissions rest on; any but consent has to meet the conditions that each person's law sets.
        act: what all of them did.
        product_class: what all of them bought, for soft opt-in.
        objection_offered: where they could say no when they gave the address, for soft opt-in.
        is_doubly: the uploader has declared that all of them confirmed it in a mail to their address.
    """

    id: UUID
    sha256: str
    declaration: str
    by: By
    text_id: UUID | None
    basis: Basis = Basis.CONSENT
    act: Act = Act.DECLARATION
    product_class: str = ""
    objection_offered: str = ""
    is_doubly: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of the file: who said yes (or bought), when and where; ``ip`` and ``reference`` if the file has them."""

    contact_id: UUID
    row: int
    said_at: datetime | None
    source: str
    ip: str = ""
    reference: str = ""


def refusals(
    workspace_id: UUID,
    file: ImportedFile,
    claims: Sequence[Claim],
    hashes: Mapping[UUID, bytes],
    laws: Mapping[UUID, Jurisdiction],
    chosen: Sequence[Interest],
    channel: Channel,
    newcomers: Collection[UUID] = (),
) -> dict[int, str]:
    """Why which rows are not taken.

    Args:
        workspace_id: of all.
        file: where the claims come from.
        claims: its rows.
        hashes: of the addresses of those who have one (``address_hash``).
        laws: the rules that hold for them.
        chosen: what the claims are about.
        channel: on which.
        newcomers: who of them is not here yet, and so has decided nothing; their addresses may be known all the same.
    """
    ids = set(hashes).difference(newcomers)
    vetoed = _vetoed(workspace_id, ids, channel) | _suppressed(workspace_id, hashes, channel)
    decided = _decided(workspace_id, ids, chosen, channel)
    refused = _without_ground(file, claims, laws, chosen, channel)
    seen: set[UUID] = set()
    now = clock.now()
    for claim in claims:
        reason = _reason(claim, hashes, vetoed, decided, seen, now)
        if reason:
            refused[claim.row] = reason
        seen.add(claim.contact_id)
    return refused


def _reason(
    claim: Claim,
    hashes: Mapping[UUID, bytes],
    vetoed: set[UUID],
    decided: Mapping[UUID, State],
    seen: set[UUID],
    now: datetime,
) -> str:
    if claim.contact_id not in hashes:
        return "has no address here"
    if claim.contact_id in vetoed:
        return "must not be written to"
    if claim.contact_id in decided:
        return _STANDS[decided[claim.contact_id]]
    if claim.contact_id in seen:
        return "stands in the file twice"
    if claim.said_at is None or not claim.source.strip() or claim.said_at > now:
        return "lacks when and where the person said yes"
    return ""


def _vetoed(workspace_id: UUID, ids: set[UUID], channel: Channel) -> set[UUID]:
    values = {"workspace_id": workspace_id, "channel": channel.value, "ids": array_of(ids)}
    return set(session().execute(_VETOED, values).scalars())


def _suppressed(workspace_id: UUID, hashes: Mapping[UUID, bytes], channel: Channel) -> set[UUID]:
    people = {found: contact_id for contact_id, found in hashes.items()}
    values = {"workspace_id": workspace_id, "channel": channel.value, "hashes": [found.hex() for found in people]}
    return {people[found] for found in session().execute(_SUPPRESSED, values).scalars()}


def _decided(
    workspace_id: UUID, ids: set[UUID], chosen: Sequence[Interest], channel: Channel
) -> dict[UUID, State]:
    """Who has answered, or is being asked, about any of these interests; the gravest of what stands there."""
    values = {
        "workspace_id": workspace_id, "channel": channel.value, "ids": array_of(ids),
        "interests": [found.id for found in chosen],
    }  # fmt: skip
    rows = [(contact_id, State(state)) for contact_id, state in session().execute(_DECIDED, values)]
    return dict(sorted(rows, key=lambda row: list(_STANDS).index(row[1])))


def _without_ground(
    file: ImportedFile,
    claims: Sequence[Claim],
    laws: Mapping[UUID, Jurisdiction],
    chosen: Sequence[Interest],
    channel: Channel,
) -> dict[int, str]:
    """Which rows rest on what their person's law does not know, or not like this; a consent is claimed as it is."""
    if file.basis is Basis.CONSENT:
        return {}
    now = clock.now()
    refused: dict[int, str] = {}
    topics = [Topic(found.product_class, found.is_third_party) for found in chosen]
    for claim in claims:
        ground, law = ground_of(file, claim), laws.get(claim.contact_id)
        if ground is None or law is None:
            continue
        for topic in topics:
            for fault in grounds.faults_of(ground, channel, topic, law.rules, now).values():
                refused.setdefault(claim.row, fault)
    return refused


def ground_of(file: ImportedFile, claim: Claim) -> grounds.Claim | None:
    """What a row claims, as the rules of grounds read it; None where it tells no moment."""
    if claim.said_at is None:
        return None
    return grounds.Claim(
        file.basis, file.act, claim.said_at, reference=claim.reference, product_class=file.product_class,
        objection_offered=file.objection_offered,
    )  # fmt: skip
