"""Reads of content; every one within a workspace, but those behind a token."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, case, func, or_, select, tuple_

from app.contacts.rules import fold_name
from app.content.models import Letter, LetterPublication, LetterVersion, Picture, Snippet
from app.content.snippets import Words
from app.kernel import i18n, languages
from app.kernel.db import session
from app.kernel.errors import NotFound
from app.kernel.paging import Page, read_position, turn
from app.kernel.patterns import like

PICTURES_OF_A_PAGE: Final = 24
MAX_QUERY: Final = 100


@dataclass(frozen=True, slots=True)
class Published:
    """A public copy as the archive lists it."""

    number: int
    version_id: UUID
    subject: str
    preheader: str
    needs: Mapping[str, Any]
    language: str
    topic: str
    at: datetime


def get_letter(workspace_id: UUID, letter_id: UUID) -> Letter:
    """The letter with its draft.

    Raises:
        NotFound: none of this workspace.
    """
    # From the session where it is known there: a statement would give the same row once more.
    found = session().get(Letter, letter_id)
    if found is None or found.workspace_id != workspace_id:
        raise NotFound("This letter is not here.")
    return found


def names_of(workspace_id: UUID, letter_ids: Collection[UUID]) -> dict[UUID, str]:
    """What these letters are called."""
    query = select(Letter.id, Letter.name).where(Letter.workspace_id == workspace_id, Letter.id.in_(letter_ids))
    return {row.id: row.name for row in session().execute(query)}


def list_translations(workspace_id: UUID, letter_id: UUID) -> Sequence[Letter]:
    """The other languages of a main letter, in the order of public pages; those that were removed are not."""
    query = select(Letter).where(
        Letter.workspace_id == workspace_id, Letter.translation_of == letter_id, Letter.archived_at.is_(None)
    )
    return _in_order(session().execute(query).scalars())


def get_in_languages(workspace_id: UUID, letter_ids: Collection[UUID]) -> dict[UUID, tuple[Letter, ...]]:
    """Main letters, each followed by its translations as ``list_translations`` gives them; in one statement.

    Raises:
        NotFound: one is not of this workspace.
    """
    is_translation = and_(Letter.translation_of.in_(letter_ids), Letter.archived_at.is_(None))
    query = select(Letter).where(Letter.workspace_id == workspace_id, or_(Letter.id.in_(letter_ids), is_translation))
    rows = {one.id: one for one in session().execute(query).scalars()} if letter_ids else {}
    if not rows.keys() >= set(letter_ids):
        raise NotFound("This letter is not here.")
    others = _in_order(one for one in rows.values() if one.translation_of in rows)
    return {main: (rows[main], *(one for one in others if one.translation_of == main)) for main in letter_ids}


def _in_order(translations: Iterable[Letter]) -> list[Letter]:
    order = {language: place for place, language in enumerate(i18n.languages())}
    return sorted(translations, key=lambda one: (order.get(one.language, len(order)), one.language))


def find_translation(workspace_id: UUID, letter_id: UUID, language: str) -> Letter | None:
    """A main letter in another language."""
    found = (one for one in list_translations(workspace_id, letter_id) if one.language == language)
    return next(found, None)


def get_version(workspace_id: UUID, version_id: UUID) -> LetterVersion:
    """A version.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(LetterVersion).where(
        LetterVersion.workspace_id == workspace_id, LetterVersion.id == version_id
    )
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This version is not here.")
    return found


def get_version_for(workspace_id: UUID, version_id: UUID, language: str) -> LetterVersion:
    """What somebody gets of a version who reads this language: its translation where there is one, else itself.

    Raises:
        NotFound: none of this workspace.
    """
    version = get_version(workspace_id, version_id)
    others = version.translations or {}
    found = languages.pick(language, others, "")
    return get_version(workspace_id, UUID(others[found])) if found else version


def list_translated(version: LetterVersion) -> dict[str, LetterVersion]:
    """The versions that go out with a version, by language, in the order of their languages' letters."""
    ids = {language: UUID(found) for language, found in sorted((version.translations or {}).items())}
    return {language: get_version(version.workspace_id, found) for language, found in ids.items()}


def find_version(version_id: UUID) -> LetterVersion | None:
    """A version by its unguessable id, whatever its workspace; only for holders of a token with it."""
    return session().get(LetterVersion, version_id)


def find_last_version(letter: Letter) -> LetterVersion | None:
    """The newest version of a letter."""
    query = select(LetterVersion).where(LetterVersion.letter_id == letter.id)
    return session().execute(query.order_by(LetterVersion.number.desc()).limit(1)).scalar_one_or_none()


def get_version_by_number(letter: Letter, number: int) -> LetterVersion:
    """One version of a letter.

    Raises:
        NotFound: the letter has none with this number.
    """
    query = select(LetterVersion).where(LetterVersion.letter_id == letter.id, LetterVersion.number == number)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This version is not here.")
    return found


def list_versions(letter: Letter, limit: int = 50) -> Sequence[LetterVersion]:
    """The versions of a letter, newest first."""
    query = select(LetterVersion).where(LetterVersion.letter_id == letter.id)
    return session().execute(query.order_by(LetterVersion.number.desc()).limit(limit)).scalars().all()


def list_published(workspace_id: UUID, limit: int = 200) -> list[Published]:
    """The public copies of a workspace, newest first."""
    query = (
        select(
            LetterPublication,
            LetterVersion.subject,
            LetterVersion.preheader,
            LetterVersion.needs,
            LetterVersion.language,
        )
        .join(LetterVersion, LetterVersion.id == LetterPublication.version_id)
        .where(LetterPublication.workspace_id == workspace_id, LetterPublication.withdrawn_at.is_(None))
        .order_by(LetterPublication.published_at.desc(), LetterPublication.number.desc())
        .limit(limit)
    )
    return [
        Published(row.number, row.version_id, subject, preheader, needs, language, row.topic, row.published_at)
        for row, subject, preheader, needs, language in session().execute(query)
    ]


def get_publication(workspace_id: UUID, number: int) -> tuple[LetterPublication, LetterVersion]:
    """A public copy.

    Raises:
        NotFound: none with this number, or it was withdrawn.
    """
    query = (
        select(LetterPublication, LetterVersion)
        .join(LetterVersion, LetterVersion.id == LetterPublication.version_id)
        .where(
            LetterPublication.workspace_id == workspace_id,
            LetterPublication.number == number,
            LetterPublication.withdrawn_at.is_(None),
        )
    )
    row = session().execute(query).one_or_none()
    if row is None:
        raise NotFound("This letter is not public.")
    return row[0], row[1]


def find_publication(version_id: UUID) -> LetterPublication | None:
    """Where a version is public, withdrawn or not."""
    query = select(LetterPublication).where(LetterPublication.version_id == version_id)
    return session().execute(query).scalar_one_or_none()


def snippet_words(workspace_id: UUID, keys: Collection[str]) -> dict[str, Words]:
    """All snippets of a workspace by key, in the order of their names; those of ``keys`` with what they say."""
    body = case((Snippet.key.in_(keys), Snippet.body), else_="")
    query = select(Snippet.key, Snippet.name, body, Snippet.archived_at.is_not(None))
    rows = session().execute(query.where(Snippet.workspace_id == workspace_id).order_by(Snippet.name, Snippet.key))
    return {key: Words(name, said, is_archived) for key, name, said, is_archived in rows}


def list_snippets(workspace_id: UUID) -> Sequence[Snippet]:
    """The snippets of a workspace by name; the archived ones last."""
    query = select(Snippet).where(Snippet.workspace_id == workspace_id)
    return session().execute(query.order_by(Snippet.archived_at.is_not(None), Snippet.name, Snippet.key)).scalars().all()


def get_snippet(workspace_id: UUID, snippet_id: UUID) -> Snippet:
    """A snippet.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(Snippet).where(Snippet.workspace_id == workspace_id, Snippet.id == snippet_id)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This snippet is not here.")
    return found


def list_pictures(
    workspace_id: UUID, q: str = "", cursor: str = "", limit: int = PICTURES_OF_A_PAGE
) -> Page[Picture]:
    """A page of the pictures of a workspace without their bytes, newest first.

    Args:
        workspace_id: whose they are.
        q: stands in their name or their alt text, with capitals and accents or without.
        cursor: of the page before or after.
        limit: rows of a page.

    Raises:
        BadRequest: the cursor is not one of ours.
    """
    at = read_position(cursor, datetime, UUID)
    query = select(Picture).where(Picture.workspace_id == workspace_id)
    if words := " ".join("".join(one for one in q[:MAX_QUERY] if one.isprintable()).split()):
        query = query.where(Picture.folded.like(f"%{like(fold_name(words))}%"))
    is_back = at is not None and at.is_back
    if at is not None:
        row, place = tuple_(Picture.created_at, Picture.id), tuple_(*at.values)
        query = query.where(row > place if is_back else row < place)
    order = (Picture.created_at, Picture.id) if is_back else (Picture.created_at.desc(), Picture.id.desc())
    rows = session().execute(query.order_by(*order).limit(limit + 1)).scalars().all()
    return turn(rows, limit, at, lambda picture: (picture.created_at, picture.id))


def get_picture(workspace_id: UUID, picture_id: UUID) -> Picture:
    """A picture of a workspace.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(Picture).where(Picture.workspace_id == workspace_id, Picture.id == picture_id)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This picture is not here.")
    return found


def octets_of(pictures: Sequence[Picture]) -> dict[UUID, int]:
    """How many octets each picture has; PostgreSQL knows that without reading them."""
    query = select(Picture.id, func.octet_length(Picture.data)).where(
        Picture.id.in_([picture.id for picture in pictures])
    )
    return {picture_id: int(octets) for picture_id, octets in session().execute(query)}


def find_picture_of(workspace_id: UUID, origin: str) -> Picture | None:
    """The oldest picture that was made from a file with this key, or is that file itself."""
    query = select(Picture).where(
        Picture.workspace_id == workspace_id, or_(Picture.origin == origin, Picture.key == origin)
    )
    return session().execute(query.order_by(Picture.created_at).limit(1)).scalar_one_or_none()


def find_picture(workspace_id: UUID, key: str) -> Picture | None:
    """A picture of a workspace by the key of its bytes."""
    query = select(Picture).where(Picture.workspace_id == workspace_id, Picture.key == key)
    return session().execute(query).scalar_one_or_none()


def get_public_picture(key: str) -> tuple[str, bytes]:
    """Kind and bytes of a picture, for everybody who has its address.

    Raises:
        NotFound: no picture has this key.
    """
    row = (
        session().execute(select(Picture.kind, Picture.data).where(Picture.key == key).limit(1)).one_or_none()
    )
    if row is None:
        raise NotFound("This picture is not here.")
    return row[0], row[1]
