"""From a claimed message to the bytes of its mail: the same bytes whenever the inputs are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.consent.queries import Ground
from app.contacts.queries import ReaderRow
from app.content import service as content
from app.delivery import letters, mails
from app.delivery.dkim import Signer
from app.delivery.editions import Edition, Imprint, bounce_domain, return_path_key
from app.delivery.identity import Purpose, message_id, return_path
from app.delivery.mime import MailParts, build, list_unsubscribe
from app.delivery.outbox import Held
from app.delivery.rules import Content, Kind, Prepared, Sender, Skip, SystemMessage
from app.delivery.transports.settings import SmtpSettings


@dataclass(frozen=True, slots=True)
class Draft:
    """All that is read from the database for one mail.

    Attributes:
        write: renders it; needs no database.
        headers: further (name, value) pairs.
        signer: of DKIM; None: not switched on.
    """

    to: str
    to_name: str
    sender: Sender
    route: SmtpSettings
    write: Callable[[], Content]
    headers: tuple[tuple[str, str], ...]
    unsubscribe_url: str | None
    signer: Signer | None = None


@dataclass(slots=True, eq=False)
class Letter:
    """A mail ready for the wire.

    Attributes:
        domain: of Message-ID and return path; the first attempt's sender's, for ever.
        from_domain: of the sender now.
        needs_smtputf8: an address has a local part beyond ASCII.
        is_sound: made from a sheet, and so beyond what the wire could misread.
    """

    route: SmtpSettings
    envelope_from: str
    to: str
    data: bytes
    message_id: str
    mime_sha256: bytes
    domain: str
    from_domain: str
    needs_smtputf8: bool
    is_sound: bool = False


def draft_letter(edition: Edition, held: Held, person: ReaderRow, ground: Ground) -> Draft:
    """A letter to one of many, merged as a whole."""
    letter = letters.draft(edition, held, person, ground)
    headers = edition.list_headers(ground.interest_id, ground.interest_name)
    return Draft(
        person.address, person.name, edition.sender, edition.route, letter.write, headers, letter.unsubscribe_url,
        edition.signer,
    )


def draft(imprint: Imprint, held: Held) -> Draft | Skip:
    """What a mail of its own says; inside a transaction, writes nothing.

    Raises:
        sqlalchemy.exc.OperationalError: the database is away.
        Exception: whatever a room's own code does, it is this message's fault.
    """
    prepared = mails.get(held.head.name).prepare(
        SystemMessage(
            held.workspace_id, held.contact_id, held.user_id, held.dedupe, held.data, held.created_at
        )
    )
    if isinstance(prepared, Skip):
        return prepared
    tenant = imprint.brand.public_id
    headers = [("Feedback-ID", f"{held.mailing_no}:{held.head.name}:{tenant}:nod-{tenant}")]
    if held.head.kind is Kind.SYSTEM:
        headers.append(("Auto-Submitted", "auto-generated"))
    return Draft(
        prepared.to,
        prepared.to_name,
        imprint.sender,
        imprint.route,
        partial(_write_system, prepared, imprint.brand.accent),
        (*headers, *prepared.extra_headers),
        prepared.unsubscribe_url,
        imprint.signer,
    )


def _write_system(prepared: Prepared, accent: str) -> Content:
    if prepared.content is not None:
        return prepared.content
    shown = content.render_system(prepared.template, prepared.language, prepared.values, accent)
    return Content(shown.subject, shown.text, shown.html)


def write(held: Held, draft: Draft) -> Letter:
    """Render and encode; asks nobody.

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
    if draft.signer is not None:
        head, _, body = data.partition(b"\r\n\r\n")
        data = draft.signer.sign(head + b"\r\n", body) + data
    return Letter(
        route=draft.route,
        envelope_from=_mailbox(held, domain, "b"),
        to=draft.to,
        data=data,
        message_id=name,
        mime_sha256=hashlib.sha256(data).digest(),
        domain=domain,
        from_domain=sender.domain,
        needs_smtputf8=not (draft.to + sender.address + sender.reply_to).isascii(),
    )


def _headers(held: Held, draft: Draft, domain: str) -> list[tuple[str, str]]:
    headers = list(draft.headers)
    if draft.unsubscribe_url:
        headers += list_unsubscribe(draft.unsubscribe_url, _mailbox(held, domain, "u"))
    return headers


def _mailbox(held: Held, domain: str, purpose: Purpose) -> str:
    return return_path(held.mailing_no, held.n, return_path_key(), bounce_domain(domain), purpose=purpose)
