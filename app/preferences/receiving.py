"""What a mail that comes in does: the unsubscribe mailbox of a message ends what it stood on, "stop" ends everything.

Any other reply to a letter is noted as one, without a word of what it says.

Nothing is ever answered by mail but with the private link, which goes to the address that we know: a forged sender
gets nothing and cannot make two programs write to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid5

from app.consent.rules import Proof
from app.contacts import queries as contacts
from app.contacts.addresses import AddressError, normalise
from app.delivery import queries as delivery
from app.delivery.queries import NamedMessage
from app.kernel import clock
from app.preferences import guardians, inbound, links, service
from app.preferences.inbound import Incoming
from app.tracking import service as tracking
from app.tracking.service import Act

QUESTIONS = frozenset({"confirm", "confirm-reminder", "confirm-guardian", "welcome"})
"""System mails whose key is the request: leaving them ends what it asked for."""


def receive(raw: bytes, recipients: Sequence[str], *, envelope_from: str | None = None) -> str:
    """Act on one mail, inside the caller's transaction.

    Args:
        raw: as it came.
        recipients: of the envelope.
        envelope_from: its sender; empty: a bounce; None: not known.

    Returns:
        What was done, in a word for the log: ``left``, ``stopped``, ``replied``, ``automatic`` or ``ignored``.
    """
    mail = inbound.read(raw, envelope_from=envelope_from)
    for address in recipients[:10]:
        named = delivery.find_by_mailbox(address, "u")
        if named is not None:
            return _leave(named, mail, envelope_from)
    if mail.is_automatic:
        return "automatic"
    return _reply(mail)


def _leave(named: NamedMessage, mail: Incoming, envelope_from: str | None) -> str:
    """The mailbox proves which message it was, whoever writes: mail programs send it in their owner's name.

    A bounce of such a mail, or a vacation notice, is nobody's wish.
    """
    if envelope_from == "" or (mail.is_automatic and not mail.says_stop and mail.names):
        return "automatic"
    token = _token(named)
    if token is None:
        return "ignored"
    service.leave(token, _proof("unsubscribe mailbox"), method="mailto")
    return "left"


def _token(named: NamedMessage) -> links.Unsubscribe | None:
    if named.name in QUESTIONS:
        return links.Unsubscribe(links.Kind.REQUEST, named.dedupe)
    if named.permission_id is not None and named.name != "digest":
        return links.Unsubscribe(links.Kind.PERMISSION, named.permission_id)
    return links.Unsubscribe(links.Kind.REACH, named.reach_id) if named.reach_id else None


def _reply(mail: Incoming) -> str:
    """A person wrote back. "Stop" ends everything: whoever writes a sentence knows no topics.

    A sender's address is easily forged, so it counts only where the mail answers one that went to that very address.
    """
    for mailing_no, n in mail.names:
        named = delivery.find_named(mailing_no, n)
        if named is None or named.contact_id is None:
            continue
        if not _is_theirs(named, mail.sender):
            continue
        if not mail.says_stop:
            return _note(named, mailing_no, n) if named.permission_id is not None else "ignored"
        if named.name in QUESTIONS:
            asked = links.Unsubscribe(links.Kind.REQUEST, named.dedupe)
            service.leave(asked, _proof("reply to the question"), method="reply")
            return "left"
        service.stop(named.workspace_id, named.contact_id, _proof("reply"), method="reply")
        return "stopped"
    return "ignored"


def _note(named: NamedMessage, mailing_no: int, n: int) -> str:
    """A reply to a letter: once for each, however often somebody writes."""
    assert named.contact_id is not None
    event_id = uuid5(named.dedupe, f"reply {mailing_no}.{n}")
    act = Act(event_id, named.contact_id, "reply", clock.now(), {"mailing": mailing_no})
    tracking.record_acts(named.workspace_id, [act])
    return "replied"


def _is_theirs(named: NamedMessage, sender: str) -> bool:
    """Whether the message went to that very address."""
    if named.name == "confirm-guardian":
        guardian = guardians.find(named.dedupe)
        written_to = (guardian.address if guardian else None) or ""
    else:
        return named.contact_id is not None and _is_of(named.workspace_id, named.contact_id, sender)
    try:
        return normalise(sender).key == normalise(written_to).key
    except AddressError:
        return False


def _is_of(workspace_id: UUID, contact_id: UUID, sender: str) -> bool:
    """Whether it is an address of this person, who may have several since entries were merged."""
    entries = [contact_id, *contacts.list_merged(workspace_id, contact_id)]
    try:
        key = normalise(sender).key
    except AddressError:
        return False
    return any(found.key == key for found in contacts.list_addresses(workspace_id, entries))


def _proof(verdict: str) -> Proof:
    return Proof(http_method="MAIL", verdict=verdict)
