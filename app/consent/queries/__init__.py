"""Reads about permission. ``gate.gate_sql`` is the only text of the question "may we write?"."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, text

from app.consent.law import law_of
from app.consent.models import (
    ConsentPersonal,
    ConsentRequest,
    ConsentText,
    Interest,
    Permission,
    PermissionSettings,
    Reach,
    Suppression,
)
from app.consent.queries.gate import (
    MINE,
    STANDING,
    TRACKED,
    VETOED,
    audience_sql,
    contact_word_sql,
    gate_sql,
    live_sql,
    system_gate_sql,
    word_sql,
)
from app.consent.rules import Digest, Level, Purpose, RequestState, Standing, State, Word
from app.consent.rules.merging import MERGED
from app.kernel import clock, shared, tokens
from app.kernel.db import array_of, session
from app.kernel.errors import NotFound
from app.kernel.shared import Shared

__all__ = ["TRACKED", "audience_sql", "contact_word_sql", "gate_sql", "law_of", "live_sql", "system_gate_sql", "word_sql"]


ROWS_EACH: Final = 4
"""Rows that are looked at for one person: their own, their words and their vetoes."""
# The same words as ``contact_word_sql``, by two hash joins instead of two look-ups a person: a fifth of the time
# over 100,000 people (0.5 s instead of 2.5 s on two busy cores).
_WORDS: Final = (
    "SELECT CASE WHEN v.contact_id IS NOT NULL THEN 'never' ELSE coalesce(p.word, 'no') END AS word, count(*)"  # noqa: S608
    " FROM contacts c"
    " LEFT JOIN (SELECT contact_id FROM reach WHERE workspace_id = :workspace_id AND channel = 'email'"
    "  AND num_nonnulls(suppressed_at, objected_at, erased_at) > 0) v ON v.contact_id = c.id"
    " LEFT JOIN (SELECT contact_id,"
    f"  CASE WHEN bool_or({live_sql('p')}) THEN 'yes'"
    "  WHEN bool_or(state = 'asked') THEN 'asked' ELSE 'no' END AS word FROM permissions p"
    "  WHERE workspace_id = :workspace_id AND channel = 'email' AND purpose = 'marketing' GROUP BY contact_id"
    " ) p ON p.contact_id = c.id"
    " WHERE c.workspace_id = :workspace_id AND c.erased_at IS NULL AND c.merged_into IS NULL{few} GROUP BY 1"
)
_MANY = "EXISTS (SELECT FROM contacts WHERE workspace_id = :workspace_id OFFSET :most)"
_OF_FEW = text(_WORDS.format(few=f" AND NOT {_MANY}") + f" UNION ALL SELECT 'many', 1 WHERE {_MANY}")
_COUNTS = text(_WORDS.format(few=""))


_counted: Shared[dict[str, int]] = Shared()


def counts_by_word(workspace_id: UUID, now: datetime) -> dict[str, int]:
    """People by their word; all four words are there. Of many it may be what was counted some seconds ago."""
    known = _counted.find(workspace_id)
    if known is not None:
        return known
    found = _words(session().execute(_COUNTS, {"workspace_id": workspace_id, "now": now}))
    return _counted.keep(workspace_id, found, ROWS_EACH * sum(found.values()))


def counts_at_hand(workspace_id: UUID, now: datetime) -> dict[str, int] | None:
    """The same where nobody waits for it; None where there are so many that counting them takes its time."""
    known = _counted.find(workspace_id)
    if known is not None:
        return known
    values = {"workspace_id": workspace_id, "now": now, "most": shared.ALWAYS}
    found = _words(session().execute(_OF_FEW, values))
    return None if "many" in found else found


def _words(rows: Iterable[Any]) -> dict[str, int]:
    return {word.value: 0 for word in Word} | {word: n for word, n in rows}  # noqa: C416  rows, not pairs


def list_interests(workspace_id: UUID, *, include_archived: bool = False) -> list[Interest]:
    """The lists that people may choose, in their order."""
    query = select(Interest).where(Interest.workspace_id == workspace_id)
    if not include_archived:
        query = query.where(Interest.archived_at.is_(None))
    return list(session().execute(query.order_by(Interest.position, Interest.name)).scalars())


def get_interests(workspace_id: UUID, ids: Sequence[UUID]) -> list[Interest]:
    """These interests, archived ones too; those of another workspace are left out."""
    query = select(Interest).where(Interest.workspace_id == workspace_id, Interest.id.in_(ids))
    return list(session().execute(query.order_by(Interest.position, Interest.name)).scalars())


def get_text(workspace_id: UUID, text_id: UUID) -> ConsentText:
    """A wording as shown."""
    query = select(ConsentText).where(ConsentText.workspace_id == workspace_id, ConsentText.id == text_id)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This text is not here.")
    return found


def find_request(request_id: UUID) -> ConsentRequest | None:
    """A request by its unguessable id, whatever its workspace; only for holders of its token."""
    return (
        session().execute(select(ConsentRequest).where(ConsentRequest.id == request_id)).scalar_one_or_none()
    )


def find_newest_request(workspace_id: UUID, contact_id: UUID) -> ConsentRequest | None:
    """The last question put to a person."""
    query = select(ConsentRequest).where(
        ConsentRequest.workspace_id == workspace_id, ConsentRequest.contact_id == contact_id
    )
    newest = query.order_by(ConsentRequest.created_at.desc(), ConsentRequest.id.desc()).limit(1)
    return session().execute(newest).scalar_one_or_none()


def count_form_requests(workspace_id: UUID, form_id: UUID, since: datetime) -> tuple[int, int]:
    """How many questions were put through a form since then, and how many of them were answered with yes."""
    query = select(
        func.count(), func.count().filter(ConsentRequest.state == RequestState.CONFIRMED.value)
    ).where(
        ConsentRequest.workspace_id == workspace_id,
        ConsentRequest.form_id == form_id,
        ConsentRequest.created_at >= since,
    )
    asked, confirmed = session().execute(query).one()
    return int(asked), int(confirmed)


def request_by_token(token: str) -> ConsentRequest:
    """The request that a confirm link names: base64url(request id ‖ MAC(request id ‖ nonce)).

    Raises:
        NotFound: not a token of ours.
    """
    raw = tokens.decode(token)
    if len(raw) != 16 + tokens.MAC_BYTES:
        raise NotFound
    found = find_request(UUID(bytes=raw[:16]))
    if found is None or not tokens.mac_matches("confirm", found.id.bytes + found.nonce, raw[16:]):
        raise NotFound
    return found


def confirm_token(request: ConsentRequest) -> str:
    """The token of a request's confirm link; recomputed at each rendering, stored nowhere."""
    return tokens.encode(request.id.bytes + tokens.mac("confirm", request.id.bytes + request.nonce))


def find_permission(permission_id: UUID) -> Permission | None:
    """A permission by its unguessable id; only for holders of a token with it."""
    return session().execute(select(Permission).where(Permission.id == permission_id)).scalar_one_or_none()


def find_reach_by_id(reach_id: UUID) -> Reach | None:
    """A reach by its unguessable id; only for holders of a token with it."""
    return session().execute(select(Reach).where(Reach.id == reach_id)).scalar_one_or_none()


def find_reach(workspace_id: UUID, contact_id: UUID, channel: str = "email") -> Reach | None:
    """Whether and how a person may be reached on a channel."""
    query = select(Reach).where(
        Reach.workspace_id == workspace_id, Reach.contact_id == contact_id, Reach.channel == channel
    )
    return session().execute(query).scalar_one_or_none()


def list_reach(workspace_id: UUID, contact_id: UUID) -> list[Reach]:
    """Whether and how a person may be reached, channel by channel."""
    query = select(Reach).where(Reach.workspace_id == workspace_id, Reach.contact_id == contact_id)
    return list(session().execute(query.order_by(Reach.channel)).scalars())


def list_permissions(workspace_id: UUID, contact_id: UUID) -> list[Permission]:
    """All permissions of a person, tracking included."""
    query = select(Permission).where(
        Permission.workspace_id == workspace_id, Permission.contact_id == contact_id
    )
    return list(session().execute(query.order_by(Permission.id)).scalars())


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person has chosen: the state of each interest that was ever asked about, and the tracking level."""

    interests: dict[UUID, State]
    tracking: Level


def choices(workspace_id: UUID, contact_id: UUID, channel: str = "email") -> Choices:
    """A person's choices on a channel; tracking is none until they allowed more. A yes that is over is a no."""
    states: dict[UUID, State] = {}
    level, now = Level.NONE, clock.now()
    for permission in list_permissions(workspace_id, contact_id):
        if permission.channel != channel:
            continue
        is_over = permission.valid_until is not None and permission.valid_until <= now
        state = State.NO if is_over and permission.state == State.YES else State(permission.state)
        if permission.purpose == Purpose.TRACKING and state is State.YES and permission.level:
            level = Level(permission.level)
        elif permission.interest_id is not None:
            states[permission.interest_id] = state
    return Choices(states, level)


def has_tracking(workspace_id: UUID, contact_id: UUID, channel: str = "email") -> bool:
    """Whether anything was ever said about seeing this person's opens and clicks."""
    query = select(Permission.id).where(
        Permission.workspace_id == workspace_id,
        Permission.contact_id == contact_id,
        Permission.purpose == Purpose.TRACKING,
        Permission.channel == channel,
    )
    return session().execute(query).first() is not None


def keeps_last_open(workspace_id: UUID) -> bool:
    """Whether the workspace keeps the day of the last open of who was never asked, where their law lets it."""
    found = session().get(PermissionSettings, workspace_id)
    return found is not None and found.keeps_last_open


def notice_text(workspace_id: UUID, url: str) -> UUID | None:
    """The words of the privacy notice that stands there, as they were read last; None: they never were."""
    found = session().get(PermissionSettings, workspace_id)
    return found.notice_text_id if found is not None and url and found.notice_url == url else None


# Asked for by the thousand, so the ids are bound as one text. Each is looked up by itself, whatever the planner believes
# of tables that have just grown, and locked in one order.
_TRACKING_SQL = (
    "SELECT p.contact_id, p.level FROM (SELECT id FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (id) ORDER BY id"
    " OFFSET 0) AS w CROSS JOIN LATERAL (SELECT contact_id, level FROM permissions WHERE contact_id = w.id"
    " AND purpose = 'tracking' AND channel = :channel AND state = 'yes' AND level IS NOT NULL {how}) AS p"
)
_TRACKING, _TRACKING_LOCKED = (text(_TRACKING_SQL.format(how=how)) for how in ("OFFSET 0", "FOR SHARE"))


def tracking_levels(
    contact_ids: Collection[UUID], *, channel: str = "email", lock: bool = False
) -> dict[UUID, Level]:
    """How far each of these people lets us see opens and clicks; who is missing allows nothing.

    With ``lock`` it holds until the transaction ends: who withdraws meanwhile waits, and a withdrawal that is
    under way is waited for.
    """
    found = session().execute(_TRACKING_LOCKED if lock else _TRACKING, {"ids": array_of(contact_ids), "channel": channel})
    return {contact_id: _LEVELS[level] for contact_id, level in found.all()}


def standing(permission: Permission | None, reach: Reach | None) -> Standing:
    """The two rows as the pure gate sees them."""
    return Standing(
        state=State(permission.state) if permission else State.NO,
        valid_until=permission.valid_until if permission else None,
        paused_until=permission.paused_until if permission else None,
        suppressed_at=reach.suppressed_at if reach else None,
        objected_at=reach.objected_at if reach else None,
        erased_at=reach.erased_at if reach else None,
        all_paused_until=reach.paused_until if reach else None,
        digest=Digest(reach.digest) if reach and reach.digest else None,
    )


def count_requests(workspace_id: UUID, contact_id: UUID, since: datetime) -> int:
    """How often the person was asked since then."""
    query = select(ConsentRequest.id).where(
        ConsentRequest.workspace_id == workspace_id,
        ConsentRequest.contact_id == contact_id,
        ConsentRequest.created_at >= since,
    )
    return len(session().execute(query.limit(100)).all())


def list_form_requests(
    workspace_id: UUID, contact_ids: Sequence[UUID], since: datetime
) -> list[tuple[datetime, UUID]]:
    """When these people were asked through forms since then, oldest first, with each request's id."""
    query = select(ConsentRequest.created_at, ConsentRequest.id).where(
        ConsentRequest.workspace_id == workspace_id,
        ConsentRequest.contact_id.in_(contact_ids),
        ConsentRequest.created_at >= since,
        ConsentRequest.form_id.is_not(None),
    )
    rows = session().execute(query.order_by(ConsentRequest.created_at, ConsentRequest.id))
    return [(created_at, request_id) for created_at, request_id in rows]


def is_forgotten(workspace_id: UUID, contact_id: UUID) -> bool:
    """Whether the person was erased and nothing personal was written since."""
    reach = find_reach(workspace_id, contact_id)
    personal = select(ConsentPersonal.event_id).where(
        ConsentPersonal.workspace_id == workspace_id, ConsentPersonal.contact_id == contact_id
    )
    erased = reach is not None and reach.erased_at is not None
    return erased and session().execute(personal.limit(1)).first() is None


def find_suppression(workspace_id: UUID, address_hash: bytes, channel: str = "email") -> Suppression | None:
    """Whether this address was suppressed or erased before."""
    query = select(Suppression).where(
        Suppression.workspace_id == workspace_id,
        Suppression.channel == channel,
        Suppression.address_hash == address_hash,
    )
    return session().execute(query).scalar_one_or_none()


def find_suppressions(
    workspace_id: UUID, hashes: Collection[bytes], channel: str = "email"
) -> list[Suppression]:
    """Those of these addresses that were suppressed or erased before."""
    query = select(Suppression).where(
        Suppression.workspace_id == workspace_id,
        Suppression.channel == channel,
        Suppression.address_hash.in_(hashes),
    )
    return list(session().execute(query).scalars())


_REACH_IDS = text(
    "SELECT contact_id, id FROM reach WHERE workspace_id = :workspace_id AND channel = 'email'"
    " AND contact_id = ANY(CAST(CAST(:ids AS text) AS uuid[]))"
)


def find_reach_ids(workspace_id: UUID, contact_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """By person the id of their reach by email; who has none is missing."""
    values = {"workspace_id": workspace_id, "ids": array_of(contact_ids)}
    return {row[0]: row[1] for row in session().execute(_REACH_IDS, values)}


# Who was merged is counted as who they are now.
_LIVING = f"AND r.suppressed_reason IS DISTINCT FROM '{MERGED}'"
# About one interest everybody has one row, so that nobody needs to be looked for twice.
_STANDINGS_OF_ONE = text(
    f"SELECT word, count(*) FROM (SELECT {STANDING} AS word FROM permissions p {VETOED} WHERE {MINE} {_LIVING}) AS people"  # noqa: S608
    " GROUP BY word"
)
_STANDINGS = text(
    f"SELECT word, count(*) FROM (SELECT min({STANDING} COLLATE \"C\") AS word FROM permissions p {VETOED}"  # noqa: S608
    f" WHERE {MINE} {_LIVING} GROUP BY p.contact_id) AS people GROUP BY word"
)


def count_standings(workspace_id: UUID, interest_ids: Sequence[UUID], now: datetime) -> dict[str, int]:
    """All who were ever asked about one of these interests, by what the gate says of them: ``may``, or why not."""
    values = {"workspace_id": workspace_id, "interests": list(interest_ids), "now": now}
    statement = _STANDINGS_OF_ONE if len(interest_ids) == 1 else _STANDINGS
    return {word[1:]: count for word, count in session().execute(statement, values)}


_LEVELS: dict[str | None, Level] = {None: Level.NONE, **{level.value: level for level in Level}}


@dataclass(slots=True)
class Ground:
    """What one letter to one person stands on: the interest, the moment of the yes, and how far it may look back."""

    interest_id: UUID
    interest_name: str
    said_at: datetime
    tracking: Level


_GROUNDS = text(
    "SELECT p.id, i.id AS interest_id, i.name, e.received_at, t.level FROM permissions p"
    " JOIN interests i ON i.id = p.interest_id JOIN consent_events e ON e.id = p.event_id"
    " LEFT JOIN permissions t ON t.workspace_id = p.workspace_id AND t.contact_id = p.contact_id"
    " AND t.purpose = 'tracking' AND t.channel = p.channel AND t.interest_id IS NULL AND t.state = 'yes'"
    " WHERE p.workspace_id = :workspace_id AND p.id = ANY(CAST(CAST(:ids AS text) AS uuid[]))"
)


def find_grounds(workspace_id: UUID, permission_ids: Collection[UUID]) -> dict[UUID, Ground]:
    """What letters stand on, by permission; tracking is none until the person allowed more."""
    values = {"workspace_id": workspace_id, "ids": array_of(permission_ids)}
    rows = session().execute(_GROUNDS, values).all()
    return {row[0]: Ground(row[1], row[2], row[3], _LEVELS[row[4]]) for row in rows}
