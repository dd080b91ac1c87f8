"""What proves a person's events to somebody without this database: bodies, paths to their seals, chains, signatures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from app.consent import seals, sources
from app.consent.models import ConsentRequest, ConsentSeal, ConsentSignature, ConsentText
from app.consent.rules import Kind, RequestState
from app.consent.seals import FIRST, inclusion_paths
from app.contacts import queries as contacts
from app.kernel.db import session


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event and its way up to the root of its seal; ``seal_no`` is None while it waits for one.

    ``salt`` and ``personal`` are None once the person was erased, and where there never was a personal part.
    """

    id: UUID
    kind: Kind
    request_id: UUID | None
    body: bytes
    salt: bytes | None = field(repr=False)
    personal: bytes | None = field(repr=False)
    seal_no: int | None
    position: int | None
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """Seals in a row: ``first`` is the number of the first one, ``prev`` the hash before it."""

    first: int
    prev: bytes
    links: tuple[tuple[int, bytes], ...]
    """(count, root) of each."""

    @property
    def last(self) -> int:
        """The number of the last one."""
        return self.first + len(self.links) - 1


@dataclass(frozen=True, slots=True)
class Proofs:
    """All that stands in the ledger about a person, oldest first, and what proves it."""

    events: tuple[SealedEvent, ...]
    texts: tuple[ConsentText, ...]
    chains: tuple[Chain, ...]
    signatures: tuple[ConsentSignature, ...]
    mails: dict[UUID, bytes] = field(repr=False)
    """Sources of the questions' mails by event. One that can still be answered is left out: its link would answer it."""
    withheld: frozenset[UUID]
    """Events whose mail is left out for that reason."""


# Bodies of other people's events stay where they are: their leaves are hashed in the database.
_EVENTS = text(
    "SELECT e.id, e.kind, e.request_id, e.body, p.salt, p.body AS personal, l.seal_no, l.position"
    " FROM consent_events e LEFT JOIN consent_personal p ON p.event_id = e.id"
    " LEFT JOIN consent_leaves l ON l.event_id = e.id"
    " WHERE e.workspace_id = :workspace_id AND e.contact_id = ANY(:entries) ORDER BY e.received_at, e.id"
)
_LEAVES = text(
    "SELECT l.seal_no, sha256('\\x00'::bytea || e.body) FROM consent_leaves l"
    " JOIN consent_events e ON e.id = l.event_id"
    " WHERE l.workspace_id = :workspace_id AND l.seal_no = ANY(:seals) ORDER BY l.seal_no, l.position"
)


def of_person(workspace_id: UUID, contact_id: UUID) -> Proofs:
    """The proofs of all events of a person, those of entries that were merged into theirs too; of nobody there are none."""
    entries = [contact_id, *contacts.list_merged(workspace_id, contact_id)]
    rows = session().execute(_EVENTS, {"workspace_id": workspace_id, "entries": entries}).all()
    sealed_in = sorted({row.seal_no for row in rows if row.seal_no is not None})
    paths = _paths(workspace_id, rows, sealed_in)
    signatures = signatures_for(workspace_id, sealed_in)
    mailed = {row.id: row.request_id for row in rows if row.kind == Kind.DOI_MAIL_SENT}
    withheld = _answerable(workspace_id, mailed)
    return Proofs(
        events=tuple(
            SealedEvent(
                row.id, Kind(row.kind), row.request_id, row.body, row.salt, row.personal, row.seal_no, row.position,
                paths.get(row.id, ()),
            )
            for row in rows
        ),
        texts=_texts(workspace_id, entries),
        chains=_chains(workspace_id, sealed_in, signatures),
        signatures=tuple(signatures),
        mails=sources.read(workspace_id, set(mailed) - withheld),
        withheld=withheld,
    )  # fmt: skip


def list_signatures(
    workspace_id: UUID, after: date | None = None, limit: int = 400
) -> list[ConsentSignature]:
    """Signed days after ``after``, oldest first."""
    query = select(ConsentSignature).where(ConsentSignature.workspace_id == workspace_id)
    if after is not None:
        query = query.where(ConsentSignature.day > after)
    return list(session().execute(query.order_by(ConsentSignature.day).limit(limit)).scalars())


def newest_signature(workspace_id: UUID) -> ConsentSignature | None:
    """The last day that was signed."""
    query = select(ConsentSignature).where(ConsentSignature.workspace_id == workspace_id)
    newest = query.order_by(ConsentSignature.day.desc()).limit(1)
    return session().execute(newest).scalar_one_or_none()


def signatures_for(workspace_id: UUID, sealed_in: Sequence[int]) -> list[ConsentSignature]:
    """The first signature over each of these seals (ascending), each once, oldest first."""
    query = (
        select(ConsentSignature)
        .where(ConsentSignature.workspace_id == workspace_id)
        .order_by(ConsentSignature.seal_no, ConsentSignature.day)
    )
    found: dict[date, ConsentSignature] = {}
    days = list(session().execute(query).scalars()) if sealed_in else []
    at = 0
    for no in sealed_in:
        while at < len(days) and days[at].seal_no < no:
            at += 1
        if at < len(days):
            found[days[at].day] = days[at]
    return list(found.values())


def sign(message: bytes) -> tuple[bytes, bytes]:
    """The signature of this installation's key over a message, and the public key."""
    return seals.sign(message), seals.own_public_key()


def _paths(
    workspace_id: UUID, rows: Sequence[Row[Any]], sealed_in: Sequence[int]
) -> dict[UUID, tuple[bytes, ...]]:
    leaves: dict[int, list[bytes]] = {no: [] for no in sealed_in}
    for no, hashed in session().execute(_LEAVES, {"workspace_id": workspace_id, "seals": list(sealed_in)}):
        leaves[no].append(hashed)
    paths: dict[UUID, tuple[bytes, ...]] = {}
    for no in sealed_in:
        mine = [row for row in rows if row.seal_no == no]
        ways = inclusion_paths(leaves[no], [row.position for row in mine])
        paths |= {row.id: tuple(way) for row, way in zip(mine, ways, strict=True)}
    return paths


def _texts(workspace_id: UUID, entries: Sequence[UUID]) -> tuple[ConsentText, ...]:
    named = text(
        "SELECT DISTINCT (shown ->> 'id')::uuid FROM consent_events e"
        " CROSS JOIN jsonb_array_elements(coalesce(convert_from(e.body, 'UTF8')::jsonb -> 'texts', '[]')) AS shown"
        " WHERE e.workspace_id = :workspace_id AND e.contact_id = ANY(:entries)"
    )
    ids = list(session().execute(named, {"workspace_id": workspace_id, "entries": list(entries)}).scalars())
    query = select(ConsentText).where(ConsentText.workspace_id == workspace_id, ConsentText.id.in_(ids))
    return tuple(session().execute(query.order_by(ConsentText.kind, ConsentText.version)).scalars())


def _chains(
    workspace_id: UUID, sealed_in: Sequence[int], signatures: Sequence[ConsentSignature]
) -> tuple[Chain, ...]:
    """From each seal to the seal that its signature covers, or to itself; those that overlap are one."""
    spans: list[tuple[int, int]] = []
    for no in sealed_in:
        last = next((found.seal_no for found in signatures if found.seal_no >= no), no)
        if spans and no <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], max(spans[-1][1], last))
        else:
            spans.append((no, last))
    return tuple(_chain(workspace_id, first, last) for first, last in spans)


def _chain(workspace_id: UUID, first: int, last: int) -> Chain:
    query = (
        select(ConsentSeal.count, ConsentSeal.root, ConsentSeal.prev)
        .where(ConsentSeal.workspace_id == workspace_id, ConsentSeal.no.between(first, last))
        .order_by(ConsentSeal.no)
    )
    rows = session().execute(query).all()
    return Chain(first, rows[0].prev if rows else FIRST, tuple((row[0], row[1]) for row in rows))


def _answerable(workspace_id: UUID, mailed: dict[UUID, UUID | None]) -> frozenset[UUID]:
    requests: Iterable[UUID] = {found for found in mailed.values() if found is not None}
    query = select(ConsentRequest.id).where(
        ConsentRequest.workspace_id == workspace_id,
        ConsentRequest.id.in_(requests),
        ConsentRequest.state == RequestState.OPEN.value,
    )
    is_open = set(session().execute(query).scalars())
    return frozenset(event_id for event_id, request_id in mailed.items() if request_id in is_open)
