"""Letters for tests: sources, values, versions."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from app.accounts import queries as accounts
from app.content import service
from app.content.models import Letter, LetterVersion
from app.content.service import Reader, reader_values
from app.kernel.db import transaction

LINKS = {
    "unsubscribe": "https://news.ostkai.example/u/one",
    "preferences": "https://news.ostkai.example/p/one",
    "why": "https://news.ostkai.example/w/one",
    "web_view": "https://news.ostkai.example/v/all",
}
GREETING = '<mj-text>Hello {{ contact.first_name|default("there") }}</mj-text>'


def source(inner: str = GREETING, *, footer: str = '<mj-include path="footer" />', head: str = "") -> str:
    """MJML whose ``inner`` begins on line 8."""
    return (
        "<mjml>\n<mj-head>\n"
        f'{head}<mj-include path="head" />\n'
        "</mj-head>\n<mj-body>\n<mj-section>\n<mj-column>\n"
        f"{inner}\n</mj-column>\n</mj-section>\n{footer}\n</mj-body>\n</mjml>\n"
    )


def letter(
    workspace_id: UUID, inner: str = GREETING, *, subject: str = "Three new coffees", **more
) -> Letter:
    """A letter with a draft that can be sent."""
    with transaction():
        made = service.create_letter(workspace_id, "November")
        service.save_draft(workspace_id, made.id, subject, "Plum and cocoa", source(inner, **more))
    return made


def version(workspace_id: UUID, inner: str = GREETING, **more) -> LetterVersion:
    """A version that can be sent."""
    made = letter(workspace_id, inner, **more)
    with transaction():
        return service.freeze_version(workspace_id, made.id)


def values(workspace_id: UUID, reader: Reader | None = None, **links: str) -> dict:
    """One reader's values."""
    return reader_values(
        reader or Reader("Mara", "Lindqvist", "mara@example.org"),
        accounts.brand(workspace_id),
        topic="New coffees",
        permission_at=datetime(2026, 11, 22, 9, 16, tzinfo=UTC),
        links={**LINKS, **links},
    )
