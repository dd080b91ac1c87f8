"""Freezing: from a draft to a version that never changes, compiled once; and making a version public."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from app.accounts.rules.brand import Brand
from app.content import queries
from app.content.letters import Draft, Problem, Written, write
from app.content.models import Letter, LetterPublication, LetterVersion
from app.content.service.blocks import block_problems
from app.content.service.drafts import draft_of, hold_letter
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.kernel.i18n import NAMES
from app.kernel.ids import uuid7


class NotReady(BadInput):
    """A draft with errors; ``problems`` says where and why."""

    title = "This letter cannot be sent yet"

    def __init__(self, problems: list[Problem], language: str = "") -> None:
        """Say what is wrong first; ``language``: of the translation that it is wrong in."""
        first = problems[0]
        place = "" if first.place == "source" else f" of the {first.place}"
        where = f"{NAMES.get(language, language)}, line" if language else "Line"
        super().__init__(f"{where} {first.line}{place}: {first.message}", fields={first.place: first.message})
        self.problems = problems


def check(workspace_id: UUID, letter_id: UUID, *, subject: str = "") -> Written:
    """What would become of the draft, with all its problems; keeps nothing. ``subject``: in place of its own.

    Raises:
        NotFound: no letter of this workspace.
    """
    return written_of(queries.get_letter(workspace_id, letter_id), subject=subject)


def written_of(letter: Letter, brand: Brand | None = None, *, subject: str = "") -> Written:
    """As ``check``, for who has read the letter and perhaps the brand anyway."""
    return _written(letter, _with(draft_of(letter, brand), subject))


def _written(letter: Letter, draft: Draft) -> Written:
    """What became of a draft, with what its blocks must not be sent with: a rule that says for nobody in particular."""
    written, own = write(draft), block_problems(letter)
    return replace(written, problems=(*own, *written.problems)) if own else written


def _with(draft: Draft, subject: str) -> Draft:
    return replace(draft, subject=subject) if subject else draft


def freeze_languages(
    workspace_id: UUID, letter_id: UUID, by: UUID | None = None, *, subject: str = ""
) -> LetterVersion:
    """As ``freeze_version``, with each of its translations: what goes out together, and never changes any more.

    Args:
        workspace_id: whose it is.
        letter_id: the main letter.
        by: who freezes it.
        subject: in place of the main letter's; translations have their own.

    Raises:
        NotFound: no letter of this workspace.
        NotReady: with every error of the first language that has one.
    """
    # Held before the translations are looked up: none is added or removed meanwhile.
    letter = hold_letter(workspace_id, letter_id)
    translations = {
        one.language: str(freeze_version(workspace_id, one.id, by).id)
        for one in queries.list_translations(workspace_id, letter_id)
    } or None
    last = queries.find_last_version(letter)
    draft = _with(draft_of(letter), subject)
    if last is not None and last.fingerprint == _fingerprint(draft, translations):
        return last
    return _new_version(letter, draft, last, translations, by)


def languages_of(workspace_id: UUID, letter_id: UUID) -> str:
    """A signature of a letter's translations as they are now: whatever changes in one of them makes another one.

    Empty where there are none.
    """
    return signature_of(queries.list_translations(workspace_id, letter_id))


def signature_of(translations: Sequence[Letter]) -> str:
    """As ``languages_of``, for who has read them anyway."""
    found = [f"{one.language} {one.id} {one.edition}" for one in translations]
    return sha256("\0".join(found).encode()).hexdigest()[:32] if found else ""


def freeze_version(
    workspace_id: UUID, letter_id: UUID, by: UUID | None = None, *, subject: str = ""
) -> LetterVersion:
    """The draft as a version: the last one where nothing has changed since, else a new one, compiled now.

    By itself, whatever its translations say (``freeze_languages``).

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
    letter = hold_letter(workspace_id, letter_id)
    last = queries.find_last_version(letter)
    draft = _with(draft_of(letter), subject)
    if last is not None and last.fingerprint == _fingerprint(draft, last.translations):
        return last
    return _new_version(letter, draft, last, None, by)


def _fingerprint(draft: Draft, translations: Mapping[str, str] | None) -> str:
    if not translations:
        return draft.fingerprint
    return sha256(json.dumps([draft.fingerprint, *sorted(translations.items())]).encode()).hexdigest()


def _new_version(
    letter: Letter, draft: Draft, last: LetterVersion | None, translations: dict[str, str] | None, by: UUID | None
) -> LetterVersion:
    version = _made(letter, draft, uuid7(), last.number + 1 if last else 1, by, translations)
    session().add(version)
    session().flush()
    return version


def draft_version(letter: Letter, *, subject: str = "") -> LetterVersion:
    """The draft as the version that freezing it now would give, kept nowhere; equal drafts have the same id.

    Args:
        letter: which one.
        subject: in place of the draft's.

    Raises:
        NotReady: as ``freeze_version``.
    """
    draft = _with(draft_of(letter), subject)
    return _made(letter, draft, UUID(draft.fingerprint[:32]), 0, None)


def draft_fingerprint(letter: Letter, *, subject: str = "") -> str:
    """Equal for drafts that give the same version; found without compiling."""
    return _with(draft_of(letter), subject).fingerprint


def _made(
    letter: Letter, draft: Draft, version_id: UUID, number: int, by: UUID | None,
    translations: dict[str, str] | None = None,
) -> LetterVersion:  # fmt: skip
    written = _written(letter, draft)
    if not written.is_usable:
        problems = [problem for problem in written.problems if problem.severity == "error"]
        raise NotReady(problems, letter.language if letter.translation_of else "")
    return LetterVersion(
        id=version_id, workspace_id=letter.workspace_id, letter_id=letter.id, number=number,
        language=letter.language, subject=written.subject, preheader=written.preheader, source=letter.source, blocks=letter.blocks,
        own_text=letter.own_text, html=written.html, text=written.text, links=list(written.links),
        needs=dict(written.needs), translations=translations,
        fingerprint=_fingerprint(draft, translations), created_at=clock.now(), created_by=by,
    )  # fmt: skip


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
