"""A letter made before there is a mailing, as sending makes it: what keeps a copy from leaving, and nobody gets one.

What may keep it has two parts that know nothing of each other. The copy itself depends on the values of the tags that
the letter uses, on the interest, and on how far the reader lets us see (``Rehearsal.copy``). The envelope and ``To``
depend on the reader's name and address alone (``envelope_fault``): in every other header and in the body nobody's
own name stands unless a tag puts it there.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID

from app.accounts.rules.brand import Brand
from app.consent.queries import Ground
from app.contacts.queries import ReaderRow
from app.content import service as content
from app.content.service import Reader
from app.delivery import compose, letters
from app.delivery.editions import Edition
from app.delivery.headers import address_field
from app.delivery.outbox import Head, Held
from app.delivery.rules import Content, Kind, Lane, Sender
from app.delivery.transports.exchange import Mail, refuse
from app.delivery.transports.settings import SmtpSettings
from app.kernel import clock
from app.kernel.errors import Problem
from app.kernel.ids import uuid7
from app.tracking import service as tracking

if TYPE_CHECKING:
    from app.content.models import LetterVersion

log = logging.getLogger(__name__)

USUAL_ADDRESS: Final = r"^[A-Za-z0-9+_-]+(\.[A-Za-z0-9+_-]+)*@[a-z0-9-]+(\.[a-z0-9-]+)*$"
"""For PostgreSQL: addresses of which ``envelope_fault`` knows nothing bad, most people's."""
USUAL_NAME: Final = "^[A-Za-z0-9_ -]{0,120}$"
"""The same for names."""
_NOBODY: Final = "reader@nod.invalid"
_NOWHERE: Final = SmtpSettings("nod.invalid", 25)
_NUMBER: Final = 1
"""Of the mailing: as long as any other one's in what a copy holds."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One reader's copy: the octets of its HTML part, and why it could not be sent, in words; empty: it can."""

    octets: int
    fault: str


class Rehearsal:
    """Makes copies of one version for readers of a workspace; each is made, looked at and dropped.

    Args:
        workspace_id: whose it is.
        version: of a letter to many, kept or not.
        brand: who writes.
        sender: who it comes from.
    """

    def __init__(self, workspace_id: UUID, version: LetterVersion, brand: Brand, sender: Sender) -> None:
        head = Head(_NUMBER, workspace_id, Kind.BULK, "", Lane.BULK, sender, version.id)
        # Nobody signs it: a signature is made of what stands there, and cannot fail for one reader.
        self._edition = Edition(head, brand, sender, _NOWHERE, None, version)
        self._held = Held(
            head, tracking.NOBODY, 0, None, None, uuid7(), uuid7(), uuid7(), "", {}, clock.now(), 0, 0, 0, 0, None, None
        )
        self._targets = content.link_targets(version, brand)

    def copy(self, reader: Reader, ground: Ground) -> Copy:
        """The copy of a reader. Whoever has the same values of the letter's tags and such a ground gets the same one."""
        person = ReaderRow(reader.first_name, reader.last_name, dict(reader.fields), reader.email)
        try:
            links = tracking.links_before(self._targets, ground.tracking)
            letter = letters.draft(self._edition, self._held, person, ground, links)
            written = letter.write()
            fault = self._fault(written, letter.unsubscribe_url, ground)
        except Problem as problem:
            return Copy(0, _words(problem))
        except Exception as problem:  # noqa: BLE001  whatever a template does, sending would note it of this copy
            log.warning("a copy cannot be made: %s", problem.__class__.__name__)
            return Copy(0, f"It cannot be written ({problem.__class__.__name__}).")
        return Copy(len(written.html.encode()), fault)

    def _fault(self, written: Content, unsubscribe_url: str, ground: Ground) -> str:
        headers = self._edition.list_headers(ground.interest_id, ground.interest_name)
        # The body is left out: quoted-printable takes whatever is Unicode, and is most of the work.
        written.text.encode()
        write = partial(Content, written.subject, "", "")
        draft = compose.Draft(_NOBODY, "", self._edition.sender, _NOWHERE, write, headers, unsubscribe_url)
        made = compose.write(self._held, draft)
        refused = refuse(Mail(made.envelope_from, made.to, made.data))
        return refused.text if refused is not None else ""


def envelope_fault(address: str, name: str) -> str:
    """Why we would not write to somebody of this name at this address, in words; empty: we would."""
    try:
        address_field("To", address, name)
    except Problem as problem:
        return _words(problem)
    refused = refuse(Mail("", address, b"", is_sound=True))
    return refused.text if refused is not None else ""


def _words(problem: Problem) -> str:
    return " ".join([problem.detail, *problem.fields.values()])
