"""What the mails of this room say: those that programs ask for, and the test of a template."""

from __future__ import annotations

from uuid import UUID

from app.accounts import queries as accounts
from app.contacts import queries as contacts
from app.contacts.addresses import normalise
from app.content import queries as letters
from app.content import service as content
from app.content.service import Reader, Rendered
from app.delivery.rules import Content
from app.delivery.service import Prepared, Skip, SystemMail, SystemMessage, recipient_of
from app.transactional import queries, service
from app.transactional.rules import MAIL, TEST

MARK = "[TEST] "


def _prepare(message: SystemMessage) -> Prepared | Skip:
    mail = queries.find_mail(message.workspace_id, message.dedupe)
    if mail is None or mail.address is None or mail.data is None:
        return Skip("what it said is no longer kept")
    if message.contact_id is None:
        # No gate knows an address that is nobody's, so it is asked about here, a moment before the mail begins.
        try:
            service.refuse(message.workspace_id, normalise(mail.address).key)
        except service.MustNotWrite as refused:
            return Skip(refused.fields["to"])
    person = contacts.get_contact(message.workspace_id, message.contact_id) if message.contact_id else None
    version = letters.get_version(message.workspace_id, mail.version_id)
    rendered = service.render(message.workspace_id, version, person, mail.address, mail.data)
    return _mail(mail.address, person.name if person else "", version.language, rendered)


def _prepare_test(message: SystemMessage) -> Prepared | Skip:
    user = recipient_of(message)
    if isinstance(user, Skip):
        return user
    version = letters.get_version(message.workspace_id, UUID(message.data["version_id"]))
    brand = accounts.brand(message.workspace_id)
    values = content.transactional_values(Reader(first_name=user.name, email=user.email), brand)
    shown = content.render_transactional(version, values, content.example(content.samples_in(version.needs) or {}))
    return _mail(user.email, user.name, version.language, shown, MARK)


def _mail(to: str, name: str, language: str, shown: Rendered, mark: str = "") -> Prepared:
    """Without a way to leave, as there is nothing to leave, and without anything that tells of its reader."""
    return Prepared(
        to=to,
        to_name=name,
        template="",
        language=language,
        values={},
        content=Content(mark + shown.subject, shown.text, shown.html),
    )


SYSTEM_MAILS = (
    SystemMail(MAIL, _prepare, "Transactional mail"),
    SystemMail(TEST, _prepare_test, "Test of a transactional mail"),
)
