"""The mails of a mailing to many: one read for hundreds of readers, then each from a sheet (``sheets``) or as a whole.

A letter whose tags leave a reader's copy open in ways that a sheet cannot know (a missing address hangs on an ``if``)
is merged and encoded reader by reader, which takes some four times as long; a line in the log says so once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from app.consent import queries as consent
from app.consent.queries import Ground
from app.consent.rules import Level
from app.contacts import queries as contacts
from app.contacts.queries import ReaderRow
from app.content import service as content
from app.content.service import Own, Reader
from app.delivery import compose, letters, outlets
from app.delivery.compose import Letter
from app.delivery.editions import Edition, Imprint, bounce_domain, edition_of, imprint_of, return_path_key
from app.delivery.identity import Mailboxes, message_id
from app.delivery.mime import MailParts, list_unsubscribe
from app.delivery.outbox import Head, Held
from app.delivery.pacing.buckets import transport_of
from app.delivery.rules import Skip
from app.delivery.sheets import Marks, NeedsWhole, Sheet
from app.delivery.transports.settings import SmtpSettings
from app.kernel.ids import uuid7
from app.tracking import service as tracking

log = logging.getLogger(__name__)

Made = Letter | Skip | Exception
_NUMBER: Final = 2**62 + 1
"""The number of a message that never is, in place of others'."""


@dataclass(frozen=True, slots=True)
class _Printed:
    """A sheet with what fills it."""

    sheet: Sheet
    marks: Marks
    mailboxes: Mailboxes


class Spoilt(Exception):
    """Making this one's mail has spoilt the transaction: it has no mail, and the others are to be taken anew."""

    def __init__(self, held: Held, fault: Exception) -> None:
        super().__init__(held.number)
        self.held = held
        self.fault = fault


class Writer:
    """Makes the mails of one slice of work; what it has read and encoded is kept until the slice ends."""

    def __init__(self) -> None:
        self._imprints: dict[int, Imprint] = {}
        self._servers: dict[str, SmtpSettings] = {}
        self._sheets: dict[tuple[int, UUID, Level, str, str], _Printed | None] = {}

    def edition(self, head: Head) -> Edition:
        """What all mails of the mailing share; inside a transaction.

        Raises:
            NoSender: nobody has said yet who the mails come from.
        """
        found = self.imprint(head)
        assert isinstance(found, Edition)
        return found

    def imprint(self, head: Head) -> Imprint:
        """The same, or as much of it as a mailing without a letter has; inside a transaction.

        Raises:
            NoSender: as ``edition``.
        """
        known = self._imprints.get(head.no)
        if known is None:
            known = self._imprints[head.no] = (edition_of if head.version_id else imprint_of)(head)
        return known

    def server(self, route: str) -> SmtpSettings:
        """The mail server of a route; inside a transaction.

        Raises:
            Conflict: its password is lost.
        """
        known = self._servers.get(route)
        if known is None:
            known = self._servers[route] = outlets.route_of(transport_of(route))
        return known

    def prepare(self, head: Head) -> None:
        """Read what all mails of the mailing share; inside a transaction.

        Raises:
            NoSender: as ``edition``.
            Problem: it cannot be had, in words for people: the mail server's password or the signing keys are lost.
        """
        self.imprint(head)

    def write(
        self, head: Head, batch: Sequence[Held], before: Callable[[Held], None]
    ) -> list[tuple[Held, Made]]:
        """The mails of messages of one mailing; inside a transaction, writes nothing.

        Args:
            head: the mailing.
            batch: its messages.
            before: told before each mail is made.

        Raises:
            sqlalchemy.exc.OperationalError: the database is away.
            Spoilt: see there.
        """
        if head.version_id is None:
            imprint = self.imprint(head)
            return [(held, _by_itself(imprint, held, before)) for held in batch]
        edition = self.edition(head)
        people = contacts.find_readers(head.workspace_id, [held.contact_id for held in batch if held.contact_id])
        grounds = consent.find_grounds(
            head.workspace_id, [held.permission_id for held in batch if held.permission_id]
        )
        made: list[tuple[Held, Made]] = []
        for held in batch:
            before(held)
            try:
                made.append((held, self._one(edition, held, people, grounds)))
            except (OperationalError, InterfaceError):
                raise
            except Exception as fault:  # noqa: BLE001  whatever a template or a header does, it is this message's fault
                made.append((held, fault))
        return made

    def _one(
        self, edition: Edition, held: Held, people: dict[UUID, ReaderRow], grounds: dict[UUID, Ground]
    ) -> Letter | Skip:
        person = people.get(held.contact_id) if held.contact_id else None
        ground = grounds.get(held.permission_id) if held.permission_id else None
        if person is None or ground is None or held.reach_id is None:
            return letters.ERASED
        if edition.translations:
            edition = edition.for_reader(person.language)
        domain = held.from_domain or edition.sender.domain
        found = self._sheet(edition, held, ground, domain)
        if found is not None:
            try:
                return _filled(found, edition, held, person, ground, domain)
            except NeedsWhole:
                pass
        return compose.write(held, compose.draft_letter(edition, held, person, ground))

    def _sheet(
        self, edition: Edition, held: Held, ground: Ground, domain: str
    ) -> _Printed | None:
        key = (edition.head.no, ground.interest_id, ground.tracking, domain, edition.language)
        if key not in self._sheets:
            self._sheets[key] = _make_sheet(edition, held, ground, domain)
            if self._sheets[key] is None:
                log.info("mailing %s: its letter is merged reader by reader, which takes longer", edition.head.no)
        return self._sheets[key]


def _make_sheet(edition: Edition, held: Held, ground: Ground, domain: str) -> _Printed | None:
    no, level, version = edition.head.no, ground.tracking, edition.version
    permission, reach = uuid7(), uuid7()
    tokens, pages = letters.tokens_of(permission, reach, with_why=True), letters.pages_of(permission, reach)
    mailboxes = Mailboxes(no, return_path_key(), bounce_domain(domain))
    _, mailto = mailboxes.make(_NUMBER)
    marks = Marks(
        unsubscribe=tokens.unsubscribe,
        preferences=tokens.preferences,
        why=tokens.why,
        tracking=tracking.token(no, tracking.NOBODY),
        number=str(_NUMBER),
        mailto=mailto,
    )
    skeleton = content.skeleton(
        version,
        content.shared_values(
            edition.brand, topic=ground.interest_name, links=letters.links_in(pages, level, version.id)
        ),
        links=edition.links(tracking.NOBODY, level),
        pixel_url=tracking.pixel_url(no, tracking.NOBODY, level),
        hidden_url=tracking.hidden_url(no, tracking.NOBODY, level),
    )
    if skeleton is None:
        return None
    parts = MailParts(
        from_address=edition.sender.address,
        from_name=edition.sender.name,
        to_address="reader@nod.invalid",
        subject="Letter",
        text="",
        html="",
        date=held.created_at,
        message_id=message_id(no, _NUMBER, domain),
        reply_to=edition.sender.reply_to,
        headers=(
            *edition.list_headers(ground.interest_id, ground.interest_name),
            *list_unsubscribe(pages.unsubscribe, f"{mailto}@{bounce_domain(domain)}"),
        ),
    )
    return _Printed(Sheet(skeleton, parts, marks), marks, mailboxes)


def _filled(
    printed: _Printed, edition: Edition, held: Held, person: ReaderRow, ground: Ground, domain: str
) -> Letter:
    assert held.permission_id is not None
    assert held.reach_id is not None
    marks, needs_why = printed.marks, printed.sheet.needs_why
    tokens = letters.tokens_of(held.permission_id, held.reach_id, with_why=needs_why)
    bounces, mailto = printed.mailboxes.make(held.n)
    words = {
        marks.unsubscribe: tokens.unsubscribe,
        marks.preferences: tokens.preferences,
        marks.number: str(held.n),
        marks.mailto: mailto,
    }
    if needs_why:
        words[marks.why] = tokens.why
    if ground.tracking in {Level.DATE, Level.INDIVIDUAL}:
        words[marks.tracking] = tracking.token(held.head.no, held.n)
    reader = Reader(person.first_name, person.last_name, person.address, person.fields)
    own = Own(reader, edition.brand, ground.said_at, edition.version.language)
    return Letter(
        route=edition.route,
        envelope_from=bounces,
        to=person.address,
        data=printed.sheet.fill(words, person.address, person.name, own, edition.signer),
        message_id=message_id(held.head.no, held.n, domain),
        mime_sha256=b"",
        domain=domain,
        from_domain=edition.sender.domain,
        needs_smtputf8=not (person.address + edition.sender.address + edition.sender.reply_to).isascii(),
        is_sound=True,
    )


def _by_itself(imprint: Imprint, held: Held, before: Callable[[Held], None]) -> Made:
    """A mail whose content a room of its own makes."""
    before(held)
    try:
        draft = compose.draft(imprint, held)
        return compose.write(held, draft) if isinstance(draft, compose.Draft) else draft
    except (OperationalError, InterfaceError):
        raise
    except DBAPIError as fault:
        raise Spoilt(held, fault) from fault
    except Exception as fault:  # noqa: BLE001  as above
        return fault
