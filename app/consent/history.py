"""What happened with a person's permission, and the sentence that answers "why may we write? why not?"."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from app.consent import queries
from app.consent.models import ConsentEvent, ConsentPersonal, ConsentText, Interest, Permission, Reach
from app.consent.rules import (
    PERSONS_NO,
    PERSONS_YES,
    Basis,
    Channel,
    Kind,
    Level,
    Purpose,
    Reason,
    State,
    Word,
    next_state,
    word_for,
)
from app.consent.rules.jurisdictions import RULE_SETS
from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import array_of, session

ALL = 100_000
_CORRECTABLE = frozenset(
    {Kind.REQUESTED, Kind.CONFIRMED, Kind.RE_CONFIRMED, Kind.CHANGED, Kind.IMPORTED, Kind.GRANTED}
)
_KEPT_NO = frozenset({Kind.MERGED, Kind.UNMERGED})
"""A no that was said elsewhere and is kept here."""
_SHOWN = {
    "consent": "Words shown",
    "tracking": "Words on tracking",
    "notice": "Words on keeping",
    "privacy": "Privacy notice",
}
SENTENCES = {
    Kind.REQUESTED: "Asked",
    Kind.DOI_MAIL_SENT: "Question mailed",
    Kind.AUTHORISED: "A guardian said yes",
    Kind.CONFIRMED: "Said yes",
    Kind.RE_CONFIRMED: "Said yes again",
    Kind.CHANGED: "Changed",
    Kind.WITHDRAWN: "Said no",
    Kind.OBJECTED: "Stopped everything",
    Kind.EXPIRED: "Did not answer",
    Kind.IMPORTED: "Imported",
    Kind.CORRECTED: "Corrected",
    Kind.SUPPRESSED: "Must not be written to",
    Kind.CANCELLED: "Called the question off",
    Kind.ERASED: "Erased",
    Kind.GRANTED: "Another ground was entered",
    Kind.LAPSED: "Ended by itself",
    Kind.MERGED: "Merged with another entry of the same person",
    Kind.UNMERGED: "The merge was taken back",
}
BASES = {
    Basis.CONSENT: "Consent",
    Basis.SOFT_OPT_IN: "A purchase, and no objection (soft opt-in)",
    Basis.CONTRACT: "A contract",
    Basis.IMPLIED_CASL: "A purchase or an inquiry (implied consent, CASL)",
    Basis.LEGITIMATE_INTEREST_POST: "Legitimate interest, letters on paper only",
    Basis.LEGAL: "A duty by law",
}
"""The grounds as people read them."""
ACTORS = {
    "person": "the person",
    "guardian": "who answers for the person",
    "staff": "staff",
    "api_key": "a program with an API key",
    "import": "an import",
    "system": "Nod by itself",
}
"""Who acted in an event, as people read it."""
RULE_NAMES = {found.key: found.name for found in RULE_SETS}


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event of a person, for pages."""

    event_id: UUID
    at: datetime
    kind: Kind
    word: Word | None
    interests: tuple[str, ...]
    actor: str
    method: str
    body: dict[str, Any]
    personal: dict[str, Any] = field(repr=False)

    @property
    def can_be_corrected(self) -> bool:
        """Whether it claims or gives something; a no stands, whatever anybody thinks of it."""
        return self.kind in _CORRECTABLE and self.word is not Word.NO

    @property
    def sentence(self) -> str:
        """What happened, in a word or three."""
        if self.kind is Kind.ERASED and self.body.get("reason") == "retention":
            return "Their personal part of the proof was erased: its time was over"
        if self.kind is Kind.MERGED and self.word is Word.NO:
            return "Merged with another entry, and a no of either stands"
        if self.kind is Kind.CHANGED and self.body.get("undoes"):
            return "Took it back and said yes"
        if self.kind is Kind.CHANGED and self.body.get("tracking"):
            return "Chose what we may see"
        if self.kind is Kind.CHANGED and self.body.get("pace"):
            return "Chose how often"
        if self.kind is Kind.CHANGED and self.body.get("address"):
            return "Confirmed a new address"
        return SENTENCES[self.kind]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why we may write about one interest, or why not, with the event that decides it."""

    interest_id: UUID | None
    interest_name: str
    channel: str
    word: Word
    sentence: str
    event_id: UUID | None
    facts: tuple[tuple[str, str], ...]
    permission_id: UUID | None
    at: datetime | None = None


def actor_of(workspace_id: UUID, event_id: UUID) -> str:
    """Who acted in an event: person, staff, api_key or system; empty when it is not this workspace's."""
    query = select(ConsentEvent.body).where(
        ConsentEvent.workspace_id == workspace_id, ConsentEvent.id == event_id
    )
    body = session().execute(query).scalar_one_or_none()
    return str(json.loads(body)["actor"]["kind"]) if body else ""


def list_history(
    workspace_id: UUID,
    contact_id: UUID,
    *,
    before: datetime | None = None,
    limit: int = 200,
    without: Collection[Kind] = (),
) -> list[HistoryEntry]:
    """A person's events, newest first, older than ``before``; the personal part is empty once erased.

    Those of entries that were merged into theirs are theirs as well.

    Args:
        workspace_id: of the person.
        contact_id: the person.
        before: a moment.
        limit: so many at most.
        without: kinds that are told elsewhere.
    """
    query = (
        select(ConsentEvent, ConsentPersonal.body)
        .outerjoin(ConsentPersonal, ConsentPersonal.event_id == ConsentEvent.id)
        .where(ConsentEvent.workspace_id == workspace_id, ConsentEvent.contact_id.in_(contacts.entries_of(contact_id)))
        .order_by(ConsentEvent.received_at.desc(), ConsentEvent.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(ConsentEvent.received_at < before)
    if without:
        query = query.where(ConsentEvent.kind.not_in([kind.value for kind in without]))
    return [_entry(event, personal) for event, personal in session().execute(query)]


def get_entry(workspace_id: UUID, event_id: UUID) -> HistoryEntry | None:
    """One event."""
    return get_entries(workspace_id, [event_id]).get(event_id)


def get_entries(workspace_id: UUID, event_ids: Collection[UUID]) -> dict[UUID, HistoryEntry]:
    """Those of these events that are the workspace's, by their id."""
    query = (
        select(ConsentEvent, ConsentPersonal.body)
        .outerjoin(ConsentPersonal, ConsentPersonal.event_id == ConsentEvent.id)
        .where(ConsentEvent.workspace_id == workspace_id, ConsentEvent.id.in_(event_ids))
    )
    return {event.id: _entry(event, personal) for event, personal in session().execute(query)}


_CORRECTED = text(
    "SELECT convert_from(body, 'UTF8')::jsonb ->> 'corrects' FROM consent_events WHERE workspace_id = :workspace_id"
    " AND kind = 'corrected' AND contact_id = ANY(ARRAY(SELECT unnest(CAST(CAST(:people AS text) AS uuid[]))"
    " UNION ALL SELECT id FROM contacts WHERE merged_into = ANY(CAST(CAST(:people AS text) AS uuid[]))))"
)


def corrected(workspace_id: UUID, contact_ids: Collection[UUID]) -> frozenset[UUID]:
    """The events of these people that were said to be wrong."""
    found = session().execute(_CORRECTED, {"workspace_id": workspace_id, "people": array_of(contact_ids)})
    return frozenset(map(UUID, found.scalars()))


def interest_states_before(
    workspace_id: UUID, contact_id: UUID, event_id: UUID, interest_ids: Sequence[UUID]
) -> dict[UUID, State]:
    """Where each interest stood just before an event, from the ledger alone."""
    states: dict[UUID, State] = {}
    for entry in reversed(list_history(workspace_id, contact_id, limit=ALL)):
        if entry.event_id == event_id:
            break
        for found in map(UUID, (interest["id"] for interest in entry.body.get("interests", []))):
            if found in interest_ids:
                states[found] = next_state(states.get(found), entry.kind, State(entry.body["state"]))
    return states


def last_word(
    workspace_id: UUID, contact_id: UUID, interest_id: UUID | None, channel: Channel
) -> State | None:
    """What the person themselves last said about an interest (None: about the channel); None: nothing.

    What others ask or enter, and what runs out, is not their word: a question that somebody else puts after a no and
    that nobody answers leaves the no as it was. Stopping everything is a no to what was never asked about as well.
    """
    parted: set[str] = set()
    for entry in list_history(workspace_id, contact_id, limit=ALL):
        if _is_taken_back(entry, parted) or entry.body.get("channel") != channel:
            continue
        about = {found["id"] for found in entry.body.get("interests", [])}
        if entry.kind is Kind.OBJECTED:
            return State.NO
        if interest_id is None or str(interest_id) not in about:
            continue
        if entry.kind in PERSONS_NO or (entry.kind in _KEPT_NO and entry.word is Word.NO):
            return State.NO
        if entry.kind in PERSONS_YES or (entry.kind is Kind.CHANGED and entry.word is Word.YES):
            return State.YES
    return None


def _is_taken_back(entry: HistoryEntry, parted: set[str]) -> bool:
    """Whether this merge was taken back, reading from the newest; ``parted``: entries whose merge was, as read so far."""
    other = str(entry.body.get("entry", ""))
    if entry.kind is Kind.UNMERGED and other:
        parted.add(other)
    return entry.kind is Kind.MERGED and other in parted


def verdicts(workspace_id: UUID, contact_id: UUID, channel: Channel = Channel.EMAIL) -> list[Verdict]:
    """One verdict per interest that is offered or was ever decided, in the interests' order.

    Where there is no interest at all, one verdict on the channel: somebody may be out of reach all the same.
    """
    interests = queries.list_interests(workspace_id, include_archived=True)
    permissions = queries.list_permissions(workspace_id, contact_id)
    ours = [found for found in permissions if found.channel == channel and found.purpose == Purpose.MARKETING]
    by_interest = {found.interest_id: found for found in ours}
    reach = queries.find_reach(workspace_id, contact_id, channel.value)
    entries = {entry.event_id: entry for entry in list_history(workspace_id, contact_id, limit=ALL)}
    words = _words(workspace_id, entries.values())
    is_offered = channel is Channel.EMAIL
    about: list[Interest | None] = [
        interest
        for interest in interests
        if (is_offered and interest.archived_at is None) or interest.id in by_interest
    ]
    if None in by_interest or not about:
        about.append(None)
    return [
        _verdict(found, channel, by_interest.get(found.id if found else None), reach, entries, words)
        for found in about
    ]


def other_verdicts(workspace_id: UUID, contact_id: UUID) -> list[Verdict]:
    """As ``verdicts``, of every further channel on which anything was ever decided about the person."""
    known = {Channel(found.channel) for found in queries.list_permissions(workspace_id, contact_id)}
    known |= {Channel(found.channel) for found in queries.list_reach(workspace_id, contact_id)}
    return [
        verdict
        for channel in Channel
        if channel in known and channel is not Channel.EMAIL
        for verdict in verdicts(workspace_id, contact_id, channel)
    ]


def tracking_level(workspace_id: UUID, contact_id: UUID) -> tuple[Level, UUID | None]:
    """How far we may see, and the event that says so; none without one."""
    for permission in queries.list_permissions(workspace_id, contact_id):
        if permission.purpose == Purpose.TRACKING and permission.level:
            allowed = permission.state == State.YES
            return Level(permission.level) if allowed else Level.NONE, permission.event_id
    return Level.NONE, None


def _entry(event: ConsentEvent, personal: bytes | None) -> HistoryEntry:
    body: dict[str, Any] = json.loads(event.body)
    state = body.get("state")
    known = {"asked": Word.ASKED, "yes": Word.YES, "no": Word.NO, "never": Word.NEVER, "erased": Word.NEVER}
    word = Word.NEVER if event.kind == Kind.OBJECTED else known.get(str(state))
    return HistoryEntry(
        event_id=event.id,
        at=event.received_at,
        kind=Kind(event.kind),
        word=word,
        interests=tuple(found["name"] for found in body.get("interests", [])),
        actor=body["actor"]["kind"],
        method=body["method"],
        body=body,
        personal=json.loads(personal) if personal else {},
    )


def _words(workspace_id: UUID, entries: Iterable[HistoryEntry]) -> dict[str, str]:
    """The wordings that these events name, by their id."""
    ids = {UUID(shown["id"]) for entry in entries for shown in entry.body.get("texts", [])}
    query = select(ConsentText.id, ConsentText.body).where(
        ConsentText.workspace_id == workspace_id, ConsentText.id.in_(ids)
    )
    return {str(text_id): body for text_id, body in session().execute(query)} if ids else {}


def _verdict(
    interest: Interest | None,
    channel: Channel,
    permission: Permission | None,
    reach: Reach | None,
    entries: dict[UUID, HistoryEntry],
    words: dict[str, str],
) -> Verdict:
    standing = queries.standing(permission, reach)
    word = word_for(standing, clock.now())
    event_id = _deciding_event(word, permission, reach)
    entry = entries.get(event_id) if event_id else None
    return Verdict(
        interest_id=interest.id if interest else None,
        interest_name=interest.name if interest else "Everything",
        channel=channel.value,
        word=word,
        sentence=_sentence(word, entry, reach, permission),
        event_id=event_id,
        facts=tuple(_facts(entry, entries, words)),
        permission_id=permission.id if permission else None,
        at=entry.at if entry else None,
    )


def _deciding_event(word: Word, permission: Permission | None, reach: Reach | None) -> UUID | None:
    if word is Word.NEVER and reach is not None:
        return reach.event_id
    return permission.event_id if permission else None


def _sentence(
    word: Word, entry: HistoryEntry | None, reach: Reach | None, permission: Permission | None
) -> str:
    if entry is None:
        return "Never asked. There is no event that would let us write."
    on = f"{entry.at:%-d %B %Y}"
    if word is Word.YES and entry.kind is Kind.GRANTED:
        ground, until = _ground(permission), _until(permission)
        ends = f", and ends on {until}" if until else ""
        return f"We may write, because it rests on {ground[:1].lower()}{ground[1:]}, entered on {on}{ends}."
    if word is Word.YES and entry.kind is Kind.IMPORTED:
        return f"We may write, because {_claim(entry, permission)}, brought in on {on}. It is a claim, and no answer to a question of ours."
    if word is Word.YES:
        how = "pressed the button in our question" if entry.kind is not Kind.CHANGED else "took the no back"
        return f"We may write, because the person {how} on {on}."
    if word is Word.ASKED:
        return f"Asked on {on}. Nothing about this goes out until the person answers."
    if word is Word.NEVER:
        return _never_sentence(reach, on)
    if entry.word is Word.YES and permission is not None and permission.valid_until is not None:
        return f"The permission ended by itself on {_until(permission)}. {_ground(permission)}."
    if entry.kind is Kind.LAPSED:
        return f"The permission ended by itself on {_until(permission) or on}. {_ground(permission)}."
    if entry.kind is Kind.EXPIRED:
        return f"The question ran out unanswered on {on}."
    return f"{entry.sentence} on {on}."


def _claim(entry: HistoryEntry, permission: Permission | None) -> str:
    if permission is not None and Basis(permission.basis) is not Basis.CONSENT:
        ground = _ground(permission)
        return f"a file tells of {ground[:1].lower()}{ground[1:]}"
    said_at = _day_of(entry.body.get("import", {}).get("said_at"))
    return f"a file says that the person said yes{f' on {said_at}' if said_at else ''}"


def _day_of(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment):%-d %B %Y}" if moment else ""


def _until(permission: Permission | None) -> str:
    return f"{permission.valid_until:%-d %B %Y}" if permission and permission.valid_until else ""


def _ground(permission: Permission | None) -> str:
    return BASES[Basis(permission.basis)] if permission else BASES[Basis.CONSENT]


def _never_sentence(reach: Reach | None, on: str) -> str:
    reason = reach.suppressed_reason if reach else None
    if reach is not None and reach.erased_at is not None:
        return f"Erased on {on}. Only a keyed hash of the address is left."
    if reason == Reason.BOUNCE:
        return f"The address does not exist any more, its server said on {on}."
    if reason == Reason.COMPLAINT:
        return (
            f"The person complained about our mail on {on}. Nothing can undo this but their own word to you."
        )
    if reason == Reason.NEVER:
        return f"Entered as “never write” on {on}."
    return f"The person stopped everything on {on}. Only they can change this, by asking again."


def _facts(
    entry: HistoryEntry | None, entries: dict[UUID, HistoryEntry], words: dict[str, str]
) -> list[tuple[str, str]]:
    if entry is None:
        return []
    asked = _asked(entry, entries)
    facts = [("Event", f"{entry.sentence}, {entry.at:%-d %b %Y, %H:%M:%S} UTC, by {entry.actor}")]
    if entry.body.get("basis") == "consent" and entry.kind in {Kind.CONFIRMED, Kind.RE_CONFIRMED}:
        facts.insert(0, ("Basis", "Consent, double opt-in"))
    elif entry.kind in {Kind.GRANTED, Kind.LAPSED}:
        facts.insert(0, ("Basis", BASES[Basis(entry.body["basis"])]))
        facts.extend(_evidence(entry))
    elif entry.kind is Kind.IMPORTED:
        facts.insert(0, ("Basis", f"{BASES[Basis(entry.body.get('basis', Basis.CONSENT))]}, claimed by a file"))
        facts.extend(_claimed(entry))
    elif entry.body.get("told_at"):
        facts.append(("Said to have happened", _day_of(entry.body["told_at"])))
    if entry.body.get("rule_set") in RULE_NAMES:
        facts.append(("Rules", RULE_NAMES[entry.body["rule_set"]]))
    if asked is not None:
        where = (asked.body.get("page") or {}).get("url") or "a form"
        facts.append(("Asked", f"{asked.at:%-d %b %Y, %H:%M:%S} UTC, {where}"))
        facts.extend(
            (_SHOWN[shown["kind"]], _quoted(shown, words))
            for shown in asked.body.get("texts", [])
        )
    facts.append(("Record", str(entry.event_id)))
    return facts


def _quoted(shown: dict[str, Any], words: dict[str, str]) -> str:
    """A text with its version; a privacy notice is too long to stand in a line."""
    version = f"Version {shown['version']}, {shown['language']}"
    return version if shown["kind"] == "privacy" else f"“{words[shown['id']]}” {version}"


def _evidence(entry: HistoryEntry) -> list[tuple[str, str]]:
    """What was entered with a ground, as far as it says something."""
    ground = entry.body.get("ground", {})
    found = [
        ("Proof", str(entry.personal.get("reference", ""))),
        ("Happened", str(ground.get("happened_at", ""))[:10]),
        ("About", str(ground.get("product_class", ""))),
        ("Could object", str(entry.personal.get("objection_offered", ""))),
        ("Weighed", str(entry.personal.get("balance", ""))),
        ("Words", str(entry.personal.get("words", ""))),
    ]
    return [(name, value) for name, value in found if value]


def _claimed(entry: HistoryEntry) -> list[tuple[str, str]]:
    """What whoever brought a file in has declared of its yes."""
    told = entry.body.get("import", {})
    found = [
        ("Declared", str(told.get("declaration", ""))),
        ("Said to be", _day_of(told.get("said_at"))),
        ("Where", str(entry.personal.get("source", ""))),
        ("By mail", "each confirmed it in a mail, it was declared" if told.get("is_doubly") else ""),
        ("Row", str(told.get("row", ""))),
    ]
    return [(name, value) for name, value in found if value]


def _asked(entry: HistoryEntry, entries: dict[UUID, HistoryEntry]) -> HistoryEntry | None:
    reference = entry.body.get("asked_by")
    return entries.get(UUID(reference)) if reference else None
