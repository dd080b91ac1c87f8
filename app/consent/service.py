"""The verbs of permission: each writes its ledger event and the projection in the caller's one transaction.

No screen edits a permission: every change is an event.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.accounts import queries as accounts
from app.consent import events, history, ledger, queries
from app.consent.models import (
    ConsentRequest,
    ConsentText,
    Interest,
    Permission,
    PurposeText,
    Reach,
    Suppression,
)
from app.consent.rules import (
    Basis,
    By,
    Channel,
    Kind,
    Level,
    Proof,
    Purpose,
    Reason,
    RequestState,
    Shown,
    State,
    public_part,
)
from app.contacts import queries as contacts
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, NotFound, Problem
from app.kernel.events import publish
from app.kernel.ids import uuid7

REQUEST_DAYS = 7
_PURPOSES = {
    Purpose.MARKETING: ("News", "Messages about the topics that a person chose."),
    Purpose.TRACKING: ("Reading", "Seeing which messages are opened and which links are followed."),
}
# What an unsubscribe may be undone by: only the person's own act. A complaint and "never" stay.
_ONE_WAY = (Reason.COMPLAINT, Reason.NEVER)
_hash_key = b""


def configure(hash_key: bytes) -> None:
    """Set the key of the hashes that outlive a person."""
    global _hash_key
    _hash_key = hash_key


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


# --- What can be asked about ------------------------------------------------------------------------------------


def define_purposes(workspace_id: UUID) -> None:
    """Give a new workspace the purposes that Nod knows; the unique key is (workspace, key, version)."""
    now = clock.now()
    for key, (name, description) in _PURPOSES.items():
        session().execute(
            insert(PurposeText)
            .values(
                workspace_id=workspace_id,
                key=key,
                version=1,
                name=name,
                description=description,
                created_at=now,
            )
            .on_conflict_do_nothing()
        )


def define_interest(workspace_id: UUID, name: str, *, description: str = "", pace: str = "") -> Interest:
    """Add a list that people may choose; the unique key is (workspace, name).

    Raises:
        BadInput: no name, or a text too long.
        Conflict: the name is taken.
    """
    values = _interest_words(name, description, pace)
    position = (
        select(func.count())
        .select_from(Interest)
        .where(Interest.workspace_id == workspace_id)
        .scalar_subquery()
    )
    made = (
        session()
        .execute(
            insert(Interest)
            .values(
                id=uuid7(), workspace_id=workspace_id, position=position, created_at=clock.now(), **values
            )
            .on_conflict_do_nothing(index_elements=["workspace_id", "name"])
            .returning(Interest)
        )
        .scalar_one_or_none()
    )
    if made is None:
        raise Conflict(f"There is an interest named “{values['name']}” already. Choose another name.")
    return made


def change_interest(
    workspace_id: UUID, interest_id: UUID, name: str, *, description: str = "", pace: str = ""
) -> None:
    """Change its words: a new version, which later events name; what was agreed to keeps the old one."""
    interest = _interest(workspace_id, interest_id)
    values = _interest_words(name, description, pace)
    taken = select(Interest.id).where(
        Interest.workspace_id == workspace_id, Interest.name == values["name"], Interest.id != interest_id
    )
    if session().execute(taken).first():
        raise Conflict(f"There is an interest named “{values['name']}” already. Choose another name.")
    if any(getattr(interest, key) != value for key, value in values.items()):
        interest.version += 1
        for key, value in values.items():
            setattr(interest, key, value)


def archive_interest(workspace_id: UUID, interest_id: UUID) -> None:
    """Offer it no longer; permissions stay as they are."""
    interest = _interest(workspace_id, interest_id)
    interest.archived_at = interest.archived_at or clock.now()


def restore_interest(workspace_id: UUID, interest_id: UUID) -> None:
    """Offer it again."""
    _interest(workspace_id, interest_id).archived_at = None


def _interest(workspace_id: UUID, interest_id: UUID) -> Interest:
    found = queries.get_interests(workspace_id, [interest_id])
    if not found:
        raise NotFound("This interest is not here.")
    return found[0]


def _interest_words(name: str, description: str, pace: str) -> dict[str, str]:
    values = {"name": name.strip(), "description": description.strip(), "pace": pace.strip()}
    faults = {key: "Write at most 200 characters." for key, value in values.items() if len(value) > 200}
    if not values["name"]:
        faults["name"] = "Give it the name that people read."
    if any(ord(character) < 32 for value in values.values() for character in value):
        faults.setdefault("name", "Write each text on one line.")
    if faults:
        raise BadInput("The interest does not fit.", fields=faults)
    return values


def ensure_text(workspace_id: UUID, kind: str, language: str, body: str) -> UUID:
    """The id of this exact wording, stored when it is new; versions count up per kind and language.

    The kind is ``consent``, ``tracking`` or ``notice``.
    """
    digest = hashlib.sha256(body.encode()).digest()
    same = (
        ConsentText.workspace_id == workspace_id,
        ConsentText.kind == kind,
        ConsentText.language == language,
    )
    known = (
        session()
        .execute(select(ConsentText.id).where(*same, ConsentText.sha256 == digest))
        .scalar_one_or_none()
    )
    if known is not None:
        return known
    version = (
        session()
        .execute(select(func.coalesce(func.max(ConsentText.version), 0) + 1).where(*same))
        .scalar_one()
    )
    made = ConsentText(
        id=uuid7(), workspace_id=workspace_id, kind=kind, language=language, version=version, body=body,
        sha256=digest, created_at=clock.now(),
    )  # fmt: skip
    session().add(made)
    session().flush()
    return made.id


# --- Asking and answering ---------------------------------------------------------------------------------------


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
) -> ConsentRequest:
    """Record that somebody asked for these interests with this person's address; nothing is permitted yet.

    A yes is never turned back into asked. Each call is one event and one open request for seven days. An
    address that complained before its person was erased is out of reach again from here on.

    Raises:
        BadInput: no interest of this workspace among them.
    """
    chosen = [found for found in queries.get_interests(workspace_id, interests) if found.archived_at is None]
    if len(chosen) != len(set(interests)) or not chosen:
        raise BadInput("Choose what you want to hear about.", fields={"topic": "Choose at least one."})
    request_id, now = uuid7(), clock.now()
    expires_at = now + timedelta(days=REQUEST_DAYS)
    as_shown = _shown(workspace_id, shown)
    about = {
        **_what(workspace_id, chosen, channel, State.ASKED),
        **as_shown,
        "tracking": tracking.value if tracking else None,
        "expires_at": ledger.moment(expires_at),
    }
    event_id = _append(
        Kind.REQUESTED,
        workspace_id,
        contact_id,
        by,
        about,
        _personal(workspace_id, contact_id, proof, typed),
        request_id,
    )
    for interest in chosen:
        _set_permission(
            workspace_id, contact_id, Purpose.MARKETING, channel, interest.id, State.ASKED, event_id
        )
    ensure_reach(workspace_id, contact_id, channel)
    _inherit(workspace_id, contact_id)
    request = ConsentRequest(
        id=request_id, workspace_id=workspace_id, contact_id=contact_id, event_id=event_id, channel=channel.value,
        state=RequestState.OPEN.value, interests=[str(found.id) for found in chosen],
        tracking=tracking.value if tracking else None, shown=as_shown, language=shown.language,
        form_id=shown.form_id, nonce=secrets.token_bytes(16), created_at=now, expires_at=expires_at,
    )  # fmt: skip
    session().add(request)
    session().flush()
    publish(events.Asked(workspace_id, contact_id, request_id))
    return request


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
    workspace_id, contact_id = request.workspace_id, request.contact_id
    chosen = queries.get_interests(workspace_id, [UUID(found) for found in request.interests])
    channel, level = Channel(request.channel), Level(request.tracking) if request.tracking else None
    reach = ensure_reach(workspace_id, contact_id, channel)
    before = queries.choices(workspace_id, contact_id, channel)
    again = all(before.interests.get(found.id) is State.YES for found in chosen)
    about = {
        **_what(workspace_id, chosen, channel, State.YES),
        "texts": request.shown.get("texts", []),
        "form": request.shown.get("form"),
        "tracking": level.value if level else None,
        "asked_by": str(request.event_id),
    }
    event_id = _append(
        Kind.RE_CONFIRMED if again else Kind.CONFIRMED, workspace_id, contact_id, by, about,
        _personal(workspace_id, contact_id, proof), request_id,
    )  # fmt: skip
    for interest in chosen:
        _set_permission(
            workspace_id, contact_id, Purpose.MARKETING, channel, interest.id, State.YES, event_id
        )
    if level is not None:
        _set_permission(workspace_id, contact_id, Purpose.TRACKING, channel, None, State.YES, event_id, level)
    if reach.objected_at is not None:
        reach.objected_at, reach.event_id = None, event_id
    request.state, request.done_at = RequestState.CONFIRMED.value, clock.now()
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
    about = {**_what(workspace_id, chosen, channel, State.NO), "asked_by": str(request.event_id)}
    personal = _personal(workspace_id, contact_id, proof)
    event_id = _append(Kind.CANCELLED, workspace_id, contact_id, by, about, personal, request_id)
    _close_asked(workspace_id, contact_id, channel, [found.id for found in chosen], event_id)
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
    workspace_id: UUID,
    request_id: UUID,
    *,
    message_id: str,
    mime_sha256: str,
    accepted_line: str,
    accepted_at: datetime,
) -> None:
    """Add to the proof that the question was mailed and accepted by the receiving server."""
    request = queries.find_request(request_id)
    if request is None or request.workspace_id != workspace_id:
        return
    personal = {
        **_personal(workspace_id, request.contact_id, Proof()),
        "message_id": message_id,
        "mime_sha256": mime_sha256,
        "accepted": accepted_line,
        "accepted_at": ledger.moment(accepted_at),
    }
    about = {"channel": request.channel, "asked_by": str(request.event_id)}
    _append(Kind.DOI_MAIL_SENT, workspace_id, request.contact_id, By("system"), about, personal, request_id)


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
        about = {**_what(request.workspace_id, chosen, channel, State.NO), "asked_by": str(request.event_id)}
        event_id = _append(
            Kind.EXPIRED,
            request.workspace_id,
            request.contact_id,
            By("system"),
            about,
            {},
            request.id,
            method="clock",
        )
        _close_asked(
            request.workspace_id, request.contact_id, channel, [found.id for found in chosen], event_id
        )
        request.state, request.done_at = RequestState.EXPIRED.value, clock.now()
    session().flush()
    return len(over)


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


# --- Taking back ------------------------------------------------------------------------------------------------


def withdraw(
    workspace_id: UUID,
    contact_id: UUID,
    interest_ids: Sequence[UUID],
    *,
    by: By,
    proof: Proof,
    method: str = "web",
    channel: Channel = Channel.EMAIL,
) -> UUID | None:
    """Take back these interests; effective at the next begin.

    Returns:
        The event's id, or None when nothing was permitted or asked.
    """
    states = queries.choices(workspace_id, contact_id, channel).interests
    gone = [found for found in interest_ids if states.get(found) in {State.YES, State.ASKED}]
    if not gone:
        return None
    about = _what(workspace_id, queries.get_interests(workspace_id, gone), channel, State.NO)
    personal = _personal(workspace_id, contact_id, proof)
    event_id = _append(Kind.WITHDRAWN, workspace_id, contact_id, by, about, personal, method=method)
    for interest_id in gone:
        _set_permission(workspace_id, contact_id, Purpose.MARKETING, channel, interest_id, State.NO, event_id)
    publish(events.Withdrawn(workspace_id, contact_id, tuple(gone), event_id))
    return event_id


def stop_everything(
    workspace_id: UUID,
    contact_id: UUID,
    *,
    by: By,
    proof: Proof,
    method: str = "web",
    channel: Channel = Channel.EMAIL,
) -> UUID | None:
    """The person objects to all of it on a channel; None when they had objected before."""
    reach = ensure_reach(workspace_id, contact_id, channel)
    if reach.objected_at is not None:
        return None
    states = queries.choices(workspace_id, contact_id, channel).interests
    gone = [found for found, state in states.items() if state is not State.NO]
    about = _what(workspace_id, queries.get_interests(workspace_id, gone), channel, State.NO)
    personal = _personal(workspace_id, contact_id, proof)
    event_id = _append(Kind.OBJECTED, workspace_id, contact_id, by, about, personal, method=method)
    for interest_id in gone:
        _set_permission(workspace_id, contact_id, Purpose.MARKETING, channel, interest_id, State.NO, event_id)
    reach.objected_at, reach.event_id = clock.now(), event_id
    _close_requests(workspace_id, contact_id)
    session().flush()
    publish(events.Objected(workspace_id, contact_id, event_id))
    return event_id


def give_back(
    workspace_id: UUID, contact_id: UUID, withdrawn_event_id: UUID, *, by: By, proof: Proof
) -> bool:
    """Undo a withdrawal: exactly what that event took, if nothing was decided since.

    For the person's own undo, straight after leaving; the caller checks its short-lived token.
    """
    interests = select(Permission).where(
        Permission.workspace_id == workspace_id,
        Permission.contact_id == contact_id,
        Permission.event_id == withdrawn_event_id,
    )
    taken = list(session().execute(interests.with_for_update()).scalars())
    reach = (
        session()
        .execute(
            select(Reach)
            .where(Reach.workspace_id == workspace_id, Reach.event_id == withdrawn_event_id)
            .with_for_update()
        )
        .scalar_one_or_none()
    )
    ids = [found.interest_id for found in taken if found.interest_id]
    before = history.interest_states_before(workspace_id, contact_id, withdrawn_event_id, ids)
    again = [found for found in ids if before.get(found) is State.YES]
    if not again and reach is None:
        return False
    channel = Channel(taken[0].channel if taken else Channel.EMAIL)
    about = {
        **_what(workspace_id, queries.get_interests(workspace_id, again), channel, State.YES),
        "undoes": str(withdrawn_event_id),
    }
    event_id = _append(
        Kind.CHANGED, workspace_id, contact_id, by, about, _personal(workspace_id, contact_id, proof)
    )
    for interest_id in again:
        _set_permission(
            workspace_id, contact_id, Purpose.MARKETING, channel, interest_id, State.YES, event_id
        )
    if reach is not None:
        reach.objected_at, reach.event_id = None, event_id
    session().flush()
    return True


def set_tracking(
    workspace_id: UUID,
    contact_id: UUID,
    level: Level,
    *,
    by: By,
    proof: Proof,
    shown: Shown | None = None,
    channel: Channel = Channel.EMAIL,
) -> UUID | None:
    """How far the person lets us see opens and clicks; None when nothing changed."""
    if queries.choices(workspace_id, contact_id, channel).tracking is level:
        return None
    about = {
        **_purposes(workspace_id, Purpose.TRACKING),
        **(_shown(workspace_id, shown) if shown else {}),
        "channel": channel.value,
        "state": State.YES.value if level is not Level.NONE else State.NO.value,
        "tracking": level.value,
    }
    event_id = _append(
        Kind.CHANGED, workspace_id, contact_id, by, about, _personal(workspace_id, contact_id, proof)
    )
    state = State.NO if level is Level.NONE else State.YES
    _set_permission(workspace_id, contact_id, Purpose.TRACKING, channel, None, state, event_id, level)
    return event_id


def suppress(
    workspace_id: UUID,
    contact_id: UUID,
    reason: Reason,
    *,
    by: By,
    detail: str = "",
    channel: Channel = Channel.EMAIL,
) -> UUID | None:
    """Never write to this address again: it bounced, its owner complained, or staff were told so.

    A one-way reason replaces a bounce; nothing replaces a one-way reason.

    Returns:
        The event's id, or None when it was suppressed for as good a reason before.
    """
    reach = ensure_reach(workspace_id, contact_id, channel)
    if reach.suppressed_at is not None and (reason not in _ONE_WAY or reach.suppressed_reason in _ONE_WAY):
        return None
    about = {
        **_purposes(workspace_id, Purpose.MARKETING),
        "channel": channel.value,
        "state": "never",
        "reason": reason,
    }
    personal = {**_personal(workspace_id, contact_id, Proof()), "detail": detail}
    event_id = _append(Kind.SUPPRESSED, workspace_id, contact_id, by, about, personal, method="system")
    reach.suppressed_at, reach.suppressed_reason, reach.event_id = clock.now(), reason.value, event_id
    _remember_hash(workspace_id, contact_id, reason, channel)
    session().flush()
    publish(events.Suppressed(workspace_id, contact_id, reason.value))
    return event_id


def erase(workspace_id: UUID, contact_id: UUID, *, by: By) -> UUID:
    """Forget the person: the personal side of the ledger goes, the chain and a keyed hash of the address stay.

    Call it before the address itself is deleted.
    """
    contacts.get_contact(workspace_id, contact_id)
    reach = ensure_reach(workspace_id, contact_id, Channel.EMAIL)
    _remember_hash(workspace_id, contact_id, Reason.ERASED, Channel.EMAIL)
    event_id = ledger.erase(ledger.Entry(Kind.ERASED, workspace_id, contact_id, by, {"state": "erased"}, {}))
    session().execute(
        update(Permission)
        .where(Permission.workspace_id == workspace_id, Permission.contact_id == contact_id)
        .values(state=State.NO.value, event_id=event_id, updated_at=clock.now())
    )
    session().execute(
        update(Reach)
        .where(Reach.workspace_id == workspace_id, Reach.contact_id == contact_id, Reach.erased_at.is_(None))
        .values(erased_at=clock.now(), event_id=event_id)
    )
    _close_requests(workspace_id, contact_id)
    session().expire(reach)
    publish(events.Erased(workspace_id, contact_id))
    return event_id


def address_hash(address_key: str) -> bytes:
    """The keyed hash (HMAC-SHA-256, 32 bytes) under which an address stays refused after its person is gone."""
    return hmac.new(_hash_key, b"nod address " + address_key.encode(), hashlib.sha256).digest()


def inherit_suppression(workspace_id: UUID, contact_id: UUID, address_key: str) -> None:
    """A person made anew from an address that complained or said never stays out of reach."""
    known = queries.find_suppression(workspace_id, address_hash(address_key))
    if known is not None and known.reason in _ONE_WAY:
        suppress(workspace_id, contact_id, Reason(known.reason), by=By("system"), detail="known before")


def _inherit(workspace_id: UUID, contact_id: UUID) -> None:
    address = contacts.find_address(workspace_id, contact_id)
    if address is not None:
        inherit_suppression(workspace_id, contact_id, address.key)


def ensure_reach(workspace_id: UUID, contact_id: UUID, channel: Channel = Channel.EMAIL) -> Reach:
    """The person's reach on a channel, locked; the unique key is (workspace, contact, channel)."""
    session().execute(
        insert(Reach)
        .values(id=uuid7(), workspace_id=workspace_id, contact_id=contact_id, channel=channel.value)
        .on_conflict_do_nothing(constraint="uq_reach_subject")
    )
    query = select(Reach).where(
        Reach.workspace_id == workspace_id, Reach.contact_id == contact_id, Reach.channel == channel.value
    )
    return session().execute(query.with_for_update().execution_options(populate_existing=True)).scalar_one()


def _remember_hash(workspace_id: UUID, contact_id: UUID, reason: Reason, channel: Channel) -> None:
    address = contacts.find_address(workspace_id, contact_id, channel.value)
    if address is None:
        return
    row = insert(Suppression).values(
        workspace_id=workspace_id, channel=channel.value, address_hash=address_hash(address.key),
        reason=reason.value, created_at=clock.now(),
    )  # fmt: skip
    one_way = [found.value for found in _ONE_WAY]
    session().execute(
        row.on_conflict_do_update(
            index_elements=["workspace_id", "channel", "address_hash"],
            set_={"reason": row.excluded.reason},
            where=Suppression.reason.not_in(one_way),
        )
    )


def _close_requests(workspace_id: UUID, contact_id: UUID) -> None:
    session().execute(
        update(ConsentRequest)
        .where(
            ConsentRequest.workspace_id == workspace_id,
            ConsentRequest.contact_id == contact_id,
            ConsentRequest.state == RequestState.OPEN.value,
        )
        .values(state=RequestState.CANCELLED.value, done_at=clock.now())
    )


def _close_asked(
    workspace_id: UUID, contact_id: UUID, channel: Channel, interest_ids: Sequence[UUID], event_id: UUID
) -> None:
    session().execute(
        update(Permission)
        .where(
            Permission.workspace_id == workspace_id,
            Permission.contact_id == contact_id,
            Permission.channel == channel.value,
            Permission.interest_id.in_(interest_ids),
            Permission.state == State.ASKED.value,
        )
        .values(state=State.NO.value, event_id=event_id, updated_at=clock.now())
    )


# --- Writing events and rows ------------------------------------------------------------------------------------


def _append(
    kind: Kind,
    workspace_id: UUID,
    contact_id: UUID,
    by: By,
    about: dict[str, Any],
    personal: dict[str, Any],
    request_id: UUID | None = None,
    method: str = "web",
) -> UUID:
    entry = ledger.Entry(kind, workspace_id, contact_id, by, about, personal, request_id, method)
    return ledger.append(entry)


def _set_permission(
    workspace_id: UUID,
    contact_id: UUID,
    purpose: Purpose,
    channel: Channel,
    interest_id: UUID | None,
    state: State,
    event_id: UUID,
    level: Level | None = None,
) -> None:
    row = insert(Permission).values(
        id=uuid7(), workspace_id=workspace_id, contact_id=contact_id, purpose=purpose.value, channel=channel.value,
        interest_id=interest_id, state=state.value, level=level.value if level else None, basis=Basis.CONSENT.value,
        event_id=event_id, updated_at=clock.now(),
    )  # fmt: skip
    changed = {"state", "level", "basis", "event_id", "updated_at"}
    session().execute(
        row.on_conflict_do_update(
            constraint="uq_permissions_subject",
            set_={name: row.excluded[name] for name in changed} | {"valid_until": None},
            where=(Permission.state != State.YES.value) if state is State.ASKED else None,
        )
    )


def _personal(workspace_id: UUID, contact_id: UUID, proof: Proof, typed: str = "") -> dict[str, Any]:
    address = contacts.find_address(workspace_id, contact_id)
    return {
        "typed": typed,
        "address": address.address if address else "",
        "ip": proof.ip,
        "user_agent": proof.user_agent[:400],
        "http_method": proof.http_method,
        "token": proof.token_id,
        "seconds_since_mail": proof.seconds_since_mail,
        "verdict": proof.verdict,
    }


def _what(
    workspace_id: UUID, interests: Sequence[Interest], channel: Channel, state: State
) -> dict[str, Any]:
    brand = accounts.brand(workspace_id)
    return {
        **_purposes(workspace_id, Purpose.MARKETING),
        "channel": channel.value,
        "state": state.value,
        "interests": [
            {"id": str(found.id), "version": found.version, "name": found.name} for found in interests
        ],
        "basis": Basis.CONSENT.value,
        "validity": {"until": None},
        "controller": {"name": brand.name, "address": brand.postal_address, "contact": brand.contact_email},
        "recipients": "none",
        "rule_set": "default",
        "evidence": "recorded",
    }


def _purposes(_workspace_id: UUID, purpose: Purpose) -> dict[str, Any]:
    return {"purpose": {"key": purpose.value, "version": 1}}


def _shown(workspace_id: UUID, shown: Shown) -> dict[str, Any]:
    query = select(ConsentText).where(
        ConsentText.workspace_id == workspace_id, ConsentText.id.in_(shown.text_ids)
    )
    texts = [
        {"id": str(found.id), "kind": found.kind, "version": found.version, "sha256": found.sha256.hex(),
         "language": found.language}
        for found in session().execute(query.order_by(ConsentText.kind)).scalars()
    ]  # fmt: skip
    return {
        "texts": texts,
        "language": shown.language,
        "form": {"id": str(shown.form_id), "version": shown.form_version} if shown.form_id else None,
        "page": {
            "sha256": shown.page_sha256,
            "url": public_part(shown.page_url),
            "referrer": public_part(shown.referrer),
        },
        "boxes": [{"name": name, "default": False} for name in shown.boxes],
    }
