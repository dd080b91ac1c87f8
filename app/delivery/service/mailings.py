"""Mailings to many: launch, stop, go on. The workers do the rest; what is due stands in the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import CursorResult, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.content import queries as letters
from app.content import service as content
from app.delivery import due, moves, queries, trials
from app.delivery.models import LAUNCHED, LEAST_SERVED, Mailing
from app.delivery.rules import LETTER, Again, Kind, Lane, MailingState, Sender, hours
from app.delivery.rules.hours import PLAIN, By, Timing, timing_of
from app.delivery.service.senders import MAX_NAME
from app.delivery.service.system import send_system
from app.kernel import clock, jobs
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.ids import uuid7
from app.tracking import service as tracking

if TYPE_CHECKING:
    from app.content.models import LetterVersion

SCHEDULE: Final = "delivery.schedule"
MAX_TITLE: Final = 200
_PROBE: Final = "https://nod.invalid/probe"


def launch(
    workspace_id: UUID,
    *,
    dedupe: UUID,
    title: str,
    version_id: UUID,
    interests: Sequence[UUID],
    narrowing: Mapping[str, Any] | None = None,
    sender_name: str = "",
    send_at: datetime | None = None,
    timing: Timing = PLAIN,
    weight: float = 1.0,
    by: UUID | None = None,
) -> int:
    """Send a letter to everybody who may be written to about one of the interests, at that time.

    The audience is made when its time has come. The unique key is (workspace, dedupe): however often and from
    wherever it is launched, there is one mailing and one audience. Cancelled before its audience was made, it can be
    launched anew.

    Args:
        workspace_id: whose letter.
        dedupe: what is launched, such as the campaign's id.
        title: what people call it.
        version_id: of the letter; immutable, and its translations with it.
        interests: whom it is for; who chose several gets it by the first of them.
        narrowing: who of them only, as ``delivery.narrowing`` understands it.
        sender_name: who it comes from, in place of the sender's name; the address stays.
        send_at: None: now.
        timing: when each mail leaves from then on; its own ``at`` goes before that time.
        weight: its share beside other mailings that run.
        by: the user who decided so.

    Returns:
        The mailing's number.

    Raises:
        BadInput: with ``fields`` title, interests, weight, sender, sender_name, postal_address, version.
        NotFound: no such version.
    """
    sender = _check(workspace_id, title, version_id, interests, weight, sender_name)
    if not hours.is_ever_open(timing.window, queries.contact_limits(workspace_id).quiet):
        raise BadInput(due.NEVER_OPEN, fields={"until": due.NEVER_OPEN})
    sender = replace(sender, name=sender_name) if sender_name else sender
    version = letters.get_version(workspace_id, version_id)
    now = clock.now()
    row = {
        "id": uuid7(), "workspace_id": workspace_id, "kind": Kind.BULK, "name": LETTER, "title": title.strip(),
        "lane": Lane.BULK, "purpose": "marketing", "channel": "email", "sender": _snapshot(sender),
        "content_version_id": version_id, "interests": [str(found) for found in interests],
        "narrowing": dict(narrowing) if narrowing else None,
        "dedupe_key": dedupe, "state": MailingState.SCHEDULED, "weight": weight, "launched_by": by,
        **_times(workspace_id, timing, send_at, now), "created_at": now,
    }  # fmt: skip
    statement = insert(Mailing).values(row)
    made = session().execute(
        statement.on_conflict_do_nothing(
            index_elements=["workspace_id", "dedupe_key"], index_where=text(LAUNCHED)
        ).returning(Mailing.no)
    )
    number = made.scalar_one_or_none()
    if number is None:
        return _launched(workspace_id, dedupe)
    translations = content.list_translated(version)
    tracking.register(number, workspace_id, content.link_targets(version, accounts.brand(workspace_id), translations))
    jobs.ring_job(SCHEDULE)
    return number


def _times(workspace_id: UUID, timing: Timing, send_at: datetime | None, now: datetime) -> dict[str, Any]:
    """When a mailing begins, and its timing."""
    at = max(send_at, now) if send_at else now
    if timing.by is not By.MOMENT:
        timing = replace(timing, at=timing.at or at)
    return {"send_at": max(due.first_moment(workspace_id, timing, timing.at or at), now), "timing": timing.stored()}


def send_test(workspace_id: UUID, version_id: UUID, user_id: UUID) -> None:
    """Send a letter as a test to somebody who works in this workspace; it is marked, and counted nowhere.

    Raises:
        NotFound: no such version, or nobody of this workspace.
        BadInput: a reader could not leave this letter.
    """
    if user_id not in {member.user_id for member in accounts.list_members(workspace_id)}:
        raise NotFound("Nobody of this workspace.")
    trials.render(workspace_id, version_id)
    send_system(
        workspace_id, trials.NAME, dedupe=uuid7(), user_id=user_id, data={"version_id": str(version_id)}
    )


def pause(workspace_id: UUID, mailing_no: int, reason: str = "") -> None:
    """Begin nothing more until somebody goes on; what is in the hands of the mail server is not called back.

    Raises:
        NotFound: no mailing of this workspace.
        Conflict: it does not run.
    """
    running = (MailingState.SCHEDULED, MailingState.FREEZING, MailingState.RUNNING)
    _move(
        workspace_id,
        mailing_no,
        running,
        {"state": MailingState.PAUSED, "pause_reason": reason or None},
        "Only a mailing that runs or waits for its time can be paused.",
    )


_RESUME = text(
    "UPDATE mailings SET state = CASE WHEN frozen_at IS NULL THEN 'scheduled' ELSE 'running' END,"  # noqa: S608  no input in it
    " send_at = greatest(send_at, CAST(:now AS timestamptz)), pause_reason = NULL,"
    f" vtime = coalesce({LEAST_SERVED}, vtime)"
    " WHERE no = :no AND workspace_id = :workspace_id AND kind = 'bulk' AND state = 'paused'"
    " AND again IS DISTINCT FROM 'restored'"
)


def resume(workspace_id: UUID, mailing_no: int) -> None:
    """Go on where it stood; one that never began begins at its time, or now where that has passed.

    Raises:
        NotFound: no mailing of this workspace.
        Conflict: it is not paused, or those who may have got it before a restore are not listed yet.
    """
    values = {"no": mailing_no, "workspace_id": workspace_id, "now": clock.now()}
    if not _rowcount(session().execute(_RESUME, values)):
        if queries.get_mailing(workspace_id, mailing_no).again == Again.RESTORED:
            raise Conflict(_NOT_LISTED)
        _refuse(workspace_id, mailing_no, "Only a mailing that is paused can go on.")
    jobs.ring_job(SCHEDULE)
    jobs.ring_lane(Lane.BULK)


def cancel(workspace_id: UUID, mailing_no: int) -> None:
    """Send nothing more of it; who has it has it. What waits is called off in slices, the first of them now.

    Raises:
        NotFound: no mailing of this workspace.
        Conflict: it has ended.
    """
    open_states = (
        MailingState.DRAFT,
        MailingState.SCHEDULED,
        MailingState.FREEZING,
        MailingState.RUNNING,
        MailingState.PAUSED,
    )
    _move(
        workspace_id,
        mailing_no,
        open_states,
        {"state": MailingState.CANCELLED, "pause_reason": None, "again": None, "again_at": None},
        "This mailing has ended; there is nothing left to cancel.",
    )
    # Senders lock messages before the mailing. Nothing waits here for a message, so they and we never wait for each
    # other; what they have in hand, or give back meanwhile, the job calls off.
    moves.call_off(mailing_no)
    jobs.ring_job(SCHEDULE)


def reschedule(workspace_id: UUID, mailing_no: int, send_at: datetime | None) -> None:
    """Choose another time for a mailing that has not begun; None: now, for everybody whose hours are not over.

    Raises:
        NotFound: no mailing of this workspace.
        Conflict: its audience is made.
    """
    timing = timing_of(queries.get_mailing(workspace_id, mailing_no, is_held=True).timing)
    timing = replace(timing, at=send_at) if send_at else replace(timing, by=By.MOMENT, at=None)
    _move(
        workspace_id,
        mailing_no,
        (MailingState.SCHEDULED,),
        _times(workspace_id, timing, send_at, clock.now()),
        "Only a mailing that has not begun can get another time.",
    )
    jobs.ring_job(SCHEDULE)


def send_unknown(workspace_id: UUID, mailing_no: int) -> int:
    """Try the messages in doubt once more; a person decided so, and some may arrive twice.

    The gate is asked again, and each keeps its Message-ID. They wait for their turn in slices, the first of them now.

    Returns:
        How many wait now; where that is a whole slice (``moves.SLICE``), more follow.

    Raises:
        NotFound: no mailing of this workspace.
        Conflict: there are none, or an earlier wish is still being fulfilled.
    """
    return _again(workspace_id, mailing_no, Again.UNKNOWN, "No message of this mailing is in doubt.")


def send_rest(workspace_id: UUID, mailing_no: int) -> int:
    """Try those once more who have not got it: refused, given up, called off. Who said no stays left out.

    Returns:
        As ``send_unknown``.

    Raises:
        NotFound: no mailing of this workspace.
        Conflict: there are none, or an earlier wish is still being fulfilled.
    """
    return _again(workspace_id, mailing_no, Again.REST, "Everybody who may get this mailing has got it.")


# Whoever joins those that run has no turns saved up.
_JOIN = text(
    "UPDATE mailings SET state = 'running', ended_at = NULL,"  # noqa: S608  no input in it
    f" vtime = coalesce({LEAST_SERVED}, vtime) WHERE no = :no AND state IN ('done', 'cancelled')"
)
_NOT_LISTED = "Who may have got this before the database was restored is still being listed. Try again in a minute."
_NOT_YET = "What was wished for a moment ago is still being done. Try again in a minute."


def _again(workspace_id: UUID, mailing_no: int, again: Again, otherwise: str) -> int:
    now = clock.now()
    mailing = queries.get_mailing(workspace_id, mailing_no, is_held=True)
    if mailing.frozen_at is None:
        raise Conflict(otherwise)
    # What waits in a cancelled mailing would go as well.
    if mailing.again or (mailing.state == MailingState.CANCELLED and moves.is_waiting(mailing_no)):
        raise Conflict(_NOT_YET)
    count = moves.put_back(mailing_no, again, now)
    if not count:
        raise Conflict(otherwise)
    if count == moves.SLICE:
        mailing.again, mailing.again_at = again, now
        session().flush()
        jobs.ring_job(SCHEDULE)
    session().execute(_JOIN, {"no": mailing_no, "now": now})
    jobs.ring_lane(Lane.BULK)
    return count


def _check(
    workspace_id: UUID, title: str, version_id: UUID, interests: Sequence[UUID], weight: float, sender_name: str
) -> Sender:
    faults: dict[str, str] = {}
    title = title.strip()
    if not title or len(title) > MAX_TITLE or not title.isprintable():
        faults["title"] = f"Write a name of at most {MAX_TITLE} characters."
    known = {found.id for found in consent.list_interests(workspace_id)}
    if not interests or not set(interests) <= known:
        faults["interests"] = "Choose at least one interest that people can choose."
    if not 0 < weight <= 100:
        faults["weight"] = "A weight is more than 0 and at most 100."
    if len(sender_name) > MAX_NAME or not sender_name.isprintable():
        faults["sender_name"] = f"Write the name people will see, on one line of at most {MAX_NAME} characters."
    sender = queries.sender_of(workspace_id)
    if sender is None:
        faults["sender"] = "Say first who your mails come from."
    brand = accounts.brand(workspace_id)
    if not brand.postal_address.strip():
        faults["postal_address"] = "Every letter must show your postal address. Write it in the settings."
    if not faults:
        fault = _version_fault(workspace_id, version_id)
        if fault:
            faults["version"] = fault
    if faults or sender is None:
        raise BadInput("This cannot be sent yet.", fields=faults)
    return sender


def _version_fault(workspace_id: UUID, version_id: UUID) -> str:
    """What a reader's copy of this version would lack; empty: nothing."""
    version: LetterVersion = letters.get_version(workspace_id, version_id)
    links = {name: f"{_PROBE}/{name}" for name in ("unsubscribe", "preferences", "why", "web_view")}
    values = content.sample_values(accounts.brand(workspace_id), links)
    for one in (version, *content.list_translated(version).values()):
        try:
            content.render(one, values)
        except BadInput as lacking:
            return lacking.detail
    return ""


def _snapshot(sender: Sender) -> dict[str, Any]:
    return {
        "name": sender.name,
        "address": sender.address,
        "reply_to": sender.reply_to,
        "transport_id": str(sender.transport_id) if sender.transport_id else None,
    }


def _launched(workspace_id: UUID, dedupe: UUID) -> int:
    query = select(Mailing.no).where(
        Mailing.workspace_id == workspace_id, Mailing.dedupe_key == dedupe, text(LAUNCHED)
    )
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise Conflict("This was cancelled at this moment. Look again.")
    return found


def _move(
    workspace_id: UUID,
    mailing_no: int,
    states: Sequence[MailingState],
    values: dict[str, Any],
    otherwise: str,
) -> None:
    statement = update(Mailing).where(
        Mailing.no == mailing_no,
        Mailing.workspace_id == workspace_id,
        Mailing.kind == Kind.BULK,
        Mailing.state.in_(states),
    )
    changed = session().execute(statement.values(**values).execution_options(synchronize_session=False))
    if not _rowcount(changed):
        _refuse(workspace_id, mailing_no, otherwise)


def _refuse(workspace_id: UUID, mailing_no: int, otherwise: str) -> None:
    queries.get_mailing(workspace_id, mailing_no)
    raise Conflict(otherwise)


def _rowcount(result: Any) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount
