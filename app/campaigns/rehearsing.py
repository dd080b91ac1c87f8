"""The work of a rehearsal: who would get the letter is written down once, then a slice of them is tried at a time.

Of a slice only people who differ matter. A letter's copy is a pure function of its version, the brand, the interest, how
far the reader lets us see, and the values of the tags that it uses (``content.render``: no clock, no chance, no
database; the language can reach nothing else). So PostgreSQL counts the people of a slice by exactly these, each
group's copy is made once, and what was found of it holds for all of the group. A letter with a first name is made once for
each first name; one with the reader's address has a group for each reader, so that it is tried one by one, by the same
code. Where it has translations, people are counted by their language, too. What is decided beyond the tags, whether a
name and an address can stand in an envelope, is asked for each person (``delivery.envelope_fault``) but for those whom a
pattern in SQL knows to be harmless. The one value that is not taken as it is, is the day and time of the yes: we write it
ourselves, it is never empty, and where a letter only shows it, its copies differ in how long it is and in nothing else.

A worker that is killed loses the slice's transaction; the next one goes on behind the last person who was noted.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.exc import InterfaceError, OperationalError

from app.accounts import queries as accounts
from app.accounts.rules.brand import Brand
from app.campaigns import findings, queries, rehearsal
from app.campaigns.findings import Found, Kind, Tally
from app.campaigns.models import Campaign, CampaignRehearsal, CampaignRehearsalPerson
from app.campaigns.rehearsal import JOB, Script
from app.campaigns.rules import State
from app.consent import queries as consent
from app.consent.queries import Ground
from app.consent.rules import Level
from app.content import service as content
from app.content.service import Own, Reader
from app.delivery import queries as outbox
from app.delivery import service as delivery
from app.delivery.rules import Sender
from app.kernel import clock, jobs, languages
from app.kernel.db import array_of, release, session, transaction
from app.kernel.errors import Problem
from app.segments import queries as segments

log = logging.getLogger(__name__)
SLICE: Final = 5_000
WORK_SECONDS: Final = 20.0
GATHER_SECONDS: Final = 60
"""So long it may take to write down who would get it: a million took 9 s."""
KNOWN: Final = 50_000
"""Copies whose outcome a worker remembers at once."""
_FIELD: Final = "contact.fields."
_DAY, _TIME = "permission.date", "permission.time"
_COLUMNS: Final = {"contact.first_name": "c.first_name", "contact.last_name": "c.last_name", "contact.email": "a.address"}


def run() -> None:
    """Go on with every rehearsal that has not ended; a job."""
    until = time.monotonic() + WORK_SECONDS
    troupe = _Troupe()
    while time.monotonic() < until:
        with transaction():
            waiting = select(CampaignRehearsal.campaign_id).where(CampaignRehearsal.ended_at.is_(None))
            ids = list(session().execute(waiting.order_by(CampaignRehearsal.asked_at)).scalars())
        if not [one for one in ids if _go_on(one, troupe)]:
            return
    with transaction():
        jobs.ring_job(JOB)


def _go_on(campaign_id: UUID, troupe: _Troupe) -> bool:
    """One step of one of them, in a transaction of its own; False: somebody else is at it."""
    try:
        with transaction():
            row = _hold(campaign_id)
            if row is not None:
                _try_step(row, troupe)
            return row is not None
    finally:
        release()


def _hold(campaign_id: UUID) -> CampaignRehearsal | None:
    query = select(CampaignRehearsal).where(
        CampaignRehearsal.campaign_id == campaign_id, CampaignRehearsal.ended_at.is_(None)
    )
    held = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    return session().execute(held).scalar_one_or_none()


def _try_step(row: CampaignRehearsal, troupe: _Troupe) -> None:
    """A step; where it fails nothing of it stays but words, written down before anybody can ask for another rehearsal."""
    campaign_id = row.campaign_id
    try:
        with session().begin_nested():
            _step(row, troupe)
    except (OperationalError, InterfaceError):
        raise  # the database is away: it comes again
    except Problem as fault:
        _fail(row, fault.detail)
    except Exception as fault:
        # Of this one alone: others go on, and a person is told.
        log.exception("campaign %s cannot be tried", campaign_id)
        _fail(row, f"It stopped at something that Nod does not understand ({fault.__class__.__name__}).")


def _step(row: CampaignRehearsal, troupe: _Troupe) -> None:
    campaign = queries.get_campaign(row.workspace_id, row.campaign_id)
    is_draft = queries.get_standing(row.workspace_id, row.campaign_id).state is State.DRAFT
    if not is_draft or campaign.archived_at:
        rehearsal.call_off(row.workspace_id, row.campaign_id)
        return
    about = rehearsal.about_of(campaign)
    if about != row.about:
        rehearsal.begin(campaign, about, row.asked_by)
    elif row.gathered_at is None:
        _gather(row, campaign)
    else:
        _try_next(row, troupe.stage(campaign, about))


def _fail(row: CampaignRehearsal, words: str) -> None:
    row.fault = words
    _end(row)


def _end(row: CampaignRehearsal) -> None:
    row.ended_at = clock.now()
    own = (CampaignRehearsalPerson.workspace_id == row.workspace_id, CampaignRehearsalPerson.campaign_id == row.campaign_id)
    session().execute(delete(CampaignRehearsalPerson).where(*own))


def _gather(row: CampaignRehearsal, campaign: Campaign) -> None:
    """Write down whom the gate lets through now, of the segment's people where there is one: as a launch would."""
    audience, binds = consent.audience_sql([UUID(found) for found in campaign.interests])
    sql = (
        "INSERT INTO campaign_rehearsal_people (campaign_id, workspace_id, contact_id, permission_id)"  # noqa: S608  no input in it
        f" SELECT :campaign_id, :workspace_id, a.contact_id, a.permission_id FROM ({audience}) AS a"
        " JOIN addresses ad ON ad.contact_id = a.contact_id AND ad.channel = 'email'"
    )
    values = {"campaign_id": row.campaign_id, "workspace_id": row.workspace_id, "now": clock.now(), **binds}
    if campaign.segment_id is not None:
        people, more = segments.members_sql(row.workspace_id, campaign.segment_id)
        sql, values = f"{sql} WHERE a.contact_id IN ({people})", {**more, **values}
    with segments.planned(GATHER_SECONDS):
        done = session().execute(text(sql), values)
    row.people = int(done.rowcount)  # type: ignore[attr-defined]  # an INSERT's result has it
    row.gathered_at = clock.now()
    if not row.people:
        _end(row)


# --- A slice ------------------------------------------------------------------------------------------------------

_SLICE = text(
    "SELECT contact_id, permission_id FROM campaign_rehearsal_people WHERE campaign_id = :campaign_id"
    " AND workspace_id = :workspace_id AND contact_id > :after ORDER BY contact_id LIMIT :limit"
)
# Each looked up by itself, by the only index that fits (OFFSET 0 keeps it so): of 400 people in tables that nobody had
# gathered statistics of, joins that the planner chose took more than ten seconds.
_WHO: Final = (
    "SELECT * FROM contacts WHERE id = w.contact_id AND workspace_id = :workspace_id OFFSET 0",
    "SELECT * FROM addresses WHERE contact_id = w.contact_id AND channel = 'email' OFFSET 0",
)
_UNUSUAL = text(
    "SELECT c.id, c.language, a.address, trim(c.first_name || ' ' || c.last_name)"  # noqa: S608  no input in it
    " FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (contact_id)"
    f" CROSS JOIN LATERAL ({_WHO[0]}) AS c CROSS JOIN LATERAL ({_WHO[1]}) AS a"
    " WHERE NOT (a.address COLLATE \"C\" ~ :address AND (c.first_name || ' ' || c.last_name) COLLATE \"C\" ~ :name)"
)
_GROUPS: Final = (
    "SELECT count(*) AS people, (array_agg(c.id ORDER BY c.id))[1:{some}] AS some, min(e.received_at) AS said_at,"  # noqa: S608
    " p.interest_id, t.level{columns}"
    " FROM unnest(CAST(CAST(:ids AS text) AS uuid[]), CAST(CAST(:permissions AS text) AS uuid[])) AS w (contact_id, permission_id)"
    f" CROSS JOIN LATERAL ({_WHO[0]}) AS c CROSS JOIN LATERAL ({_WHO[1]}) AS a"
    " CROSS JOIN LATERAL (SELECT * FROM permissions WHERE id = w.permission_id OFFSET 0) AS p"
    " CROSS JOIN LATERAL (SELECT received_at FROM consent_events WHERE id = p.event_id OFFSET 0) AS e"
    " LEFT JOIN LATERAL (SELECT level FROM permissions t WHERE t.workspace_id = p.workspace_id AND t.contact_id = p.contact_id"
    "  AND t.purpose = 'tracking' AND t.channel = p.channel AND t.interest_id IS NULL AND t.state = 'yes' OFFSET 0) AS t ON true"
    " GROUP BY 4, 5{groups}"
)
_FIRST: Final = UUID(int=0)


def _try_next(row: CampaignRehearsal, stage: _Stage) -> None:
    values = {
        "campaign_id": row.campaign_id, "workspace_id": row.workspace_id, "after": row.position or _FIRST, "limit": SLICE
    }  # fmt: skip
    people = {one: permission for one, permission in session().execute(_SLICE, values)}  # noqa: C416  rows, not pairs
    ids = list(people)
    tally, cases = findings.read(row.found), list[tuple[int, UUID]]()
    refused = _refused(row.workspace_id, ids)
    for contact_id, (language, words) in refused.items():
        for label in stage.labels(language):
            cases += [(place, contact_id) for place in tally.add(label, [(Kind.ADDRESS, words)], 1)]
    left = [one for one in ids if one not in refused]
    if left:
        sql, binds = stage.sql
        whom = {"ids": array_of(left), "permissions": array_of(people[one] for one in left)}
        for group in session().execute(text(sql), {**binds, **whom, "workspace_id": row.workspace_id}).mappings():
            cases += stage.play(group, tally)
    rehearsal.keep_cases(row, cases)
    row.found, row.tried = tally.plain(), row.tried + len(ids)
    row.position = ids[-1] if ids else row.position
    if len(ids) < SLICE:
        _end(row)


def _refused(workspace_id: UUID, ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    """Those of these people whom our own rules never write to, with the language that they read and the reason."""
    values = {
        "workspace_id": workspace_id, "ids": array_of(ids), "address": delivery.USUAL_ADDRESS, "name": delivery.USUAL_NAME
    }
    asked = [(row[0], row[1], delivery.envelope_fault(row[2], row[3])) for row in session().execute(_UNUSUAL, values)]
    return {contact_id: (language, words) for contact_id, language, words in asked if words}


# --- The copies ---------------------------------------------------------------------------------------------------


class _Troupe:
    """The stages of one run of the job: a letter is read and prepared once for many slices."""

    def __init__(self) -> None:
        self._stages: dict[UUID, _Stage] = {}

    def stage(self, campaign: Campaign, about: str) -> _Stage:
        known = self._stages.get(campaign.id)
        if known is None or known.about != about:
            known = self._stages[campaign.id] = _Stage(campaign, about)
        return known


class _Stage:
    """The letters of one campaign as they are tried, and by what people differ for them."""

    def __init__(self, campaign: Campaign, about: str) -> None:
        self.about = about
        brand, sender = accounts.brand(campaign.workspace_id), outbox.sender_of(campaign.workspace_id)
        if sender is None:
            raise Problem("Say first who your mails come from.")
        self._plays = [_Play(one, brand, sender) for one in rehearsal.scripts_of(campaign)]
        chosen = consent.get_interests(campaign.workspace_id, [UUID(found) for found in campaign.interests])
        self._interests = {found.id: found.name for found in chosen}
        self._names = sorted(frozenset[str]().union(*(play.names for play in self._plays)))
        self._keys = [name.removeprefix(_FIELD) for name in self._names if name.startswith(_FIELD)]
        self._mains = [play for play in self._plays if not play.script.language]
        self._others = {
            main.script.variant: {
                play.script.language: play
                for play in self._plays
                if play.script.language and play.script.variant == main.script.variant
            }
            for main in self._mains
        }
        self.sql = _groups_sql(self._names, self._keys, brand.time_zone, with_language=any(self._others.values()))

    def labels(self, language: str) -> list[str]:
        """Of what somebody would get who reads this language, of each variant."""
        return [play.script.label for play in self._for_reader(language)]

    def _for_reader(self, language: str) -> list[_Play]:
        """What somebody gets who reads this language, of each variant."""
        return [_pick(language, self._others[main.script.variant], main) for main in self._mains]

    def play(self, group: Mapping[Any, Any], tally: Tally) -> list[tuple[int, UUID]]:
        """Make a group's copies and count what is found; gives the places of the findings with some of the people."""
        raw = {key: group[f"field_{place}"] for place, key in enumerate(self._keys)}
        reader = Reader(
            group.get("first_name", ""), group.get("last_name", ""), group.get("email", ""),
            {key: json.loads(value) for key, value in raw.items() if value is not None},
        )  # fmt: skip
        interest_id, level = group["interest_id"], Level(group["level"]) if group["level"] else Level.NONE
        ground = Ground(interest_id, self._interests[interest_id], group["said_at"], level)
        key = (interest_id, level, reader.first_name, reader.last_name, reader.email, *raw.values())
        places = [
            place
            for play in self._for_reader(group.get("language", ""))
            for place in tally.add(play.script.label, play.outcome(key, reader, ground), group["people"])
        ]
        return [(place, contact_id) for place in places for contact_id in group["some"]]


def _pick(language: str, others: Mapping[str, _Play], main: _Play) -> _Play:
    found = languages.pick(language, others, "")
    return others[found] if found else main


def _groups_sql(
    names: Sequence[str], keys: Sequence[str], zone: str, *, with_language: bool
) -> tuple[str, dict[str, Any]]:
    """The statement that counts people by the values of these names, and what it binds beside who they are."""
    columns = [(name.rpartition(".")[2], _COLUMNS[name]) for name in names if name in _COLUMNS]
    columns += [("language", "c.language")] if with_language else []
    columns += [(f"field_{place}", f"CAST(c.fields -> CAST(:key_{place} AS text) AS text)") for place in range(len(keys))]
    binds: dict[str, Any] = {f"key_{place}": key for place, key in enumerate(keys)}
    groups = [str(place) for place in range(6, 6 + len(columns))]
    if _TIME in names:
        groups.append("date_trunc('minute', e.received_at)")
    elif _DAY in names:
        groups.append("CAST(e.received_at AT TIME ZONE :zone AS date)")
        binds["zone"] = zone
    sql = _GROUPS.format(
        some=findings.NAMED,
        columns="".join(f", {column} AS {name}" for name, column in columns),
        groups="".join(f", {one}" for one in groups),
    )
    return sql, binds


class _Play:
    """One letter, with the outcome of each copy that was made."""

    def __init__(self, script: Script, brand: Brand, sender: Sender) -> None:
        version = content.draft_version(script.letter, subject=script.subject)
        self.script = script
        self._version = version
        self._brand = brand
        self._tags = content.tags_of(version)
        self._rehearsal = delivery.Rehearsal(version.workspace_id, version, brand, script.sender(sender))
        self._known: dict[Hashable, tuple[Found, ...]] = {}

    @property
    def names(self) -> frozenset[str]:
        """What decides what its copies say."""
        return self._tags.names

    def outcome(self, values: tuple[Hashable, ...], reader: Reader, ground: Ground) -> tuple[Found, ...]:
        """What is found of the copy for these values."""
        key = (*values, *self._moment(ground))
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            known = self._known[key] = self._find(reader, ground)
        return known

    def _moment(self, ground: Ground) -> tuple[Hashable, ...]:
        """What of the day and the time of the yes makes one copy differ from another one."""
        if not self.names & {_DAY, _TIME}:
            return ()
        own = Own(Reader(), self._brand, ground.said_at, self._version.language)
        said = ((_DAY, own.day), (_TIME, own.minute))
        return tuple(words if name in self._tags.changed else len(words.encode()) for name, words in said)

    def _find(self, reader: Reader, ground: Ground) -> tuple[Found, ...]:
        copy = self._rehearsal.copy(reader, ground)
        if copy.fault:
            return ((Kind.FAULT, copy.fault),)
        # Where its links lead is not among what a hole can be of: nobody's own address stands in one that we follow.
        values = content.reader_values(
            reader, self._brand, topic=ground.interest_name, permission_at=ground.said_at, links=_PAGES,
            language=self._version.language,
        )  # fmt: skip
        holes = content.holes_of(self._version, values)
        found = [(Kind.BLANK, name) for name in sorted(holes.blanks)]
        found += [(Kind.LINK, address) for address in sorted(holes.links)]
        found += [(Kind.CLIPPED, "")] if copy.octets > content.GMAIL_CLIPS_OCTETS else []
        return tuple(found)


_PAGES: Final[Mapping[str, str]] = dict.fromkeys(("unsubscribe", "preferences", "why", "web_view"), "https://nod.invalid/")
