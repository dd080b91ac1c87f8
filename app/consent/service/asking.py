"""Asking, and the person's answer: double opt-in from its first event to its last."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from app.consent import events, ledger, queries, sources
from app.consent.law import law_of, laws_at
from app.consent.models import (
    ConsentRequest,
    Interest,
)
from app.consent.rules import (
    ENDS_UNANSWERED,
    By,
    Channel,
    Kind,
    Level,
    Proof,
    Purpose,
    Renewal,
    RequestState,
    Shown,
    State,
    campaign_in,
)
from app.consent.rules.jurisdictions import Jurisdiction
from app.consent.service import vetoes, write
from app.consent.service.write import TOLD_COUNTRY
from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import once, session
from app.kernel.errors import BadInput, NotFound, Problem
from app.kernel.events import publish
from app.kernel.ids import uuid7

REQUEST_DAYS = 7


class RequestOver(Problem):
    """The question was answered before, called off, or is too old; ``request`` says which one it was."""

    status = 410
    title = "This question is closed"

    def __init__(self, request: ConsentRequest, reason: str) -> None:
        super().__init__(f"The request is {reason}.")
        self.request = request
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a confirmation gave."""

    contact_id: UUID
    interests: list[Interest]
    tracking: Level | None
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Question:
    """One question to a person.

    Attributes:
        typed: the address as it was typed.
        country: two letters that they tell with it; decides whose rules the event names, and later the answer's.
        days: for so many the question is open.
        renewal: why it asks somebody whom we may write to whether we may go on; None: it does not.
    """

    contact_id: UUID
    interests: tuple[UUID, ...]
    tracking: Level | None
    typed: str
    shown: Shown
    by: By
    proof: Proof
    channel: Channel = Channel.EMAIL
    country: str = ""
    days: int = REQUEST_DAYS
    renewal: Renewal | None = None


def ask(
    workspace_id: UUID,
    contact_id: UUID,
    *,
    interests: Sequence[UUID],
    tracking: Level | None,
    typed: str,
    shown: Shown,
    by: By,
    proof: Proof,
    channel: Channel = Channel.EMAIL,
    country: str = "",
    days: int = REQUEST_DAYS,
    renewal: Renewal | None = None,
) -> ConsentRequest:
    """As ``ask_all``, for one."""
    one = Question(
        contact_id, tuple(interests), tracking, typed, shown, by, proof, channel, country, days, renewal
    )
    return ask_all(workspace_id, [one])[0]


def ask_all(workspace_id: UUID, questions: Sequence[Question]) -> list[ConsentRequest]:
    """Record that somebody asked for these interests with each person's address; nothing is permitted yet.

    A living yes is never turned back into asked; a renewal for silence or for other words lets it end with the question. Each is one event and one open request for some days, in the order
    given. An address that complained before its person was erased is out of reach again from here on. What all share
    is read once, and each table is written by one statement.

    Raises:
        BadInput: no interest of this workspace among those of a question.
    """
    held = write.hold(workspace_id, {one.contact_id for one in questions})
    questions = [replace(one, contact_id=held[one.contact_id].contact_id) for one in questions]
    chosen = [_chosen(workspace_id, one.interests) for one in questions]
    people = contacts.find_recipients(workspace_id, {one.contact_id for one in questions})
    addresses = {contact_id: address for contact_id, (_, address) in people.items()}
    laws = laws_at(workspace_id, [(one.contact_id, one.country, one.proof.ip) for one in questions])
    requests = [_request(workspace_id, one, found) for one, found in zip(questions, chosen, strict=True)]
    entries = [
        _asked(request, one, found, law, addresses[one.contact_id].address if one.contact_id in addresses else "")
        for request, one, found, law in zip(requests, questions, chosen, laws, strict=True)
    ]
    for request, event_id in zip(requests, ledger.append_all(entries), strict=True):
        request.event_id = event_id
    write.set_asked(
        workspace_id,
        [
            (request.contact_id, Channel(request.channel), interest.id, request.event_id)
            for request, found in zip(requests, chosen, strict=True)
            for interest in found
        ],
    )
    for request in requests:
        if request.renewal in ENDS_UNANSWERED:
            write.end_unanswered(request)
    for channel in sorted({one.channel for one in questions} - {Channel.EMAIL}):
        write.make_reach(workspace_id, channel, {one.contact_id for one in questions if one.channel is channel})
    vetoes.inherit_all(workspace_id, {contact_id: address.key for contact_id, address in addresses.items()})
    session().add_all(requests)
    session().flush()
    for request in requests:
        publish(events.Asked(workspace_id, request.contact_id, request.id))
    return requests


def _chosen(workspace_id: UUID, interests: tuple[UUID, ...]) -> list[Interest]:
    known = once(("interests", workspace_id, interests), lambda: queries.get_interests(workspace_id, interests))
    chosen = [found for found in known if found.archived_at is None]
    if len(chosen) != len(set(interests)) or not chosen:
        raise BadInput("Choose what you want to hear about.", fields={"topic": "Choose at least one."})
    return chosen


def _request(workspace_id: UUID, one: Question, chosen: Sequence[Interest]) -> ConsentRequest:
    now = clock.now()
    return ConsentRequest(
        id=uuid7(), workspace_id=workspace_id, contact_id=one.contact_id, channel=one.channel.value,
        state=RequestState.OPEN.value, interests=[str(found.id) for found in chosen],
        tracking=one.tracking.value if one.tracking else None, language=one.shown.language,
        shown=write.shown(workspace_id, one.shown) | ({TOLD_COUNTRY: one.country} if one.country else {}),
        form_id=one.shown.form_id, nonce=secrets.token_bytes(16), created_at=now,
        expires_at=now + timedelta(days=one.days), renewal=one.renewal,
    )  # fmt: skip


def _asked(
    request: ConsentRequest,
    one: Question,
    chosen: Sequence[Interest],
    law: Jurisdiction,
    address: str,
) -> ledger.Entry:
    """The event of a question."""
    as_shown = {name: found for name, found in request.shown.items() if name != TOLD_COUNTRY}
    about = {
        **write.what(request.workspace_id, one.contact_id, chosen, one.channel, State.ASKED, law=law),
        **as_shown,
        "tracking": request.tracking,
        "expires_at": ledger.moment(request.expires_at),
        **({"renewal": one.renewal.value} if one.renewal else {}),
    }
    personal = write.personal_of(address, one.proof, one.typed)
    return ledger.Entry(
        Kind.REQUESTED, request.workspace_id, one.contact_id, one.by, about,
        personal | {"campaign": campaign_in(one.shown.page_url)}, request.id,
    )  # fmt: skip


def authorise(request_id: UUID, guardian: str, *, proof: Proof) -> UUID:
    """The yes of whoever answers for a child to an open question; it permits nothing before the child's own.

    Args:
        request_id: the question.
        guardian: their address.
        proof: their act.

    Returns:
        The event, which the child's yes names.

    Raises:
        NotFound: no such request.
        RequestOver: answered, called off or too old.
    """
    request = _lock_request(request_id)
    _refuse_closed(request)
    workspace_id, contact_id, channel = request.workspace_id, request.contact_id, Channel(request.channel)
    chosen = queries.get_interests(workspace_id, [UUID(found) for found in request.interests])
    law = law_of(workspace_id, contact_id, country=request.shown.get(TOLD_COUNTRY, ""), ip=proof.ip)
    about = {
        **write.what(workspace_id, contact_id, chosen, channel, State.ASKED, law=law),
        **_answered(request),
        "tracking": request.tracking,
    }
    personal = write.personal(workspace_id, contact_id, proof) | {"guardian": guardian}
    return write.append(
        Kind.AUTHORISED, workspace_id, contact_id, By("guardian"), about, personal, request_id
    )


def confirm(request_id: UUID, *, by: By, proof: Proof) -> Confirmed:
    """The person's own yes to an open request; works once.

    What was shown then is what is confirmed now, whatever the form says today. It also lifts an earlier
    "stop everything" of the same person, and nothing else: a complaint or a "never" stays.

    Raises:
        NotFound: no such request.
        RequestOver: answered, called off or too old.
    """
    request = _lock_request(request_id)
    _refuse_closed(request)
    workspace_id = request.workspace_id
    contact_id = write.hold_one(workspace_id, request.contact_id).contact_id
    chosen = queries.get_interests(workspace_id, [UUID(found) for found in request.interests])
    channel, level = Channel(request.channel), Level(request.tracking) if request.tracking else None
    reach = write.reach_of_held(workspace_id, contact_id, channel)
    address = contacts.find_address(workspace_id, contact_id)
    before = queries.choices(workspace_id, contact_id, channel)
    again = all(before.interests.get(found.id) is State.YES for found in chosen)
    law = law_of(workspace_id, contact_id, country=request.shown.get(TOLD_COUNTRY, ""), ip=proof.ip)
    level = level or _level_unasked(request, law)
    about = {
        **write.what(workspace_id, contact_id, chosen, channel, State.YES, law=law),
        **_answered(request),
        "tracking": level.value if level else None,
    }
    event_id = write.append(
        Kind.RE_CONFIRMED if again else Kind.CONFIRMED, workspace_id, contact_id, by, about,
        write.personal_of(address.address if address else "", proof), request_id,
    )  # fmt: skip
    for interest in chosen:
        write.set_permission(
            workspace_id, contact_id, Purpose.MARKETING, channel, interest.id, State.YES, event_id
        )
    if level is not None:
        write.set_permission(
            workspace_id, contact_id, Purpose.TRACKING, channel, None, State.YES, event_id, level
        )
    if reach.objected_at is not None:
        reach.objected_at, reach.event_id = None, event_id
    request.state, request.done_at = RequestState.CONFIRMED.value, clock.now()
    if address is not None:
        vetoes.forgive(workspace_id, address.key)
    session().flush()
    publish(events.Confirmed(workspace_id, contact_id, request_id, request.form_id))
    return Confirmed(contact_id, chosen, level, event_id)


def cancel_request(request_id: UUID, *, by: By, proof: Proof) -> bool:
    """Call an open request off; what was only asked becomes no. False when there was nothing to call off."""
    request = _lock_request(request_id)
    if request.state != RequestState.OPEN:
        return False
    workspace_id, contact_id, channel = request.workspace_id, request.contact_id, Channel(request.channel)
    chosen = queries.get_interests(workspace_id, [UUID(found) for found in request.interests])
    about = {**write.what(workspace_id, contact_id, chosen, channel, State.NO), "asked_by": str(request.event_id)}
    personal = write.personal(workspace_id, contact_id, proof)
    event_id = write.append(Kind.CANCELLED, workspace_id, contact_id, by, about, personal, request_id)
    write.close_asked(workspace_id, contact_id, channel, [found.id for found in chosen], event_id)
    request.state, request.done_at = RequestState.CANCELLED.value, clock.now()
    session().flush()
    return True


def mark_suspect(request_id: UUID) -> None:
    """Somebody followed a link of this request that no person sees: one more tap will be asked for."""
    session().execute(
        update(ConsentRequest)
        .where(ConsentRequest.id == request_id, ConsentRequest.suspect_at.is_(None))
        .values(suspect_at=clock.now())
    )


def record_mail(
    request: ConsentRequest,
    *,
    message_id: str,
    mime_sha256: str,
    accepted_line: str,
    accepted_at: datetime,
    source: bytes = b"",
    guardian: str = "",
) -> None:
    """Add to the proof that the question was mailed and accepted by the receiving server.

    ``source`` is the mail as it was handed over; empty where nobody has it any more. ``guardian`` is the address that
    a question about a child went to.
    """
    workspace_id = request.workspace_id
    personal = {
        **write.personal(workspace_id, request.contact_id, Proof()),
        "message_id": message_id,
        "mime_sha256": mime_sha256,
        "accepted": accepted_line,
        "accepted_at": ledger.moment(accepted_at),
        **({"guardian": guardian} if guardian else {}),
    }
    about = {"channel": request.channel, "asked_by": str(request.event_id)}
    event_id = write.append(
        Kind.DOI_MAIL_SENT,
        workspace_id,
        request.contact_id,
        By("system"),
        about,
        personal,
        request.id,
        "mail",
    )
    if source:
        sources.keep(event_id, workspace_id, request.contact_id, source)


def expire_requests(limit: int = 500) -> int:
    """Close questions that are too old, each with its event; what was only asked becomes no."""
    query = (
        select(ConsentRequest)
        .where(ConsentRequest.state == RequestState.OPEN.value, ConsentRequest.expires_at <= clock.now())
        .order_by(ConsentRequest.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    over = list(session().execute(query).scalars())
    for request in over:
        channel = Channel(request.channel)
        chosen = queries.get_interests(request.workspace_id, [UUID(found) for found in request.interests])
        about = {
            **write.what(request.workspace_id, request.contact_id, chosen, channel, State.NO),
            "asked_by": str(request.event_id),
        }
        event_id = write.append(
            Kind.EXPIRED,
            request.workspace_id,
            request.contact_id,
            By("system"),
            about,
            {},
            request.id,
            method="clock",
        )
        write.close_asked(
            request.workspace_id, request.contact_id, channel, [found.id for found in chosen], event_id
        )
        request.state, request.done_at = RequestState.EXPIRED.value, clock.now()
    session().flush()
    return len(over)


def _level_unasked(request: ConsentRequest, law: Jurisdiction) -> Level | None:
    """What the person's law lets us see of who never was asked about it; None: nothing, or they were asked."""
    was_asked = any(words["kind"] == "tracking" for words in request.shown.get("texts", []))
    if was_asked or queries.has_tracking(request.workspace_id, request.contact_id, request.channel):
        return None
    if law.rules.tracking is not Level.NONE:
        return law.rules.tracking
    keeps = law.rules.last_open_day and queries.keeps_last_open(request.workspace_id)
    return Level.DATE if keeps else None


def _answered(request: ConsentRequest) -> dict[str, Any]:
    """Of an answer's event: which question it answers, and what stood there."""
    return {
        "texts": request.shown.get("texts", []),
        "form": request.shown.get("form"),
        "asked_by": str(request.event_id),
    }


def _lock_request(request_id: UUID) -> ConsentRequest:
    query = select(ConsentRequest).where(ConsentRequest.id == request_id).with_for_update()
    found = session().execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def _refuse_closed(request: ConsentRequest) -> None:
    if request.state != RequestState.OPEN:
        raise RequestOver(request, request.state)
    if request.expires_at <= clock.now():
        raise RequestOver(request, RequestState.EXPIRED.value)
