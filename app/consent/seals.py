"""Seals: Merkle roots over committed events, chained, and once a day signed.

Sealing happens after commit, under an advisory lock per workspace, so that writing an event never waits
for another one. Tree after RFC 6962: leaves carry 0x00, nodes 0x01, an odd node moves up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import func, insert, select, text

from app.consent.ledger import canonical
from app.consent.models import ConsentSeal, ConsentSignature, ConsentUnsealed
from app.kernel import clock
from app.kernel.db import array_of, session, transaction

FIRST = bytes(32)
BATCH = 5_000
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('consent seal ' || :workspace, 0))")
# The leaves of events (``ledger.leaf``), hashed where the bodies are: of 2 kB each, 32 octets are asked for.
_WAITING = text(
    "SELECT u.event_id, e.leaf FROM (SELECT event_id FROM consent_unsealed WHERE workspace_id = :workspace_id"
    " ORDER BY event_id LIMIT :limit) AS u CROSS JOIN LATERAL (SELECT sha256('\\x00'::bytea || body) AS leaf"
    " FROM consent_events WHERE id = u.event_id OFFSET 0) AS e ORDER BY u.event_id"
)
_SEALED = text(
    "WITH these AS MATERIALIZED (SELECT event_id, n FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) WITH ORDINALITY"
    " AS t (event_id, n)), kept AS (INSERT INTO consent_leaves (workspace_id, seal_no, position, event_id)"
    " SELECT :workspace_id, :no, n - 1, event_id FROM these)"
    " DELETE FROM consent_unsealed WHERE event_id = ANY(ARRAY(SELECT event_id FROM these))"
)
_key: Ed25519PrivateKey | None = None


def configure(seed: bytes) -> None:
    """Set the signing key from its 32-byte seed."""
    global _key
    _key = Ed25519PrivateKey.from_private_bytes(seed[:32])


def sign(message: bytes) -> bytes:
    """This installation's signature over a message.

    Raises:
        RuntimeError: the key is not configured.
    """
    if _key is None:
        raise RuntimeError("The seal key is not configured.")
    return _key.sign(message)


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over the leaf hashes (32 bytes each), in their order; at least one."""
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def inclusion_paths(leaves: Sequence[bytes], positions: Sequence[int]) -> list[list[bytes]]:
    """For each place among the leaves the neighbours on its way up to the root, lowest first.

    With the count of leaves and the place they lead to the root: where a level has no neighbour, there is none.
    """
    paths: list[list[bytes]] = [[] for _ in positions]
    places, level = list(positions), list(leaves)
    while len(level) > 1:
        for path, place in zip(paths, places, strict=True):
            if place ^ 1 < len(level):
                path.append(level[place ^ 1])
        places = [place // 2 for place in places]
        level = _above(level)
    return paths


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    odd = level[-1:] if len(level) % 2 else []
    return [*(hashlib.sha256(b"\x01" + a + b).digest() for a, b in pairs), *odd]


def seal_hash(workspace_id: UUID, no: int, count: int, root: bytes, prev: bytes) -> bytes:
    """What the next seal and the daily signature hold on to."""
    head = b"nod seal 1" + workspace_id.bytes + no.to_bytes(8, "big") + count.to_bytes(4, "big")
    return hashlib.sha256(head + root + prev).digest()


def day_message(workspace_id: UUID, day: date, seal_no: int, hash_: bytes) -> bytes:
    """The bytes that a day's signature covers."""
    parts = {"workspace": str(workspace_id), "day": day.isoformat(), "seal": seal_no, "hash": hash_.hex()}
    return b"nod day 1\n" + canonical(parts)


def seal_now(workspace_id: UUID | None = None) -> int:
    """Seal what is committed and not sealed yet; slices of 5,000, each in its own transaction.

    Args:
        workspace_id: only this one's; None: everybody's.

    Returns:
        The number of events sealed.
    """
    sealed = 0
    with transaction():
        waiting = list(session().execute(select(ConsentUnsealed.workspace_id).distinct()).scalars())
    for found in waiting if workspace_id is None else [workspace_id]:
        while (count := _seal_slice(found)) > 0:
            sealed += count
            if count < BATCH:
                break
    return sealed


def _seal_slice(workspace_id: UUID) -> int:
    with transaction():
        if not session().execute(_LOCK, {"workspace": str(workspace_id)}).scalar_one():
            return 0
        rows = session().execute(_WAITING, {"workspace_id": workspace_id, "limit": BATCH}).all()
        if rows:
            _write(workspace_id, [row[0] for row in rows], [row[1] for row in rows])
        return len(rows)


def _write(workspace_id: UUID, event_ids: list[UUID], leaves: list[bytes]) -> None:
    last = (
        session()
        .execute(
            select(ConsentSeal.no, ConsentSeal.hash)
            .where(ConsentSeal.workspace_id == workspace_id)
            .order_by(ConsentSeal.no.desc())
            .limit(1)
        )
        .one_or_none()
    )
    no, prev = (last.no + 1, last.hash) if last else (1, FIRST)
    root = merkle_root(leaves)
    session().execute(
        insert(ConsentSeal).values(
            workspace_id=workspace_id, no=no, count=len(leaves), root=root, prev=prev,
            hash=seal_hash(workspace_id, no, len(leaves), root, prev), sealed_at=clock.now(),
        )
    )  # fmt: skip
    session().execute(_SEALED, {"workspace_id": workspace_id, "no": no, "ids": array_of(event_ids)})


def sign_day(workspace_id: UUID | None = None) -> int:
    """Sign each workspace's last seal, once a day (UTC); the unique key is (workspace, day).

    Args:
        workspace_id: only this one's; None: everybody's.

    Returns:
        The number of signatures made.
    """
    if _key is None:
        raise RuntimeError("The seal key is not configured.")
    made = 0
    with transaction():
        today = clock.now().astimezone(UTC).date()
        for found, no, hash_ in _unsigned_heads(today):
            if workspace_id not in {None, found}:
                continue
            message = day_message(found, today, no, hash_)
            session().add(
                ConsentSignature(
                    workspace_id=found, day=today, seal_no=no, seal_hash=hash_,
                    public_key=_key.public_key().public_bytes_raw(), signature=_key.sign(message),
                    signed_at=clock.now(),
                )
            )  # fmt: skip
            made += 1
    return made


def _unsigned_heads(today: date) -> list[tuple[UUID, int, bytes]]:
    heads = select(ConsentSeal.workspace_id, func.max(ConsentSeal.no).label("no")).group_by(
        ConsentSeal.workspace_id
    )
    last = heads.subquery()
    signed = select(ConsentSignature.workspace_id).where(ConsentSignature.day == today)
    query = (
        select(ConsentSeal.workspace_id, ConsentSeal.no, ConsentSeal.hash)
        .join(last, (last.c.workspace_id == ConsentSeal.workspace_id) & (last.c.no == ConsentSeal.no))
        .where(ConsentSeal.workspace_id.not_in(signed))
    )
    return [(row.workspace_id, row.no, row.hash) for row in session().execute(query)]


class SignedDay(Protocol):
    """What a signature says and covers."""

    workspace_id: UUID
    day: date
    seal_no: int
    seal_hash: bytes
    public_key: bytes
    signature: bytes


def signature_holds(signature: SignedDay) -> bool:
    """Whether the signature is the key's over this day's seal."""
    message = day_message(signature.workspace_id, signature.day, signature.seal_no, signature.seal_hash)
    try:
        Ed25519PublicKey.from_public_bytes(signature.public_key).verify(signature.signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def own_public_key() -> bytes:
    """The public half of this installation's key, 32 bytes."""
    if _key is None:
        raise RuntimeError("The seal key is not configured.")
    return _key.public_key().public_bytes_raw()
