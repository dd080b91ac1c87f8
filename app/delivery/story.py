"""A message's whole story, for whoever runs the installation: no address, no name, no content."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.consent.rules import State, may_write
from app.delivery import journal, mails, queries
from app.delivery.journal import Step
from app.delivery.models import Mailing, Message
from app.delivery.pacing.groups import group_of
from app.delivery.rules import UNKNOWN_PAUSE, Kind, MailingState, MessageState
from app.delivery.timeline import SAYS
from app.kernel import clock

if TYPE_CHECKING:
    from app.consent.models import Permission, Reach

Line = tuple[str, str]
"""A label and what it says."""
_STEPS: Final = {
    Step.RENDERING: "its content was being made",
    Step.RENDERED: "its content was made",
    Step.BODY: "its body began to leave",
    Step.ANSWER: "the server's last answer came",
}
_NO_MAILING_RUNS: Final = {
    MailingState.PAUSED: "not before its mailing goes on",
    MailingState.CANCELLED: "never: its mailing is cancelled, and it is about to be called off",
}


def tell(mailing_no: int, n: int) -> list[Line]:
    """Everything that is known about a message, in the order in which it happened.

    Raises:
        NotFound: none has these numbers.
    """
    message, mailing = queries.get_message(mailing_no, n)
    now = clock.now()
    return [
        *_what(message, mailing),
        *_permission(message, mailing, now),
        *_so_far(message),
        *_holder(message, now),
        *_journal(message),
        *_next(message, mailing, now),
        *_way(message, mailing),
    ]


def _what(message: Message, mailing: Mailing) -> Iterator[Line]:
    yield "Message", f"{message.mailing_no}-{message.n} of workspace {message.workspace_id}"
    title = mailing.title or mails.title(mailing.name)
    yield "Mail", f"{title} ({mailing.kind}, lane {mailing.lane}, mailing {mailing.state})"
    if mailing.pause_reason:
        yield "", mailing.pause_reason
    if message.contact_id or message.user_id:
        yield "To", f"contact {message.contact_id}" if message.contact_id else f"user {message.user_id}"
    else:
        yield "To", "an address that nobody here has"
    yield "State", f"{message.state}: {SAYS[MessageState(message.state)]}"


def _permission(message: Message, mailing: Mailing, now: datetime) -> Iterator[Line]:
    if message.contact_id is None and message.user_id is None:
        yield "Permission", "none needed: it answers somebody's own act"
        yield "The gate now", "its address is looked up on the list “Never write to” when the mail is made"
        return
    if message.contact_id is None:
        assert message.user_id is not None
        disabled_at = accounts.get_user(message.user_id).disabled_at
        yield "The gate now", f"no: this user is disabled since {_at(disabled_at)}" if disabled_at else "yes"
        return
    reach = consent.find_reach(message.workspace_id, message.contact_id)
    veto = _veto(reach) if reach else "nobody like that can be reached"
    if message.permission_id is None:
        is_objection = reach is not None and veto and not (reach.suppressed_at or reach.erased_at)
        yield "Permission", "none needed: it answers the person's own act"
        yield "The gate now", f"no: {veto}" if veto and not is_objection else "yes"
        return
    all_of_them = consent.list_permissions(message.workspace_id, message.contact_id)
    found = next((one for one in all_of_them if one.id == message.permission_id), None)
    if found is not None:
        yield "Permission", f"{found.id}: {found.state} for {found.purpose} by {found.channel}, event {found.event_id}"
    if may_write(consent.standing(found, reach), now, as_digest=mailing.kind != Kind.BULK):
        yield "The gate now", "yes"
    else:
        yield "The gate now", f"no: {veto or _no(found, reach, now)}"


def _veto(reach: Reach) -> str:
    if reach.erased_at:
        return f"the person was erased on {_at(reach.erased_at)}"
    if reach.suppressed_at:
        return f"suppressed on {_at(reach.suppressed_at)} ({reach.suppressed_reason or 'no reason noted'})"
    return f"they stopped everything on {_at(reach.objected_at)}" if reach.objected_at else ""


def _no(permission: Permission | None, reach: Reach | None, now: datetime) -> str:
    if permission is None:
        return "its permission is gone"
    if permission.valid_until and permission.valid_until <= now:
        return f"it was given until {_at(permission.valid_until)}"
    pauses = [permission.paused_until, reach.paused_until if reach else None]
    paused_until = max((pause for pause in pauses if pause), default=None)
    if permission.state == State.YES and paused_until and paused_until > now:
        return f"they paused until {_at(paused_until)}"
    if permission.state == State.YES and reach is not None and reach.digest:
        return f"they want a {reach.digest} digest instead"
    return f"their permission is {permission.state} since {_at(permission.updated_at)}"


def _so_far(message: Message) -> Iterator[Line]:
    for label, moment in (
        ("Wished for", message.created_at),
        ("First attempt", message.first_at),
        ("Last attempt", message.began_at),
        ("Ended", message.done_at),
    ):
        if moment:
            yield label, _at(moment)
    if message.reply_text:
        yield "Answer", message.reply_text
    counts = [
        f"{count} {word}"
        for count, word in (
            (message.attempts, "attempts"),
            (message.host_faults, "times in a row the mail server was away"),
            (message.render_faults, "times its content could not be made"),
            (message.doubts, "times in doubt"),
            (message.crash_count, "times its worker ended"),
        )
        if count
    ]
    yield "So far", ", ".join([*counts, f"taken {message.fence} times (its fence)"])


def _holder(message: Message, now: datetime) -> Iterator[Line]:
    if message.lease_owner and message.lease_until:
        word = "until" if message.lease_until > now else "over since"
        yield "Held by", f"{message.lease_owner}, lease {word} {_at(message.lease_until)}"


def _journal(message: Message) -> Iterator[Line]:
    """What senders of this machine have noted since the database last knew everything."""
    label = "Journal"
    for owner, record in journal.remarks(message.mailing_no, message.n):
        code = f" ({record.code or 'the line broke before the final dot'})" if record.step is Step.ANSWER else ""
        yield label, f"{_STEPS[record.step]}{code}; fence {record.fence}, by {owner}"
        label = ""


def _next(message: Message, mailing: Mailing, now: datetime) -> Iterator[Line]:
    state = MessageState(message.state)
    if state is MessageState.UNKNOWN:
        yield "Next attempt", _after_doubt(message, mailing)
    elif state is MessageState.PENDING:
        blocked = _NO_MAILING_RUNS.get(MailingState(mailing.state))
        yield "Next attempt", blocked or f"{_at(message.due_at)}: {_why(message, mailing, now)}"
        if message.closes_at is not None:
            yield "", f"its hours close {_at(message.closes_at)}; then it waits for the next ones"


def _after_doubt(message: Message, mailing: Mailing) -> str:
    if mailing.kind == Kind.BULK:
        return "only if a person decides so, on the mailing's page"
    if message.doubts == 1 and message.began_at:
        return f"{_at(message.began_at + UNKNOWN_PAUSE)}: system mail in doubt is tried once more"
    return "none: it was in doubt twice"


def _why(message: Message, mailing: Mailing, now: datetime) -> str:
    if message.host_faults:
        reason = "the mail server was away"
    elif message.render_faults:
        reason = "its content could not be made"
    elif message.attempts and message.reply_text:
        reason = "the receiver asked for later"
    elif message.crash_count:
        reason = "its worker ended; it is sent alone"
    else:
        reason = "" if message.due_at <= now else "its reader’s hour" if mailing.kind == Kind.BULK else "its turn"
    is_due = "it is due, and goes when a worker has a line and its receiver's pace allows"
    return reason if message.due_at > now else f"{reason}; {is_due}".removeprefix("; ")


def _way(message: Message, mailing: Mailing) -> Iterator[Line]:
    """What limits its receiver and its way out now."""
    route = queries.route_of(message.workspace_id, mailing.no)
    group = group_of(message.domain_group) if message.domain_group else ""
    yield "Way out", f"{route or 'none: nobody has said who the mails come from'}, receivers like {group or 'nobody (erased, or staff)'}"
    label = "Pace"
    for limit in queries.route_standing(route) if route else ():
        if limit.group in {"", group}:
            yield label, limit.why
            label = ""
    if label:
        yield label, "nothing limits it"


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
