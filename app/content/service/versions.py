"""Freezing: from a draft to a version that never changes, compiled once; and making a version public."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from app.accounts.rules.brand import Brand
from app.content import queries
from app.content.letters import Draft, Problem, Written, write
from app.content.models import Letter, LetterPublication, LetterVersion
from app.content.service.drafts import draft_of
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.kernel.ids import uuid7


class NotReady(BadInput):
    """A draft with errors; ``problems`` says where and why."""

    title = "This letter cannot be sent yet"

    def __init__(self, problems: list[Problem]) -> None:
        first = problems[0]
        place = "" if first.place == "source" else f" of the {first.place}"
        super().__init__(f"Line {first.line}{place}: {first.message}", fields={first.place: first.message})
        self.problems = problems


def check(workspace_id: UUID, letter_id: UUID, *, subject: str = "") -> Written:
    """What would become of the draft, with all its problems; keeps nothing. ``subject``: in place of its own.

    Raises:
        NotFound: no letter of this workspace.
    """
    return written_of(queries.get_letter(workspace_id, letter_id), subject=subject)


def written_of(letter: Letter, brand: Brand | None = None, *, subject: str = "") -> Written:
    """As ``check``, for who has read the letter and perhaps the brand anyway."""
    return write(_with(draft_of(letter, brand), subject))


def _with(draft: Draft, subject: str) -> Draft:
    return replace(draft, subject=subject) if subject else draft


def freeze_version(
    workspace_id: UUID, letter_id: UUID, by: UUID | None = None, *, subject: str = ""
) -> LetterVersion:
    """The draft as a version: the last one where nothing has changed since, else a new one, compiled now.

    Two at once give one version: the letter's row is held meanwhile.

    Args:
        workspace_id: whose it is.
        letter_id: which letter.
        by: who freezes it.
        subject: in place of the draft's, which stays as it is.

    Raises:
        NotFound: no letter of this workspace.
        NotReady: with every error; warnings do not stop it.
    """
    queries.get_letter(workspace_id, letter_id)
    held = select(Letter).where(Letter.workspace_id == workspace_id, Letter.id == letter_id)
    letter = session().execute(held.with_for_update().execution_options(populate_existing=True)).scalar_one()
    draft = _with(draft_of(letter), subject)
    last = queries.find_last_version(letter)
    fingerprint = draft.fingerprint
    if last is not None and last.fingerprint == fingerprint:
        return last
    written = write(draft)
    if not written.is_usable:
        raise NotReady([problem for problem in written.problems if problem.severity == "error"])
    version = LetterVersion(
        id=uuid7(), workspace_id=workspace_id, letter_id=letter_id, number=last.number + 1 if last else 1,
        language=letter.language, subject=written.subject, preheader=written.preheader, source=letter.source, blocks=letter.blocks,
        own_text=letter.own_text, html=written.html, text=written.text, links=list(written.links),
        needs=dict(written.needs), fingerprint=fingerprint, created_at=clock.now(), created_by=by,
    )  # fmt: skip
    session().add(version)
    session().flush()
    return version


def publish(workspace_id: UUID, version_id: UUID, topic: str = "") -> int:
    """Show a version's public copy in the archive; the unique key is the version.

    Args:
        workspace_id: whose it is.
        version_id: what was sent.
        topic: name of the interest it was sent for.

    Returns:
        The number in its address.

    Raises:
        NotFound: no version of this workspace.
    """
    queries.get_version(workspace_id, version_id)
    # Numbers are given one after the other; the lock ends with the transaction.
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended('letter_publications ' || :workspace, 0))")
    session().execute(lock, {"workspace": str(workspace_id)})
    number = func.coalesce(func.max(LetterPublication.number), 0) + 1
    next_number = select(number).where(LetterPublication.workspace_id == workspace_id).scalar_subquery()
    statement = insert(LetterPublication).values(
        workspace_id=workspace_id,
        number=next_number,
        version_id=version_id,
        topic=topic,
        published_at=clock.now(),
    )
    given: int = (
        session()
        .execute(
            statement.on_conflict_do_update(
                index_elements=["version_id"], set_={"withdrawn_at": None}
            ).returning(LetterPublication.number)
        )
        .scalar_one()
    )
    return given


def find_public_number(workspace_id: UUID, version_id: UUID) -> int | None:
    """The number of a version's public copy in the archive; None: everybody may not read it."""
    found = queries.find_publication(version_id)
    is_there = found is not None and found.workspace_id == workspace_id and found.withdrawn_at is None
    return found.number if found is not None and is_there else None


def withdraw(workspace_id: UUID, version_id: UUID) -> None:
    """Take a public copy out of the archive; its number is not given again."""
    found = queries.find_publication(version_id)
    if found is not None and found.workspace_id == workspace_id:
        found.withdrawn_at = found.withdrawn_at or clock.now()
