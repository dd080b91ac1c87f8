"""From a claimed message to the bytes of its mail: the same bytes whenever the inputs are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy.exc import InterfaceError, OperationalError

from app.accounts import queries as accounts
from app.content import service as content
from app.delivery import letters, mails, outlets, queries
from app.delivery.identity import message_id, return_path
from app.delivery.mime import MailParts, build, list_unsubscribe
from app.delivery.outbox import Held
from app.delivery.rules import Content, Kind, Prepared, Sender, Skip, SystemMessage
from app.delivery.transports.settings import SmtpSettings
from app.kernel import tokens

RETURN_PATH = "return path"
"""Purpose of the key behind the return path and the mailto of List-Unsubscribe."""
BOUNCES = "bounces"
"""The subdomain of the sender's domain that takes bounces, so that SPF aligns."""


class NoSender(Exception):
    """Nobody has said yet who the workspace's mails come from."""


@dataclass(frozen=True, slots=True)
class Draft:
    """All that is read from the database for one mail.

    Attributes:
        write: renders it; needs no database.
        headers: further (name, value) pairs.
    """

    to: str
    to_name: str
    sender: Sender
    route: SmtpSettings
    write: Callable[[], Content]
    headers: tuple[tuple[str, str], ...]
    unsubscribe_url: str | None


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready for the wire.

    Attributes:
        domain: of the sender; the first attempt's, for ever.
        needs_smtputf8: an address has a local part beyond ASCII.
    """

    route: SmtpSettings
    envelope_from: str
    to: str
    data: bytes
    message_id: str
    mime_sha256: bytes
    domain: str
    needs_smtputf8: bool


def draft(batch: Sequence[Held]) -> dict[int, Draft | Skip | Exception]:
    """What each of these mails says, by its number; inside a transaction, writes nothing.

    A fault that is one message's own is its value; the batch is of one mailing.

    Raises:
        NoSender: see there.
        sqlalchemy.exc.OperationalError: the database is away.
    """
    if batch[0].version_id is not None:
        return _draft_letters(batch)
    return {held.n: _draft_system(held) for held in batch}


def _draft_letters(batch: Sequence[Held]) -> dict[int, Draft | Skip | Exception]:
    first = batch[0]
    sender = _sender(first, None)
    route = outlets.route_of(sender.transport_id)
    tenant = accounts.brand(first.workspace_id).public_id
    drafts: dict[int, Draft | Skip | Exception] = {}
    for n, letter in letters.read(batch).items():
        if isinstance(letter, Skip):
            drafts[n] = letter
            continue
        interest = letter.interest.hex
        headers = (
            ("List-Id", f"{letter.interest_name} <{interest}.{tenant}.{sender.domain}>"),
            # Campaign, list, tenant, sender: what a receiver may sum up by, and nothing that names a person.
            ("Feedback-ID", f"{first.mailing_no}:{interest}:{tenant}:nod-{tenant}"),
        )
        drafts[n] = Draft(
            letter.to, letter.to_name, sender, route, letter.write, headers, letter.unsubscribe_url
        )
    return drafts


def _draft_system(held: Held) -> Draft | Skip | Exception:
    try:
        prepared = mails.get(held.name).prepare(
            SystemMessage(
                held.workspace_id, held.contact_id, held.user_id, held.dedupe, held.data, held.created_at
            )
        )
    except (OperationalError, InterfaceError):
        raise
    except Exception as fault:  # noqa: BLE001  whatever a room's own code does, it is this message's fault
        return fault
    if isinstance(prepared, Skip):
        return prepared
    sender = _sender(held, prepared.sender)
    brand = accounts.brand(held.workspace_id)
    tenant = brand.public_id
    headers = [("Feedback-ID", f"{held.mailing_no}:{held.name}:{tenant}:nod-{tenant}")]
    if held.kind is Kind.SYSTEM:
        headers.append(("Auto-Submitted", "auto-generated"))
    return Draft(
        prepared.to,
        prepared.to_name,
        sender,
        outlets.route_of(sender.transport_id),
        partial(_write_system, prepared, brand.accent),
        (*headers, *prepared.extra_headers),
        prepared.unsubscribe_url,
    )


def _sender(held: Held, own: Sender | None) -> Sender:
    sender = own or held.sender or queries.sender_of(held.workspace_id)
    if sender is None:
        raise NoSender
    return sender


def _write_system(prepared: Prepared, accent: str) -> Content:
    if prepared.content is not None:
        return prepared.content
    shown = content.render_system(prepared.template, prepared.language, prepared.values, accent)
    return Content(shown.subject, shown.text, shown.html)


def write(held: Held, draft: Draft) -> Letter:
    """Render and encode; outside any transaction.

    Raises:
        BadInput: a header that cannot be written safely, or a letter that its reader could not leave.
        Exception: a template that does not render.
    """
    sender = draft.sender
    domain = held.from_domain or sender.domain
    written = draft.write()
    name = message_id(held.mailing_no, held.n, domain)
    data = build(
        MailParts(
            from_address=sender.address,
            from_name=sender.name,
            to_address=draft.to,
            to_name=draft.to_name,
            subject=written.subject,
            text=written.text,
            html=written.html,
            date=held.created_at,
            message_id=name,
            reply_to=sender.reply_to,
            headers=_headers(held, draft, domain),
        )
    )
    return Letter(
        route=draft.route,
        envelope_from=_mailbox(held, domain, "b"),
        to=draft.to,
        data=data,
        message_id=name,
        mime_sha256=hashlib.sha256(data).digest(),
        domain=domain,
        needs_smtputf8=not (draft.to + sender.address + sender.reply_to).isascii(),
    )


def _headers(held: Held, draft: Draft, domain: str) -> list[tuple[str, str]]:
    headers = list(draft.headers)
    if draft.unsubscribe_url:
        headers += list_unsubscribe(draft.unsubscribe_url, _mailbox(held, domain, "u"))
    return headers


def _mailbox(held: Held, domain: str, purpose: str) -> str:
    key = tokens.purpose_key(RETURN_PATH)
    return return_path(
        held.mailing_no, held.n, key, f"{BOUNCES}.{domain}", purpose="u" if purpose == "u" else "b"
    )
