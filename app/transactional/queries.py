"""Reads of transactional mail, together with its messages below."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Row as SqlRow
from sqlalchemy import Select, select, text

from app.contacts import queries as contacts
from app.content import queries as letters
from app.delivery.rules import STATES, WORDS, MessageState, Word, reason_of
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import NotFound
from app.kernel.paging import Page, read_position, turn
from app.transactional.models import Mail, Template
from app.transactional.rules import KEPT, MAIL, Ended

if TYPE_CHECKING:
    from app.content.models import Letter

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One mail as the report and the API show it; the address is empty once it is forgotten.

    Attributes:
        reason: in a few words why it ended so; empty where the word says it all.
        answer: the server's last words, masked, or our own.
        ended_at: None while it waits.
    """

    id: UUID
    template_id: UUID
    slug: str
    contact_id: UUID | None
    address: str
    state: MessageState
    reason: str
    answer: str
    created_at: datetime
    ended_at: datetime | None

    @property
    def word(self) -> Word:
        """Waiting, sent, skipped, failed or unknown."""
        return WORDS[self.state]


def get_template(workspace_id: UUID, template_id: UUID) -> tuple[Template, Letter]:
    """A template with its letter.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(Template).where(Template.workspace_id == workspace_id, Template.id == template_id)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This template is not here.")
    return found, letters.get_letter(workspace_id, found.letter_id)


def list_templates(workspace_id: UUID) -> list[tuple[Template, str]]:
    """All templates with their names, by public name and language; those that were put away too."""
    query = select(Template).where(Template.workspace_id == workspace_id).order_by(Template.slug, Template.language)
    found = session().execute(query).scalars().all()
    names = letters.names_of(workspace_id, [one.letter_id for one in found])
    return [(one, names[one.letter_id]) for one in found]


def find_published(workspace_id: UUID, slug: str, languages: Sequence[str]) -> Template | None:
    """What programs mean by a name: in the first of these languages that there is, else in the one it had first."""
    query = _published(workspace_id).where(Template.slug == slug).order_by(Template.created_at, Template.id)
    found = {one.language: one for one in session().execute(query).scalars()}
    return next((found[one] for one in languages if one in found), next(iter(found.values()), None))


def list_slugs(workspace_id: UUID) -> list[str]:
    """The names that programs can use."""
    return sorted({one.slug for one in session().execute(_published(workspace_id)).scalars()})


def find_by_key(workspace_id: UUID, key_hash: bytes) -> Mail | None:
    """The mail that was asked for with an Idempotency-Key."""
    query = select(Mail).where(Mail.workspace_id == workspace_id, Mail.key_hash == key_hash)
    return session().execute(query).scalar_one_or_none()


def find_mail(workspace_id: UUID, mail_id: UUID) -> Mail | None:
    """One mail as it was asked for."""
    query = select(Mail).where(Mail.workspace_id == workspace_id, Mail.id == mail_id)
    return session().execute(query).scalar_one_or_none()


_MAILING = (
    "(SELECT no FROM mailings WHERE workspace_id = :workspace_id AND kind = 'system'"  # noqa: S608  a name of ours
    f" AND name = '{MAIL}')"
)
_MAILS = " FROM transactional_mails t JOIN transactional_templates p ON p.id = t.template_id"
# Each message is looked up by its key, so that a page reads as many as it shows: joined at once, the planner reads all
# (700 ms of 300,000 mails instead of 10).
_FROM = (
    f"{_MAILS} CROSS JOIN LATERAL (SELECT * FROM messages"  # noqa: S608  names of ours
    f" WHERE mailing_no = {_MAILING} AND dedupe_key = t.id OFFSET 0) m"
    " WHERE t.workspace_id = :workspace_id"
)
_ROW = (
    "SELECT t.id, t.template_id, p.slug, t.contact_id, coalesce(t.address, '') AS address, m.state, m.reply_code,"
    " m.reply_status, coalesce(m.reply_text, '') AS reply_text, t.created_at, m.done_at"
)
_ONE = text(f"{_ROW}{_FROM} AND t.id = :id")
_SOME = (
    " AND (CAST(:template AS uuid) IS NULL OR t.template_id = :template)"
    " AND (CAST(:states AS text[]) IS NULL OR m.state = ANY(CAST(:states AS text[])))"
)
_NEWEST = text(
    f"{_ROW}{_FROM}{_SOME} AND (CAST(:at AS timestamptz) IS NULL OR (t.created_at, t.id) < (:at, CAST(:id AS uuid)))"
    " ORDER BY t.created_at DESC, t.id DESC LIMIT :limit"
)
_BACK = text(
    f"{_ROW}{_FROM}{_SOME} AND (t.created_at, t.id) > (:at, CAST(:id AS uuid)) ORDER BY t.created_at, t.id LIMIT :limit"
)
_ENDED = text(
    "SELECT t.template_id, CAST(t.created_at AT TIME ZONE :zone AS date) AS day, m.state, m.reply_code, m.reply_status,"
    " CASE WHEN m.state IN ('suppressed', 'unknown') THEN coalesce(m.reply_text, '') ELSE '' END AS reply, count(*) AS number"
    f"{_MAILS} JOIN messages m ON m.mailing_no = {_MAILING} AND m.dedupe_key = t.id"
    " WHERE t.workspace_id = :workspace_id AND t.created_at >= :since AND (CAST(:template AS uuid) IS NULL OR t.template_id = :template)"
    " GROUP BY 1, 2, 3, 4, 5, 6"
)


def get_row(workspace_id: UUID, mail_id: UUID) -> Row:
    """One mail and what became of it.

    Raises:
        NotFound: none of this workspace.
    """
    row = session().execute(_ONE, {"workspace_id": workspace_id, "id": mail_id}).one_or_none()
    if row is None:
        raise NotFound("This mail is not here.")
    return _row(row)


def list_rows(workspace_id: UUID, template_id: UUID | None, word: Word | None, cursor: str = "") -> Page[Row]:
    """Mails, newest first; of one template, of one word, or of all."""
    at = read_position(cursor, datetime, UUID)
    moment, last = at.values if at else (None, None)
    values = {
        "workspace_id": workspace_id, "template": template_id, "states": [one.value for one in STATES[word]] if word else None,
        "at": moment, "id": last, "limit": PAGE_ROWS + 1,
    }  # fmt: skip
    found = session().execute(_BACK if at and at.is_back else _NEWEST, values)
    return turn([_row(row) for row in found], PAGE_ROWS, at, lambda row: (row.created_at, row.id))


def count_ended(workspace_id: UUID, zone: str, template_id: UUID | None = None) -> list[Ended]:
    """How the mails of the last thirty days stand, by template, day and reason; one statement over their messages."""
    values = {"workspace_id": workspace_id, "zone": zone, "since": clock.now() - KEPT, "template": template_id}
    return [
        Ended(row.template_id, row.day, MessageState(row.state), row.reply_code, row.reply_status, row.reply, row.number)
        for row in session().execute(_ENDED, values)
    ]


def list_of_person(workspace_id: UUID, contact_id: UUID) -> Sequence[Mail]:
    """What was sent to a person, or to their address before they were here, newest first."""
    keys = keys_of(workspace_id, contact_id)
    query = select(Mail).where(
        Mail.workspace_id == workspace_id, (Mail.contact_id == contact_id) | Mail.address_key.in_(keys)
    )
    return session().execute(query.order_by(Mail.created_at.desc())).scalars().all()


def keys_of(workspace_id: UUID, contact_id: UUID) -> Collection[str]:
    """The mailboxes of a person: the one that they have, or had before they were merged."""
    return {one.key for one in contacts.list_addresses(workspace_id, [contact_id])}


def _published(workspace_id: UUID) -> Select[Template]:
    return select(Template).where(
        Template.workspace_id == workspace_id, Template.version_id.is_not(None), Template.archived_at.is_(None)
    )


def _row(row: SqlRow[Any]) -> Row:
    state = MessageState(row.state)
    reason = reason_of(state, row.reply_code, row.reply_status, row.reply_text)
    return Row(
        row.id, row.template_id, row.slug, row.contact_id, row.address, state, reason, row.reply_text, row.created_at,
        row.done_at,
    )  # fmt: skip
