"""Reads about tags; every one within a workspace."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text

from app.kernel.db import array_of, session
from app.kernel.errors import NotFound
from app.kernel.paging import Page, decode_cursor, encode_cursor
from app.tags.models import ContactTag, Tag
from app.tags.rules import MAX_TAGS

PAGE_ROWS: Final = 100
SUGGESTED: Final = 20
COUNTED_UP_TO: Final = 10_000


@dataclass(frozen=True, slots=True)
class Listed:
    """A tag with how many people carry it; ``COUNTED_UP_TO`` + 1 where they are more."""

    id: UUID
    word: str
    people: int


def get_tag(workspace_id: UUID, tag_id: UUID) -> Tag:
    """One tag.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(Tag).where(Tag.workspace_id == workspace_id, Tag.id == tag_id, Tag.removed_at.is_(None))
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This tag is not here.")
    return found


def is_listed(workspace_id: UUID, tag_id: UUID) -> bool:
    """Whether a tag is in the list of the workspace."""
    query = select(Tag.id).where(Tag.workspace_id == workspace_id, Tag.id == tag_id, Tag.removed_at.is_(None))
    return session().execute(query).scalar_one_or_none() is not None


def list_words(workspace_id: UUID) -> list[tuple[UUID, str]]:
    """Ids and words of the whole list, in its order."""
    query = select(Tag.id, Tag.word).where(Tag.workspace_id == workspace_id, Tag.removed_at.is_(None))
    return [(row.id, row.word) for row in session().execute(query.order_by(Tag.folded).limit(MAX_TAGS))]


def count_tags(workspace_id: UUID) -> int:
    """How long the list is."""
    query = select(func.count()).where(Tag.workspace_id == workspace_id, Tag.removed_at.is_(None))
    return session().execute(query).scalar_one()


# Counted page by page and up to a bound: everybody of a million may carry each of them.
_LISTED = text(
    "SELECT t.id, t.word, t.folded, (SELECT count(*) FROM (SELECT FROM contact_tags c WHERE c.tag_id = t.id"
    " LIMIT :most) AS carried) AS people FROM tags t WHERE t.workspace_id = :workspace_id AND t.removed_at IS NULL"
    " AND t.folded > :after ORDER BY t.folded LIMIT :limit"
)


def list_tags(workspace_id: UUID, cursor: str = "") -> Page[Listed]:
    """A page of the list.

    Raises:
        BadRequest: the cursor is not one of ours.
    """
    (after,) = decode_cursor(cursor, str) if cursor else ("",)
    values = {
        "workspace_id": workspace_id, "after": after, "limit": PAGE_ROWS + 1, "most": COUNTED_UP_TO + 1
    }  # fmt: skip
    rows = session().execute(_LISTED, values).all()
    page = rows[:PAGE_ROWS]
    more = encode_cursor(page[-1].folded) if len(rows) > PAGE_ROWS else None
    return Page([Listed(row.id, row.word, row.people) for row in page], more)


def suggest(workspace_id: UUID, beginning: str) -> list[str]:
    """Some words of the list that begin like this, as ``rules.fold`` folds it."""
    query = select(Tag.word).where(
        Tag.workspace_id == workspace_id,
        Tag.removed_at.is_(None),
        Tag.folded.startswith(beginning, autoescape=True),
    )
    return list(session().execute(query.order_by(Tag.folded).limit(SUGGESTED)).scalars())


def tags_of(workspace_id: UUID, contact_id: UUID) -> list[tuple[UUID, str]]:
    """What a person carries, in the order of the list."""
    query = (
        select(Tag.id, Tag.word)
        .join(ContactTag, ContactTag.tag_id == Tag.id)
        .where(Tag.workspace_id == workspace_id, ContactTag.contact_id == contact_id, Tag.removed_at.is_(None))
        .order_by(Tag.folded)
    )
    return [(row.id, row.word) for row in session().execute(query)]


# Each looked up by itself, by the only index that fits, whatever the planner believes of a table that has just grown.
_WORDS = text(
    "SELECT w.id, array_agg(t.word ORDER BY t.folded) FROM unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (id)"
    " CROSS JOIN LATERAL (SELECT * FROM contact_tags WHERE contact_id = w.id OFFSET 0) AS c CROSS JOIN LATERAL"
    " (SELECT * FROM tags WHERE id = c.tag_id OFFSET 0) AS t WHERE t.workspace_id = :workspace_id"
    " AND t.removed_at IS NULL GROUP BY w.id"
)


def words_of(workspace_id: UUID, contact_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """What these people carry, for thousands at once; who carries nothing is missing."""
    rows = session().execute(_WORDS, {"workspace_id": workspace_id, "ids": array_of(contact_ids)})
    return {row[0]: row[1] for row in rows}
