"""The ledger's writing side: canonical bytes, commitments, one statement per event.

Format ``nod.consent/1``. An event's body is JSON with sorted keys, no spaces, UTF-8; its leaf is
SHA-256(0x00 ‖ body). What is personal is JSON of the same kind, and the body holds
SHA-256(salt ‖ personal) in hexadecimal, so that erasure takes the person and leaves the chain.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.consent.rules import By, Kind
from app.kernel import clock
from app.kernel.db import copy_rows, session
from app.kernel.ids import uuid7

SCHEMA = "nod.consent/1"
SALT_BYTES = 16
COPIED_FROM = 200
"""From so many events on, COPY is worth its three streams."""

# Event, personal part and the mark "not sealed yet" are one statement: one round trip, and never one without the others.
_APPEND = text(
    """
    WITH event AS (
        INSERT INTO consent_events (id, workspace_id, contact_id, kind, request_id, received_at, commitment, body)
        VALUES (:id, :workspace_id, :contact_id, :kind, :request_id, :received_at, :commitment, :body)
    ), personal AS (
        INSERT INTO consent_personal (event_id, workspace_id, contact_id, salt, body)
        SELECT :id, :workspace_id, :contact_id, :salt, :personal WHERE :has_personal
    )
    INSERT INTO consent_unsealed (event_id, workspace_id, inserted_at) VALUES (:id, :workspace_id, :received_at)
    """
)
_EVENTS = text(
    "INSERT INTO consent_events (id, workspace_id, contact_id, kind, request_id, received_at, commitment, body)"
    " VALUES (:id, :workspace_id, :contact_id, :kind, :request_id, :received_at, :commitment, :body)"
)
_PERSONAL = text(
    "INSERT INTO consent_personal (event_id, workspace_id, contact_id, salt, body)"
    " VALUES (:id, :workspace_id, :contact_id, :salt, :personal)"
)
_UNSEALED = text(
    "INSERT INTO consent_unsealed (event_id, workspace_id, inserted_at) VALUES (:id, :workspace_id, :received_at)"
)
_ERASE = text("SELECT consent_erase(:id, :workspace_id, :contact_id, :received_at, :body)")


@dataclass(frozen=True, slots=True)
class Entry:
    """What an event says; ``about`` joins the body, ``personal`` stays behind the commitment."""

    kind: Kind
    workspace_id: UUID
    contact_id: UUID
    by: By
    about: dict[str, Any]
    personal: dict[str, Any]
    request_id: UUID | None = None
    method: str = "web"


def canonical(value: dict[str, Any]) -> bytes:
    """The bytes that are hashed: sorted keys, no spaces, UTF-8. Texts, whole numbers, truths, None, lists and objects."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def leaf(body: bytes) -> bytes:
    """The hash of one event."""
    return hashlib.sha256(b"\x00" + body).digest()


def commitment(salt: bytes, personal: bytes) -> bytes:
    """What the body says of the personal part."""
    return hashlib.sha256(salt + personal).digest()


@lru_cache(maxsize=1024)  # thousands of events of one import say the same two
def moment(at: datetime) -> str:
    """An instant as the body writes it: UTC, microseconds."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def append(entry: Entry) -> UUID:
    """Write an event inside the caller's transaction and give its id."""
    row = _row(entry, clock.now(), secrets.token_bytes(SALT_BYTES))
    session().execute(_APPEND, row | {"has_personal": row["commitment"] is not None})
    event_id: UUID = row["id"]
    return event_id


def append_all(entries: Sequence[Entry]) -> list[UUID]:
    """The same for many, by three statements; their ids in the same order."""
    if len(entries) == 1:
        return [append(entries[0])]
    now = clock.now()
    # Once: asking the system for each takes as long as hashing what it is for.
    salts = secrets.token_bytes(SALT_BYTES * len(entries))
    rows = [_row(entry, now, salts[n * SALT_BYTES : (n + 1) * SALT_BYTES]) for n, entry in enumerate(entries)]
    if len(rows) >= COPIED_FROM:
        _copy(rows)
        return [row["id"] for row in rows]
    with_personal = [row for row in rows if row["commitment"] is not None]
    for statement, those in (
        (_EVENTS, rows),
        (_PERSONAL, with_personal),
        (_UNSEALED, rows),
    ):
        if those:
            session().execute(statement, those)
    return [row["id"] for row in rows]


def _copy(rows: Sequence[dict[str, Any]]) -> None:
    """Thousands at once, as an import brings them."""
    ids = [row["id"].hex for row in rows]
    copy_rows(
        "consent_events",
        ("id", "workspace_id", "contact_id", "kind", "request_id", "received_at", "commitment", "body"),
        (
            (event_id, row["workspace_id"].hex, row["contact_id"].hex, row["kind"], row["request_id"],
             row["received_at"], row["commitment"], row["body"])
            for event_id, row in zip(ids, rows, strict=True)
        ),
    )  # fmt: skip
    copy_rows(
        "consent_personal",
        ("event_id", "workspace_id", "contact_id", "salt", "body"),
        (
            (event_id, row["workspace_id"].hex, row["contact_id"].hex, row["salt"], row["personal"])
            for event_id, row in zip(ids, rows, strict=True)
            if row["commitment"] is not None
        ),
    )
    copy_rows(
        "consent_unsealed",
        ("event_id", "workspace_id", "inserted_at"),
        ((event_id, row["workspace_id"].hex, row["received_at"]) for event_id, row in zip(ids, rows, strict=True)),
    )


def _row(entry: Entry, now: datetime, salt: bytes) -> dict[str, Any]:
    event_id = uuid7()
    personal = canonical({key: value for key, value in entry.personal.items() if value not in (None, "")})
    committed = commitment(salt, personal) if entry.personal else None
    return {
        "id": event_id, "workspace_id": entry.workspace_id, "contact_id": entry.contact_id,
        "kind": entry.kind.value, "request_id": entry.request_id, "received_at": now,
        "commitment": committed, "body": _body(entry, event_id, now, committed), "salt": salt, "personal": personal,
    }  # fmt: skip


def erase(entry: Entry) -> UUID:
    """Append an ``erased`` event and delete the person's personal rows with their salts, in one function of the database."""
    event_id, now = uuid7(), clock.now()
    body = _body(entry, event_id, now, None)
    values = {"workspace_id": entry.workspace_id, "contact_id": entry.contact_id}
    session().execute(_ERASE, {"id": event_id, **values, "received_at": now, "body": body})
    return event_id


def _body(entry: Entry, event_id: UUID, now: datetime, committed: bytes | None) -> bytes:
    return canonical(
        {
            "schema": SCHEMA,
            "id": str(event_id),
            "workspace": str(entry.workspace_id),
            "contact": str(entry.contact_id),
            "kind": entry.kind.value,
            "request": str(entry.request_id) if entry.request_id else None,
            "received_at": moment(now),
            "actor": {"kind": entry.by.kind, "id": entry.by.id},
            "method": entry.method,
            "commitment": committed.hex() if committed else None,
            **entry.about,
        }
    )
