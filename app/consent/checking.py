"""The hot part of ``verify``: reads slices of the ledger by COPY and checks each event in them.

A slice is some seals in a row, so that slices can be checked by several processes; all of them look at the one
snapshot of whoever planned them. Rows come in the order of the leaves, and nothing is kept but their hashes.
"""

from __future__ import annotations

import gc
import hashlib
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from app.consent.ledger import commitment, leaf
from app.consent.seals import FIRST, merkle_root, seal_hash

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00"
_HEAD_BYTES: Final = 19
_FIXED: Final = struct.Struct(">h 4x36s 4x36s 4x36s 4xq 4xq 4xq")
_LENGTH: Final = struct.Struct(">i")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SKEW: Final = 86_400_000_000
"""A day in microseconds: machines that append and machines that erase may differ by as much."""
# What is never NULL and always as long comes first, so that one step unpacks it.
_COLUMNS: Final = (
    "e.id::text, e.workspace_id::text, e.contact_id::text, e.received_at, {place}, e.kind,"
    " coalesce(e.request_id::text, ''), e.commitment, e.body, p.salt, p.body"
)
# Events of some seals in a row were made at one time, so their ids lie side by side: by these bounds a slice reads its own
# part of each table, and nothing is sorted on the way.
_SEALED: Final = (
    f"COPY (SELECT {_COLUMNS.format(place='l.seal_no, l.position::bigint')} FROM consent_leaves l"  # noqa: S608  no input in it
    " JOIN consent_events e ON e.id = l.event_id AND e.id BETWEEN {low} AND {high}"
    " LEFT JOIN consent_personal p ON p.event_id = e.id AND p.event_id BETWEEN {low} AND {high}"
    " WHERE l.workspace_id = {workspace} AND l.seal_no BETWEEN {first} AND {last}) TO STDOUT (FORMAT binary)"
)
_WAITING: Final = (
    f"COPY (SELECT {_COLUMNS.format(place='0::bigint, 0::bigint')} FROM consent_unsealed l"  # noqa: S608  no input in it
    " JOIN consent_events e ON e.id = l.event_id LEFT JOIN consent_personal p ON p.event_id = e.id)"
    " TO STDOUT (FORMAT binary)"
)
_BOUNDS: Final = (
    "WITH mine AS MATERIALIZED (SELECT event_id FROM consent_leaves WHERE workspace_id = %s AND seal_no BETWEEN %s AND %s)"
    " SELECT (SELECT event_id FROM mine ORDER BY event_id LIMIT 1), (SELECT event_id FROM mine ORDER BY event_id DESC LIMIT 1)"
)
_SEALS: Final = (
    "SELECT no, count, root, prev, hash FROM consent_seals"
    " WHERE workspace_id = %s AND no BETWEEN %s AND %s ORDER BY no"
)


class Row(NamedTuple):
    """An event as the server sent it; moments in microseconds since 2000."""

    id: bytes
    workspace: bytes
    contact: bytes
    received_at: int
    seal_no: int
    position: int
    kind: bytes | None
    request: bytes | None
    commitment: bytes | None
    body: bytes
    salt: bytes | None
    personal: bytes | None


@dataclass(frozen=True, slots=True)
class Slice:
    """Seals of one workspace from ``first`` to ``last``; without a workspace, the events that wait for a seal."""

    workspace_id: UUID | None = None
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What every slice needs to know, read once.

    Args:
        url: of the database; ``role``: the one that reads.
        snapshot: the planner's; empty for whatever is there now.
        texts: SHA-256 in hexadecimal of each wording by its id.
        erased: until when the personal parts of a contact may be missing, by its id: microseconds since 2000.
    """

    url: str
    role: str
    snapshot: str
    texts: dict[str, str]
    erased: Mapping[str, int]


@dataclass(slots=True)
class Part:
    """What a slice came to."""

    events: int = 0
    seals: int = 0
    faults: list[str] = field(default_factory=list)


def check(known: Known, piece: Slice) -> Part:
    """Check one slice, on a connection of its own."""
    part = Part()
    with _without_collector(), _reader(known) as connection:
        if piece.workspace_id is None:
            for row in _rows(connection, sql.SQL(_WAITING)):
                _check_event(row, known, part)
        else:
            _check_seals(connection, known, piece, part)
    return part


def microseconds(at: datetime) -> int:
    """A moment as rows tell it: microseconds since 2000."""
    return (at - _EPOCH) // _MICROSECOND


def use_cores() -> int:
    """How many processes are worth starting."""
    return max(1, len(os.sched_getaffinity(0)))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Nothing here goes in circles: to look for circles among all these hashes takes a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _reader(known: Known) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(known.url, autocommit=True, application_name="nod") as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(known.role)))
        connection.execute("SET max_parallel_workers_per_gather = 0")
        connection.execute("SET work_mem = '64MB'")
        connection.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if known.snapshot:
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(known.snapshot)))
        yield connection
        connection.execute("ROLLBACK")


def _check_seals(connection: psycopg.Connection[Any], known: Known, piece: Slice, part: Part) -> None:
    """Each seal of the slice against the one before it and the events under it."""
    assert piece.workspace_id is not None
    before = connection.execute(_SEALS, (piece.workspace_id, piece.first - 1, piece.first - 1)).fetchone()
    prev = before[4] if before else FIRST
    expected = piece.first if before else 1
    with connection.cursor(binary=True) as cursor:
        seals = cursor.execute(_SEALS, (piece.workspace_id, piece.first, piece.last)).fetchall()
    leaves: dict[int, list[tuple[int, bytes]]] = {seal[0]: [] for seal in seals}
    for row in _sealed(connection, piece):
        leaves.setdefault(row.seal_no, []).append((row.position, _check_event(row, known, part)))
    for no, count, root, was, own in seals:
        part.seals += 1
        fault = _seal_fault(
            piece.workspace_id, (no, count, root, was, own), _in_order(leaves[no]), expected, prev
        )
        if fault:
            part.faults.append(f"seal {no} of workspace {piece.workspace_id}: {fault}")
        expected, prev = no + 1, own


def _sealed(connection: psycopg.Connection[Any], piece: Slice) -> Iterator[Row]:
    """The events under the seals of a slice, in any order."""
    where = (piece.workspace_id, piece.first, piece.last)
    bounds = connection.execute(_BOUNDS, where).fetchone()
    if bounds is None or bounds[0] is None:
        return
    names = ("workspace", "first", "last", "low", "high")
    values = {name: sql.Literal(value) for name, value in zip(names, (*where, *bounds), strict=True)}
    # By hash: the planner cannot know that both bounds mean the same rows, and would look each of them up.
    for kind in ("mergejoin", "nestloop"):
        connection.execute(sql.SQL("SET LOCAL {} = off").format(sql.Identifier(f"enable_{kind}")))
    yield from _rows(connection, sql.SQL(_SEALED).format(**values))


def _in_order(leaves: list[tuple[int, bytes]]) -> list[bytes]:
    """Their hashes by position, up to where one is missing."""
    leaves.sort()
    return [hashed for place, (position, hashed) in enumerate(leaves) if place == position]


def _seal_fault(
    workspace_id: UUID,
    seal: tuple[int, int, bytes, bytes, bytes],
    leaves: list[bytes],
    expected: int,
    before: bytes,
) -> str:
    no, count, root, prev, own = seal
    if no != expected:
        return f"seal {expected} is missing"
    if prev != before:
        return "it does not follow the seal before it"
    if count != len(leaves) or not leaves:
        return f"it holds {count} events, {len(leaves)} are there"
    if merkle_root(leaves) != root:
        return "an event under it was changed"
    if seal_hash(workspace_id, no, count, root, prev) != own:
        return "its own hash was changed"
    return ""


def _check_event(row: Row, known: Known, part: Part) -> bytes:
    """Check an event and give the hash of its leaf."""
    part.events += 1
    fault = _event_fault(row, known)
    if fault:
        part.faults.append(f"event {row.id.decode()}: {fault}")
    return leaf(row.body)


def _event_fault(row: Row, known: Known) -> str:
    try:
        body: dict[str, Any] = orjson.loads(row.body)
    except ValueError:
        return "its body cannot be read"
    if not _columns_agree(row, body):
        return "a column differs from the sealed body"
    for shown in body.get("texts") or ():
        if known.texts.get(shown["id"]) != shown["sha256"]:
            return f"the text {shown['id']} is not the one that was shown"
    if row.commitment is None:
        return "a personal record was added" if row.personal is not None else ""
    if row.personal is None or row.salt is None:
        is_erased = row.received_at <= known.erased.get(body["contact"], -_SKEW) + _SKEW
        return "" if is_erased else "its personal record is missing, and nothing says that it was erased"
    is_same = commitment(row.salt, row.personal) == row.commitment
    return "" if is_same else "its personal record was changed"


def _columns_agree(row: Row, body: dict[str, Any]) -> bool:
    committed = row.commitment
    try:
        return (
            row.id == body["id"].encode()
            and row.workspace == body["workspace"].encode()
            and row.contact == body["contact"].encode()
            and row.kind == body["kind"].encode()
            and row.request == (body["request"] or "").encode()
            and row.received_at == microseconds(datetime.fromisoformat(body["received_at"]))
            and body["commitment"] == (committed.hex() if committed is not None else None)
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        return False


def _rows(connection: psycopg.Connection[Any], query: sql.SQL | sql.Composed) -> Iterator[Row]:
    """The rows of a binary COPY; the server sends one row in each message.

    By libpq's own calls: what psycopg does for each row beyond them takes a quarter of the whole time.
    """
    wire = connection.pgconn
    begun = wire.exec_(query.as_bytes(connection))
    if begun.status != ExecStatus.COPY_OUT:
        raise psycopg.OperationalError(begun.error_message.decode(errors="replace"))
    while True:
        length, data = wire.get_copy_data(0)
        if length <= 0:
            break
        message = bytes(data)
        at = _HEAD_BYTES if message.startswith(_SIGNATURE) else 0
        if length - at > _FIXED.size:  # all but the trailer
            yield _row(message, at)
    ended = wire.get_result()
    while wire.get_result() is not None:
        pass
    if length < -1 or ended is None or ended.status != ExecStatus.COMMAND_OK:
        raise psycopg.OperationalError("The server stopped in the middle of the ledger.")


def _row(message: bytes, at: int) -> Row:
    _, event_id, workspace, contact, received_at, seal_no, position = _FIXED.unpack_from(message, at)
    at += _FIXED.size
    rest: list[bytes | None] = []
    for _ in range(6):
        (length,) = _LENGTH.unpack_from(message, at)
        at += 4
        if length < 0:
            rest.append(None)
        else:
            rest.append(message[at : at + length])
            at += length
    kind, request, committed, body, salt, personal = rest
    return Row(
        event_id,
        workspace,
        contact,
        received_at,
        seal_no,
        position,
        kind,
        request,
        committed,
        body or b"",
        salt,
        personal,
    )


def text_fault(body: str, sha256: bytes) -> bool:
    """Whether a wording is not the one that was stored."""
    return hashlib.sha256(body.encode()).digest() != sha256
