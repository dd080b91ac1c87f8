"""The verbs of tags. What a person carries changes no permission."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from app.accounts import service as accounts
from app.accounts.rules import acts
from app.contacts import queries as contacts
from app.kernel import clock, jobs
from app.kernel.db import array_of, session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7
from app.tags import queries, rules
from app.tags.models import ContactTag, Tag
from app.tags.rules import MAX_EACH, MAX_TAGS

JOB: Final = "tags.tidy"
AT_ONCE: Final = 5_000


def add(workspace_id: UUID, contact_id: UUID, words: Mapping[str, str]) -> None:
    """Put tags on a person; new ones come into the list. Repeating it changes nothing.

    Args:
        workspace_id: whose person and list.
        contact_id: on whom.
        words: as ``rules.fold`` gives them.

    Raises:
        NotFound: no such person here.
        Conflict: the person was erased.
        BadInput: the list, or the person, has too many.
    """
    contacts.get_living(workspace_id, contact_id)
    ids = ensure(workspace_id, words)
    if not ids:
        return
    now = clock.now()
    rows = [
        {"contact_id": contact_id, "tag_id": tag_id, "workspace_id": workspace_id, "added_at": now}
        for tag_id in ids.values()
    ]
    session().execute(insert(ContactTag).values(rows).on_conflict_do_nothing())
    carried = select(func.count()).where(ContactTag.contact_id == contact_id)
    if session().execute(carried).scalar_one() > MAX_EACH:
        raise BadInput(fields={"tag": f"A person carries {MAX_EACH} tags at most. Take one off first."})


def remove(workspace_id: UUID, contact_id: UUID, tag_id: UUID) -> None:
    """Take a tag off a person; it stays in the list.

    Raises:
        NotFound: no such person or tag here.
    """
    contacts.get_contact(workspace_id, contact_id)
    queries.get_tag(workspace_id, tag_id)
    session().execute(
        delete(ContactTag).where(ContactTag.contact_id == contact_id, ContactTag.tag_id == tag_id)
    )


@dataclass(frozen=True, slots=True)
class PutOn:
    """Who got a tag, and how many did not since they carry ``MAX_EACH`` already."""

    people: frozenset[UUID]
    full: int


_THESE: Final = "unnest(CAST(CAST(:ids AS text) AS uuid[]), CAST(CAST(:moments AS text) AS timestamptz[])) AS w (id, since)"
# In one order, so that two who do this at once never wait for each other in a circle.
_PUT_ON_MANY = text(
    f"WITH w AS MATERIALIZED (SELECT id, since FROM {_THESE}),"  # noqa: S608  no input in it
    " too_many AS MATERIALIZED (SELECT c.contact_id FROM contact_tags c WHERE c.contact_id IN (SELECT id FROM w)"
    "  GROUP BY c.contact_id HAVING count(*) >= :most AND NOT bool_or(c.tag_id = :tag_id)),"
    " put AS (INSERT INTO contact_tags (contact_id, tag_id, workspace_id, added_at)"
    "  SELECT w.id, t.id, t.workspace_id, w.since FROM tags t CROSS JOIN w"
    "  WHERE t.id = :tag_id AND t.workspace_id = :workspace_id AND t.removed_at IS NULL"
    "  AND w.id NOT IN (SELECT contact_id FROM too_many) ORDER BY w.id ON CONFLICT DO NOTHING RETURNING contact_id)"
    " SELECT contact_id, true FROM put UNION ALL SELECT contact_id, false FROM too_many"
)
_HELD: Final = (
    "WITH held AS MATERIALIZED (SELECT c.contact_id FROM contact_tags c JOIN {these} ON w.id = c.contact_id{more}"
    " WHERE c.tag_id = :tag_id AND c.workspace_id = :workspace_id ORDER BY c.contact_id FOR UPDATE OF c)"
    " DELETE FROM contact_tags c USING held h WHERE c.contact_id = h.contact_id AND c.tag_id = :tag_id"
    " RETURNING c.contact_id, c.added_at"
)
_TAKE_OFF_MANY = text(_HELD.format(these="unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (id)", more=""))
_TAKE_OFF_SINCE = text(_HELD.format(these=_THESE, more=" AND w.since = c.added_at"))


def put_on_many(workspace_id: UUID, tag_id: UUID, people: Mapping[UUID, datetime]) -> PutOn:
    """Put a tag on thousands at once: on each as carried since the moment that is told.

    Who is not of this workspace, was erased, or carries it already is left as they are; so is everybody where the tag is
    not in the list.
    """
    present = contacts.hold_present(workspace_id, people)
    these = {contact_id: since for contact_id, since in people.items() if contact_id in present}
    rows = session().execute(_PUT_ON_MANY, _values(workspace_id, tag_id, these) | {"most": MAX_EACH}).all()
    put = frozenset(contact_id for contact_id, is_put in rows if is_put)
    return PutOn(put, len(rows) - len(put))


def take_off_many(workspace_id: UUID, tag_id: UUID, people: Collection[UUID]) -> dict[UUID, datetime]:
    """Take a tag off thousands at once; since when each carried it who did."""
    values = {"workspace_id": workspace_id, "tag_id": tag_id, "ids": array_of(people)}
    return {row[0]: row[1] for row in session().execute(_TAKE_OFF_MANY, values)}


def take_off_since(workspace_id: UUID, tag_id: UUID, people: Mapping[UUID, datetime]) -> int:
    """Take a tag off those who carry it since exactly the moment that is told; how many did."""
    return len(session().execute(_TAKE_OFF_SINCE, _values(workspace_id, tag_id, people)).all())


def _values(workspace_id: UUID, tag_id: UUID, people: Mapping[UUID, datetime]) -> dict[str, Any]:
    moments = array_of(since.isoformat() for since in people.values())
    return {"workspace_id": workspace_id, "tag_id": tag_id, "ids": array_of(people), "moments": moments}


def ensure(workspace_id: UUID, words: Mapping[str, str], *, import_id: UUID | None = None) -> dict[str, UUID]:
    """The ids of these tags by their fold; those that are not in the list come into it.

    Raises:
        BadInput: the list would have more than ``MAX_TAGS``.
    """
    found = _known(workspace_id, words)
    new = sorted(set(words) - set(found))  # in one order, so that nobody waits for each other in a circle
    if not new:
        return found
    now = clock.now()
    rows = [
        {
            "id": uuid7(), "workspace_id": workspace_id, "word": words[folded], "folded": folded,
            "import_id": import_id, "created_at": now,
        }
        for folded in new
    ]  # fmt: skip
    made = insert(Tag).values(rows).on_conflict_do_nothing(
        index_elements=["workspace_id", "folded"], index_where=Tag.removed_at.is_(None)
    )  # fmt: skip
    session().execute(made)
    if queries.count_tags(workspace_id) > MAX_TAGS:
        raise BadInput(
            f"A workspace has {MAX_TAGS:,} tags at most. Remove some from the list, or use a field of your own.",
            fields={"tag": f"The list has {MAX_TAGS:,} tags at most. Remove some first."},
        )
    return _known(workspace_id, words)


def _known(workspace_id: UUID, words: Mapping[str, str]) -> dict[str, UUID]:
    query = select(Tag.folded, Tag.id).where(
        Tag.workspace_id == workspace_id, Tag.removed_at.is_(None), Tag.folded.in_(list(words))
    )
    return {row.folded: row.id for row in session().execute(query)}


def rename(workspace_id: UUID, tag_id: UUID, raw: str, *, by: acts.By) -> None:
    """Write a tag differently, on everybody who carries it.

    Raises:
        NotFound: none of this workspace.
        BadInput: it is no tag.
        Conflict: there is another one that reads the same.
    """
    tag = queries.get_tag(workspace_id, tag_id)
    try:
        ((folded, word),) = rules.fold([raw]).items()
    except ValueError as fault:
        raise BadInput(fields={"word": str(fault)}) from None
    try:
        with session().begin_nested():
            tag.word, tag.folded = word, folded
    except IntegrityError as fault:
        if "uq_tags_folded" not in str(fault.orig):
            raise
        session().refresh(tag)
        raise Conflict(f"There is a tag “{word}” already.") from None
    accounts.record("tag.renamed", by=by, workspace_id=workspace_id, of=f"tag:{tag_id}")


def drop(workspace_id: UUID, tag_id: UUID, *, by: acts.By) -> None:
    """Take a tag out of the list and off everybody; gone at once, tidied up behind by a job.

    Raises:
        NotFound: none of this workspace.
    """
    tag = queries.get_tag(workspace_id, tag_id)
    tag.removed_at = clock.now()
    session().flush()
    accounts.record(
        "tag.removed", by=by, workspace_id=workspace_id, of=f"tag:{tag_id}", detail={"word": tag.word}
    )
    jobs.ring_job(JOB)


_TAKE_OFF = text(
    "DELETE FROM contact_tags WHERE (contact_id, tag_id) IN (SELECT c.contact_id, c.tag_id FROM tags t"
    " JOIN contact_tags c ON c.tag_id = t.id WHERE t.removed_at IS NOT NULL LIMIT :limit)"
)
_DELETE = text(
    "DELETE FROM tags t WHERE t.removed_at IS NOT NULL AND NOT EXISTS (SELECT FROM contact_tags c WHERE c.tag_id = t.id)"
)


def tidy_some() -> bool:
    """Take removed tags off the next few thousand people; whether some are left."""
    found = session().execute(_TAKE_OFF, {"limit": AT_ONCE})
    if found.rowcount:  # type: ignore[attr-defined]
        return True
    session().execute(_DELETE)
    return False


def forget_import(import_id: UUID) -> None:
    """A file was taken back: the tags that it brought go where nobody carries them."""
    unused = ~select(ContactTag.tag_id).where(ContactTag.tag_id == Tag.id).exists()
    gone = update(Tag).where(Tag.import_id == import_id, Tag.removed_at.is_(None), unused)
    session().execute(gone.values(removed_at=clock.now()))
    jobs.ring_job(JOB)


def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """What a person carried."""
    session().execute(
        delete(ContactTag).where(ContactTag.workspace_id == workspace_id, ContactTag.contact_id == contact_id)
    )
