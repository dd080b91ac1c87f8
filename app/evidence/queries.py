"""Reads of this room: a person's evidence, and where signed days go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from app.accounts import queries as accounts
from app.consent import history
from app.consent import queries as consent
from app.contacts import queries as contacts
from app.evidence import document, printing
from app.evidence.document import Document
from app.evidence.models import PrivacyNotice, SealTarget
from app.kernel import clock
from app.kernel.db import session


@dataclass(frozen=True, slots=True)
class Evidence:
    """A person's evidence file: its content and its bytes."""

    document: Document
    file: bytes


def evidence(workspace_id: UUID, contact_id: UUID) -> Evidence:
    """The file about a person, as of now; of somebody who was merged, about who they are now.

    Raises:
        NotFound: none of this workspace.
    """
    contact_id = contacts.get_contact(workspace_id, contact_id).merged_into or contact_id
    made = document.make(workspace_id, contact_id, clock.now())
    return Evidence(made, document.file_of(made))


def pdf(workspace_id: UUID, contact_id: UUID) -> bytes:
    """The same on paper, with the file inside.

    Raises:
        NotFound: none of this workspace.
    """
    contact_id = contacts.current_id(workspace_id, contact_id)
    found = evidence(workspace_id, contact_id)
    return printing.pdf_of(
        found.document,
        found.file,
        brand=accounts.brand(workspace_id),
        name=contacts.get_contact(workspace_id, contact_id).name,
        verdicts=history.verdicts(workspace_id, contact_id),
    )


@dataclass(frozen=True, slots=True)
class Notice:
    """The brand's privacy notice as it is kept.

    Attributes:
        url: where it stands; empty: the brand names none.
        words: as they were read last, or None.
        version: of the words.
        sha256: of the words, in hexadecimal digits.
        read_at: when.
        is_pasted: whether somebody entered them, so that the page is not read.
        fault: what the last attempt met; empty: nothing.
    """

    url: str
    words: str | None = None
    version: int = 0
    sha256: str = ""
    read_at: datetime | None = None
    is_pasted: bool = False
    fault: str = ""


def privacy_notice(workspace_id: UUID) -> Notice:
    """What is kept of a brand's privacy notice."""
    url = accounts.brand(workspace_id).privacy_url or ""
    text_id = consent.notice_text(workspace_id, url)
    row = session().get(PrivacyNotice, workspace_id)
    read_at, is_pasted, fault = (row.read_at, row.is_pasted, row.fault) if row and row.url == url else (None, False, "")
    if text_id is None:
        return Notice(url, fault=fault)
    text = consent.get_text(workspace_id, text_id)
    return Notice(url, text.body, text.version, text.sha256.hex(), read_at, is_pasted, fault)


def list_targets(workspace_id: UUID) -> list[SealTarget]:
    """Where this workspace's signed days go, oldest first."""
    query = select(SealTarget).where(SealTarget.workspace_id == workspace_id)
    return list(session().execute(query.order_by(SealTarget.created_at)).scalars())


def find_target(workspace_id: UUID, target_id: UUID) -> SealTarget | None:
    """One of those places."""
    query = select(SealTarget).where(SealTarget.workspace_id == workspace_id, SealTarget.id == target_id)
    return session().execute(query).scalar_one_or_none()
