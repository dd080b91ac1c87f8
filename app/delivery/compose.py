"""From a claimed message to the bytes of its mail: the same bytes whenever the inputs are the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from app.accounts import queries as accounts
from app.content import service as content
from app.delivery import mails, outlets, queries
from app.delivery.identity import message_id, return_path
from app.delivery.mime import MailParts, build, list_unsubscribe
from app.delivery.outbox import Held
from app.delivery.rules import Kind, Prepared, Sender, Skip, SystemMessage
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
    """All that is read from the database for one mail."""

    prepared: Prepared
    sender: Sender
    route: SmtpSettings
    workspace_public_id: str
    accent: str


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


def draft(held: Held) -> Draft | Skip:
    """Read what the mail says; inside a transaction, writes nothing.

    Raises:
        NoSender: see there.
        Exception: whatever the mail's own ``prepare`` raises.
    """
    prepared = mails.get(held.name).prepare(
        SystemMessage(
            held.workspace_id, held.contact_id, held.user_id, held.dedupe, held.data, held.created_at
        )
    )
    if isinstance(prepared, Skip):
        return prepared
    sender = prepared.sender or held.sender or queries.sender_of(held.workspace_id)
    if sender is None:
        raise NoSender
    brand = accounts.brand(held.workspace_id)
    return Draft(prepared, sender, outlets.route_of(sender.transport_id), brand.public_id, brand.accent)


def write(held: Held, draft: Draft) -> Letter:
    """Render and encode; outside any transaction.

    Raises:
        BadInput: a header that cannot be written safely.
        Exception: a template that does not render.
    """
    prepared, sender = draft.prepared, draft.sender
    domain = held.from_domain or sender.domain
    rendered = content.render_system(prepared.template, prepared.language, prepared.values, draft.accent)
    name = message_id(held.mailing_no, held.n, domain)
    data = build(
        MailParts(
            from_address=sender.address,
            from_name=sender.name,
            to_address=prepared.to,
            to_name=prepared.to_name,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            date=held.created_at,
            message_id=name,
            reply_to=sender.reply_to,
            headers=_headers(held, draft, domain),
        )
    )
    return Letter(
        route=draft.route,
        envelope_from=_mailbox(held, domain, "b"),
        to=prepared.to,
        data=data,
        message_id=name,
        mime_sha256=hashlib.sha256(data).digest(),
        domain=domain,
        needs_smtputf8=not (prepared.to + sender.address + sender.reply_to).isascii(),
    )


def _headers(held: Held, draft: Draft, domain: str) -> list[tuple[str, str]]:
    tenant = draft.workspace_public_id
    headers = [("Feedback-ID", f"{held.mailing_no}:{held.name}:{tenant}:nod-{tenant}")]
    if held.kind is Kind.SYSTEM:
        headers.append(("Auto-Submitted", "auto-generated"))
    if draft.prepared.unsubscribe_url:
        headers += list_unsubscribe(draft.prepared.unsubscribe_url, _mailbox(held, domain, "u"))
    return [*headers, *draft.prepared.extra_headers]


def _mailbox(held: Held, domain: str, purpose: str) -> str:
    key = tokens.purpose_key(RETURN_PATH)
    return return_path(
        held.mailing_no, held.n, key, f"{BOUNCES}.{domain}", purpose="u" if purpose == "u" else "b"
    )
