"""Reads of content; every one within a workspace, but those behind a token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.content.models import Letter, LetterPublication, LetterVersion, Picture
from app.kernel.db import session
from app.kernel.errors import NotFound


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
    query = select(Letter).where(Letter.workspace_id == workspace_id, Letter.id == letter_id)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This letter is not here.")
    return found


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


def list_pictures(workspace_id: UUID, limit: int = 60) -> Sequence[Picture]:
    """The pictures of a workspace without their bytes, newest first."""
    query = select(Picture).where(Picture.workspace_id == workspace_id)
    return (
        session().execute(query.order_by(Picture.created_at.desc(), Picture.id).limit(limit)).scalars().all()
    )


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
