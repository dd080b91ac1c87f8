"""Reads of campaigns, together with their mailings, messages and signals below."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, TextClause, select, text

from app.campaigns.models import Campaign
from app.campaigns.rules import LEFT_OUT, MAILING_STATES, Progress, Reckoning, State, state_of
from app.consent.queries.gate import VETOED, gate_sql
from app.delivery import queries as outbox
from app.delivery.queries import Counted, Recipient
from app.delivery.rules import STATES, Leaving, MessageState, Refusal, Word
from app.delivery.rules.hours import PLAIN, Timing, timing_of
from app.kernel import clock
from app.kernel.db import array_of, session
from app.kernel.errors import Conflict, NotFound, Unavailable
from app.kernel.paging import Page, decode_cursor, encode_cursor, read_position, turn
from app.kernel.shared import Shared
from app.segments import queries as segments
from app.tracking import queries as tracking

PAGE_ROWS = 25
PEOPLE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """A campaign with what its mailing says; times are None where that has not happened.

    Attributes:
        segment: the name of the segment whose people only get it, or empty.
        at: when it begins, or began; where everybody's own clock counts, by the workspace's.
        begins_at: when its audience is made and its first mail may leave.
        timing: when each mail leaves.
        audience: how many people it was frozen for; None before.
        pause_reason: why it stands still, in words.
        is_joined: people who have not got it, or are in doubt, are being put back among those who wait.
        launched_by: who pressed the button.
        is_trial: it goes out in parts, each with a mailing of its own; it has none itself.
        part_of: the trial that this is a part of.
        part: which of them: a variant's letter, or ``rest``.
        series_of: the series whose letter and audience this is; it is never launched itself.
        issue_of: the series that this is an issue of.
    """

    id: UUID
    name: str
    subject: str
    letter_id: UUID
    interests: tuple[UUID, ...]
    segment_id: UUID | None
    segment: str
    delay_seconds: int
    created_at: datetime
    mailing_no: int | None
    state: State
    version_id: UUID | None = None
    at: datetime | None = None
    launched_at: datetime | None = None
    frozen_at: datetime | None = None
    ended_at: datetime | None = None
    audience: int | None = None
    pause_reason: str = ""
    is_joined: bool = False
    launched_by: UUID | None = None
    version_number: int = 0
    sender: dict[str, Any] | None = None
    is_trial: bool = False
    part_of: UUID | None = None
    part: str = ""
    begins_at: datetime | None = None
    timing: Timing = PLAIN
    series_of: UUID | None = None
    issue_of: UUID | None = None


# A trial is over when it is decided and each of its parts has ended.
_STATE = """coalesce(m.state, CASE WHEN t.launched_at IS NULL THEN 'draft' WHEN t.decided_at IS NULL OR EXISTS (
  SELECT FROM campaigns p JOIN mailings g ON g.no = p.mailing_no WHERE p.part_of = c.id AND g.ended_at IS NULL
) THEN 'trying' ELSE 'done' END)"""
_AT = "coalesce(CAST(m.timing ->> 'at' AS timestamptz), m.send_at, m.created_at)"
_STANDING = f"""
SELECT c.id, c.name, coalesce(v.subject, l.subject) AS subject, c.letter_id, c.interests, c.segment_id, s.name AS segment, c.delay_seconds,
       c.created_at, c.mailing_no, {_STATE} AS state, m.content_version_id,
       coalesce({_AT}, t.launched_at) AS at, m.send_at, m.timing, coalesce(m.created_at, t.launched_at) AS launched_at, v.number AS version_number, m.frozen_at, m.ended_at, m.audience, m.pause_reason,
       m.again IS NOT NULL AS is_joined, coalesce(m.launched_by, t.launched_by) AS launched_by, m.sender,
       t.launched_at IS NOT NULL AS is_trial, c.part_of, c.part, sr.id AS series_of, i.series_id AS issue_of
FROM campaigns c
JOIN letters l ON l.id = c.letter_id
LEFT JOIN segments s ON s.id = c.segment_id
LEFT JOIN mailings m ON m.no = c.mailing_no
LEFT JOIN letter_versions v ON v.id = m.content_version_id
LEFT JOIN campaign_trials t ON t.campaign_id = c.id
LEFT JOIN campaign_series sr ON sr.campaign_id = c.id
LEFT JOIN campaign_issues i ON i.campaign_id = c.id
WHERE c.workspace_id = :workspace_id
"""  # noqa: S608  no input in it
_LISTED = (
    " AND c.archived_at IS NULL AND c.part_of IS NULL AND sr.id IS NULL"
    f" AND (CAST(:states AS text[]) IS NULL OR {_STATE} = ANY(:states))"
)
_ONE = text(_STANDING + " AND c.id = :id")
_PARTS = text(_STANDING + " AND c.part_of = :id ORDER BY c.part")
_OLDER = text(_STANDING + _LISTED + " AND c.id < :id ORDER BY c.id DESC LIMIT :limit")
_NEWER = text(_STANDING + _LISTED + " AND c.id > :id ORDER BY c.id LIMIT :limit")
_BETWEEN = text(
    _STANDING + f" AND c.archived_at IS NULL AND c.mailing_no IS NOT NULL AND {_AT} >= :start"
    f" AND {_AT} < :stop ORDER BY at, c.id LIMIT 500"
)
_FORMER = text(
    _STANDING + " AND c.archived_at IS NULL AND m.frozen_at < :before AND c.id <> :id AND m.audience > 0"
    " ORDER BY m.frozen_at DESC, c.id DESC LIMIT :limit"
)
_THESE = text(_STANDING + " AND c.id = ANY(:ids)")
_STATES = text(
    f"SELECT {_STATE}, count(*) FROM campaigns c LEFT JOIN mailings m ON m.no = c.mailing_no"  # noqa: S608  no input in it
    " LEFT JOIN campaign_trials t ON t.campaign_id = c.id LEFT JOIN campaign_series sr ON sr.campaign_id = c.id"
    " WHERE c.workspace_id = :workspace_id AND c.archived_at IS NULL AND c.part_of IS NULL AND sr.id IS NULL GROUP BY 1"
)
_LAST = UUID(int=2**128 - 1)
STATE_WORDS = {
    MessageState.PENDING: "waiting",
    MessageState.CLAIMED: "about to leave",
    MessageState.ATTEMPTING: "on its way",
    MessageState.SENT: "accepted by the receiver",
}
"""What is said of a message that has no reason."""


def get_campaign(workspace_id: UUID, campaign_id: UUID) -> Campaign:
    """The row of a campaign.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(Campaign).where(Campaign.workspace_id == workspace_id, Campaign.id == campaign_id)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This campaign is not here.")
    return found


def get_standing(workspace_id: UUID, campaign_id: UUID) -> Standing:
    """A campaign and where it stands.

    Raises:
        NotFound: none of this workspace.
    """
    row = session().execute(_ONE, {"workspace_id": workspace_id, "id": campaign_id}).one_or_none()
    if row is None:
        raise NotFound("This campaign is not here.")
    return _standing(row)


def list_parts(workspace_id: UUID, campaign_id: UUID) -> list[Standing]:
    """The parts of a trial that have been launched: the variants in their order, then the rest."""
    return [_standing(row) for row in session().execute(_PARTS, {"workspace_id": workspace_id, "id": campaign_id})]


def find_standings(workspace_id: UUID, campaign_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """These campaigns and where they stand."""
    values = {"workspace_id": workspace_id, "ids": list(campaign_ids)}
    return {row.id: _standing(row) for row in session().execute(_THESE, values)} if campaign_ids else {}


def list_campaigns(workspace_id: UUID, state: State | None = None, cursor: str = "") -> Page[Standing]:
    """Campaigns, newest first."""
    words = None if state is None else ["draft"] if state is State.DRAFT else list(MAILING_STATES[state])
    at = read_position(cursor, UUID)
    values = {
        "workspace_id": workspace_id, "states": words, "id": at.values[0] if at else _LAST, "limit": PAGE_ROWS + 1
    }  # fmt: skip
    found = session().execute(_NEWER if at and at.is_back else _OLDER, values)
    return turn([_standing(row) for row in found], PAGE_ROWS, at, lambda row: (row.id,))


def count_by_state(workspace_id: UUID) -> dict[State, int]:
    """Campaigns by state; every state is there."""
    counts = dict.fromkeys(State, 0)
    for word, number in session().execute(_STATES, {"workspace_id": workspace_id}):
        counts[state_of(word)] += number
    return counts


def list_between(workspace_id: UUID, first: date, last: date, zone: str) -> list[Standing]:
    """Campaigns that begin, or began, from one day to another (both included) of a zone."""
    local = ZoneInfo(zone)
    start = datetime(first.year, first.month, first.day, tzinfo=local)
    after = last + timedelta(days=1)
    stop = datetime(after.year, after.month, after.day, tzinfo=local)
    values = {"workspace_id": workspace_id, "start": start, "stop": stop}
    return [_standing(row) for row in session().execute(_BETWEEN, values)]


def list_former(workspace_id: UUID, standing: Standing, limit: int) -> list[Standing]:
    """Campaigns whose audience was made before that of this one, the newest first."""
    values = {"workspace_id": workspace_id, "id": standing.id, "before": standing.frozen_at, "limit": limit}
    return [_standing(row) for row in session().execute(_FORMER, values)]


def _standing(row: Row[Any]) -> Standing:
    if row.mailing_no is None:
        return Standing(
            row.id, row.name, row.subject, row.letter_id, tuple(map(UUID, row.interests)), row.segment_id, row.segment or "",
            row.delay_seconds, row.created_at, None, state_of(row.state), at=row.at, launched_at=row.launched_at,
            launched_by=row.launched_by, is_trial=row.is_trial, part_of=row.part_of, part=row.part or "",
            series_of=row.series_of, issue_of=row.issue_of,
        )  # fmt: skip
    return Standing(
        row.id, row.name, row.subject, row.letter_id, tuple(map(UUID, row.interests)), row.segment_id, row.segment or "",
        row.delay_seconds, row.created_at, row.mailing_no, state_of(row.state), row.content_version_id, row.at, row.launched_at,
        row.frozen_at, row.ended_at, row.audience, row.pause_reason or "", row.is_joined,
        row.launched_by, row.version_number or 0, row.sender, part_of=row.part_of, part=row.part or "",
        begins_at=row.send_at, timing=timing_of(row.timing),
        issue_of=row.issue_of,
    )  # fmt: skip


_looks: Shared[Counted] = Shared()
LEAST_SECONDS = 10.0
"""A rate says nothing about less."""


def count_ends(workspace_id: UUID, mailing_nos: Collection[int]) -> dict[int, Counted]:
    """How the messages of these mailings ended, each mailing at one moment.

    A large mailing whose messages were just moved is counted over them, for all who look and up to some seconds old.
    """
    found = {number: _looks.find((workspace_id, number)) for number in mailing_nos}
    counted = outbox.count_ends(workspace_id, [number for number, known in found.items() if known is None])
    kept = {number: _looks.keep((workspace_id, number), one, one.looked_at) for number, one in counted.items()}
    return {number: known or kept[number] for number, known in found.items()}


def progress_of(workspace_id: UUID, mailing_nos: Collection[int]) -> dict[int, Progress]:
    """How far these mailings are; the rate is that of the last minute. The numbers of a mailing are of one moment."""
    return {number: progress(found) for number, found in count_ends(workspace_id, mailing_nos).items()}


def progress(counted: Counted) -> Progress:
    """The same of what was counted."""
    words = counted.words
    return Progress(
        words[Word.WAITING], words[Word.SENT], words[Word.SKIPPED], words[Word.FAILED], words[Word.UNKNOWN],
        round(counted.lately * 60 / max(LEAST_SECONDS, counted.frozen_seconds)),
    )  # fmt: skip


def clicked(workspace_id: UUID, mailing_nos: Collection[int]) -> dict[int, int]:
    """People who clicked by hand, by mailing; mailings without any are missing."""
    return {number: found.clicked for number, found in tracking.count_readers(workspace_id, mailing_nos).items()}


_NARROWED = "/* narrowed */"
# One line a person: whether any chosen interest lets us write, else the best reason why none does.
_RECKONED = f"""
SELECT p.contact_id, CASE
  WHEN bool_or({gate_sql()}) THEN 'reached'
  WHEN bool_or(r.suppressed_at IS NOT NULL) THEN 'suppressed'
  WHEN bool_or(r.objected_at IS NOT NULL) THEN 'objected'
  WHEN bool_or(p.state = 'yes' AND greatest(p.paused_until, r.paused_until) > :now) THEN 'paused'
  WHEN bool_or(p.state = 'yes' AND r.digest IS NOT NULL) THEN 'digest'
  WHEN bool_or(p.state = 'yes') THEN 'ended'
  WHEN bool_or(p.state = 'asked') THEN 'asked'
  ELSE 'no' END AS reason
FROM permissions p
{VETOED}
WHERE p.workspace_id = :workspace_id AND p.interest_id = ANY(CAST(:interests AS uuid[]))
  AND p.purpose = 'marketing' AND p.channel = 'email' AND r.erased_at IS NULL AND r.suppressed_reason IS DISTINCT FROM 'merged' {_NARROWED}
GROUP BY p.contact_id
"""  # noqa: S608  no input in it
_RECKON = f"SELECT reason, count(*) FROM ({_RECKONED}) AS people GROUP BY reason"  # noqa: S608
_LEFT_OUT = (
    f"SELECT contact_id FROM ({_RECKONED}) AS people"  # noqa: S608
    " WHERE reason = :reason AND contact_id > :after ORDER BY contact_id LIMIT :limit"
)


def _execute(sql: str, workspace_id: UUID, segment_id: UUID | None, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """One of the two, for all people of the interests or for those of a segment."""
    if segment_id is None:
        return [tuple(row) for row in session().execute(text(sql.replace(_NARROWED, "")), values)]
    people, more = segments.members_sql(workspace_id, segment_id)
    with segments.planned():
        narrowed = text(sql.replace(_NARROWED, f"AND p.contact_id IN ({people})"))
        return [tuple(row) for row in session().execute(narrowed, {**more, **values})]


def reckon(workspace_id: UUID, interests: Sequence[UUID], segment_id: UUID | None = None) -> Reckoning:
    """Who would get a mail about these interests now, and who would not and why; of a segment's people only.

    A segment that names what is gone, or takes too long to be counted, is told in ``fault``.
    """
    values = {"workspace_id": workspace_id, "interests": list(interests), "now": clock.now()}
    try:
        counts: dict[str, int] = dict(_execute(_RECKON, workspace_id, segment_id, values))
    except (Conflict, Unavailable) as problem:
        return Reckoning(0, dict.fromkeys(LEFT_OUT, 0), problem.detail)
    return Reckoning(counts.get("reached", 0), {key: counts.get(key, 0) for key in LEFT_OUT})


_reckonings: Shared[Reckoning] = Shared()


def reckon_about(workspace_id: UUID, interests: Sequence[UUID], segment_id: UUID | None = None) -> Reckoning:
    """As ``reckon``, for those who watch: the larger it is, the older it may be."""
    key = (workspace_id, tuple(interests), segment_id)
    known = _reckonings.find(key)
    if known is None:
        counted = reckon(workspace_id, interests, segment_id)
        known = _reckonings.keep(key, counted, counted.total)
    return known


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """Somebody behind a number; ``note`` says what happened or why."""

    contact_id: UUID
    name: str
    address: str
    note: str
    at: datetime | None


def list_left_out(
    workspace_id: UUID, interests: Sequence[UUID], reason: str, cursor: str = "", segment_id: UUID | None = None,
    limit: int = PEOPLE_ROWS,
) -> Page[ListedPerson]:
    """People whom a campaign about these interests would leave out for this reason (or "reached")."""
    values = {
        "workspace_id": workspace_id, "interests": list(interests), "now": clock.now(), "reason": reason,
        "after": decode_cursor(cursor, UUID)[0] if cursor else UUID(int=0), "limit": limit + 1,
    }  # fmt: skip
    ids = [row[0] for row in _execute(_LEFT_OUT, workspace_id, segment_id, values)]
    note = LEFT_OUT[reason][0] if reason in LEFT_OUT else "gets it"
    people = name_people(workspace_id, ids[:limit])
    rows = [ListedPerson(one, *people.get(one, ("", "")), note, None) for one in ids[:limit]]
    return Page(rows, encode_cursor(rows[-1].contact_id) if len(ids) > limit else None)


_PEOPLE = text(
    "SELECT c.id, trim(c.first_name || ' ' || c.last_name), coalesce(a.address, '') FROM contacts c"
    " LEFT JOIN addresses a ON a.workspace_id = c.workspace_id AND a.contact_id = c.id AND a.channel = 'email'"
    " WHERE c.workspace_id = :workspace_id AND c.id = ANY(CAST(CAST(:ids AS text) AS uuid[]))"
)


def name_people(workspace_id: UUID, ids: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """(name, address) of these people; those who were erased have none."""
    if not ids:
        return {}
    rows = session().execute(_PEOPLE, {"workspace_id": workspace_id, "ids": array_of(ids)})
    return {contact_id: (name or "", address) for contact_id, name, address in rows}


def list_messages(
    workspace_id: UUID, mailing_no: int, word: Word, cursor: str = "", limit: int = PEOPLE_ROWS
) -> Page[ListedPerson]:
    """People of a mailing whose message stands under this word, in the order of the mailing."""
    return _recipients(outbox.list_people(workspace_id, mailing_no, word, cursor, limit))


def list_refused(
    workspace_id: UUID, mailing_no: int, refusal: Refusal, cursor: str = "", limit: int = PEOPLE_ROWS
) -> Page[ListedPerson]:
    """People whom a mailing did not reach for a reason of this class, in the order of the mailing."""
    return _recipients(outbox.list_refused(workspace_id, mailing_no, refusal, cursor, limit))


def list_of_domain(
    workspace_id: UUID, mailing_no: int, domain: str, cursor: str = "", limit: int = PEOPLE_ROWS
) -> Page[ListedPerson]:
    """People of a mailing at one receiver, in the order of the mailing."""
    return _recipients(outbox.list_of_domain(workspace_id, mailing_no, domain, cursor, limit))


_OF_PROFILE = (
    "SELECT m.n, m.contact_id, m.done_at FROM messages m JOIN contacts c ON c.id = m.contact_id"
    " AND c.workspace_id = m.workspace_id WHERE m.workspace_id = :workspace_id AND m.mailing_no = :no"
    " AND {which} = :value AND m.n > :after ORDER BY m.n LIMIT :limit"
)
_OF_COUNTRY = text(_OF_PROFILE.format(which="upper(c.fields ->> :field)"))
_OF_LANGUAGE = text(_OF_PROFILE.format(which="c.language"))


def list_of_country(
    workspace_id: UUID, mailing_no: int, field: str, country: str, cursor: str = "", limit: int = PEOPLE_ROWS
) -> Page[ListedPerson]:
    """People of a mailing whose own field says this country."""
    return _of_profile(_OF_COUNTRY, workspace_id, mailing_no, country, cursor, limit, field=field)


def list_of_language(
    workspace_id: UUID, mailing_no: int, language: str, cursor: str = "", limit: int = PEOPLE_ROWS
) -> Page[ListedPerson]:
    """People of a mailing who read this language."""
    return _of_profile(_OF_LANGUAGE, workspace_id, mailing_no, language, cursor, limit)


# Asked message by message: joined, all signals of the mailing would be read for a page.
_READ_BY = (
    "EXISTS (SELECT FROM signals s WHERE s.mailing_no = m.mailing_no AND s.n = m.n AND s.workspace_id = m.workspace_id"
    " AND s.verdict = 'human' AND s.kind IN ({kinds}) OFFSET 0)"
)
_OF_PERSON = "(SELECT {value} FROM contacts c WHERE c.id = m.contact_id AND c.workspace_id = m.workspace_id)"
_DID = {
    "sent": f"m.state IN ({', '.join(repr(state.value) for state in STATES[Word.SENT])})",
    "opened": _READ_BY.format(kinds="'open', 'click'"),
    "clicked": _READ_BY.format(kinds="'click'"),
}
_OF_WHAT = {
    "domain": "m.domain_group",
    "language": _OF_PERSON.format(value="c.language"),
    "country": _OF_PERSON.format(value="upper(c.fields ->> :field)"),
}
_OF_PART = {
    (by, did): text(
        "SELECT m.n, m.contact_id, m.done_at FROM messages m WHERE m.workspace_id = :workspace_id AND m.mailing_no = :no"  # noqa: S608  no input in it
        f" AND m.contact_id IS NOT NULL AND {value} = :value AND {condition} AND m.n > :after ORDER BY m.n LIMIT :limit"
    )
    for by, value in _OF_WHAT.items()
    for did, condition in _DID.items()
}


def list_of_part(
    workspace_id: UUID, mailing_no: int, by: str, did: str, value: str, cursor: str = "", limit: int = PEOPLE_ROWS, *, field: str = ""
) -> Page[ListedPerson]:
    """People of one part of a mailing (``by`` domain, language, or country in ``field``) to whom it was sent, who opened or clicked."""
    more = {"field": field} if by == "country" else {}
    return _of_profile(_OF_PART[by, did], workspace_id, mailing_no, value, cursor, limit, **more)


def _of_profile(
    statement: TextClause, workspace_id: UUID, mailing_no: int, value: str, cursor: str, limit: int, **more: str
) -> Page[ListedPerson]:
    values = {
        "workspace_id": workspace_id, "no": mailing_no, "value": value, **more,
        "after": decode_cursor(cursor, int)[0] if cursor else 0, "limit": limit + 1,
    }  # fmt: skip
    found = session().execute(statement, values).all()
    shown = found[:limit]
    names = name_people(workspace_id, [row.contact_id for row in shown])
    rows = [ListedPerson(row.contact_id, *names.get(row.contact_id, ("", "")), value, row.done_at) for row in shown]
    return Page(rows, encode_cursor(shown[-1].n) if len(found) > limit else None)


def _recipients(page: Page[Recipient]) -> Page[ListedPerson]:
    rows = [
        ListedPerson(
            one.contact_id,
            one.name,
            one.address,
            f"{one.reason}: {one.reply}"
            if one.reply and one.reply != one.reason
            else one.reason or STATE_WORDS.get(one.state, ""),
            one.at,
        )
        for one in page.rows
    ]
    return Page(rows, page.next_cursor)


def list_leavings(
    workspace_id: UUID, mailing_no: int, kind: Leaving, cursor: str = "", limit: int = PEOPLE_ROWS
) -> Page[ListedPerson]:
    """People who left within a week after a mailing, or who complained."""
    page = outbox.list_leavings(workspace_id, mailing_no, kind, cursor, limit)
    note = "left within a week" if kind is Leaving.LEFT else "complained"
    rows = [ListedPerson(one.contact_id, one.name, one.address, note, one.at) for one in page.rows]
    return Page(rows, page.next_cursor)
