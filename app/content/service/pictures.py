"""Pictures in letters: kept with us, so that a letter looks the same for as long as somebody keeps it."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.contacts.rules import fold_name
from app.content import pictures, queries
from app.content.models import Picture
from app.content.pictures import Cut, Prepared
from app.content.uses import uses_of
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7

MAX_NAME: Final = 120
MAX_ALT: Final = 250
NARROWEST: Final = 16


def add_picture(
    workspace_id: UUID, name: str, data: bytes, *, alt: str = "", by: UUID | None = None
) -> Picture:
    """Draw a picture anew and keep it; the same bytes once more give the same picture.

    Whoever holds a transaction open for others should ask ``find_known``, ``pictures.prepare`` and ``keep_picture``
    one after the other: drawing takes up to seconds.

    Args:
        workspace_id: whose it is.
        name: of the file, only for the people who work here.
        data: PNG, JPEG, GIF or WebP, of at most 10 MB and 40 million pixels.
        alt: what those read who do not see it; a picture that has such words already keeps them.
        by: who brought it.

    Raises:
        WrongKind: another kind.
        BadInput: broken, or too large; or the alt text is too long.
    """
    known = find_known(workspace_id, data, alt=alt)
    return known or keep_picture(workspace_id, name, pictures.prepare(data), alt=alt, by=by)


def find_known(workspace_id: UUID, data: bytes, *, alt: str = "") -> Picture | None:
    """The picture that was made from these bytes, if it is still here; without alt text it takes this one."""
    found = queries.find_picture_of(workspace_id, pictures.key_of(data))
    if found is not None:
        _call(found, found.name, found.alt or clean_alt(alt))
    return found


def keep_picture(
    workspace_id: UUID,
    name: str,
    prepared: Prepared,
    *,
    alt: str = "",
    shown_width: int | None = None,
    by: UUID | None = None,
) -> Picture:
    """Keep what ``pictures.prepare`` made; the unique key is (workspace, key).

    Args:
        workspace_id: whose it is.
        name: of the file; its folders and its ending are left out.
        prepared: the picture.
        alt: as in ``add_picture``.
        shown_width: pixels that it takes in a letter, where those are fewer than it has.
        by: who brought it.

    Raises:
        BadInput: the alt text is too long.
    """
    seen = prepared.seen
    made = insert(Picture).values(
        id=uuid7(), workspace_id=workspace_id, key=seen.key, origin=prepared.origin or None,
        name=clean_name(name) or seen.kind, kind=seen.kind, width=seen.width, height=seen.height,
        shown_width=shown_width, data=prepared.data, created_at=clock.now(), created_by=by,
    )  # fmt: skip
    session().execute(made.on_conflict_do_nothing(index_elements=["workspace_id", "key"]))
    found = queries.find_picture(workspace_id, seen.key)
    assert found is not None
    _call(found, found.name, found.alt or clean_alt(alt))
    found.shown_width = shown_width or found.shown_width
    return found


def cut_picture(
    workspace_id: UUID,
    picture_id: UUID,
    prepared: Prepared | None,
    shown_width: int,
    *,
    by: UUID | None = None,
) -> Picture:
    """Keep what was cut out of a picture, which stays; where nothing was cut off, it is only shown in that width.

    Args:
        workspace_id: whose it is.
        picture_id: what it was cut from; name and alt text are handed on.
        prepared: what ``pictures.prepare`` made of it; None: it is whole.
        shown_width: pixels that it takes in a letter; no more than it has.
        by: who wants it.

    Raises:
        NotFound: no picture of this workspace.
    """
    picture = queries.get_picture(workspace_id, picture_id)
    wide = min(shown_width, prepared.seen.width if prepared else picture.width)
    if prepared is None:
        picture.shown_width = wide
        return picture
    return keep_picture(workspace_id, picture.name, prepared, alt=picture.alt, shown_width=wide, by=by)


def cut_of(picture: Picture, shown_width: int, ratio: tuple[int, int] | None, focus: tuple[int, int]) -> Cut:
    """What to make of a picture so that it takes that width in a letter, sharp where it has the pixels.

    Raises:
        BadInput: it moves, or the width is none of a letter.
    """
    if picture.kind == "gif":
        raise BadInput(fields={"size": "A picture that moves is kept as it is. Cut it where it was made."})
    if not NARROWEST <= shown_width <= pictures.LETTER:
        message = f"Write a width from {NARROWEST} to {pictures.LETTER} pixels: a letter is {pictures.LETTER} wide."
        raise BadInput(fields={"width": message})
    return Cut(2 * shown_width, ratio, focus)


def describe_picture(workspace_id: UUID, picture_id: UUID, name: str, alt: str) -> Picture:
    """Give it a name and the words for those who do not see it; letters that show it already keep theirs.

    Raises:
        NotFound: no picture of this workspace.
        BadInput: the name is empty, or one of them is too long.
    """
    picture = queries.get_picture(workspace_id, picture_id)
    plain = " ".join(_printable(name).split())
    if not plain or len(plain) > MAX_NAME:
        raise BadInput(fields={"name": f"Write a name of at most {MAX_NAME} characters."})
    _call(picture, plain, clean_alt(alt))
    return picture


def delete_picture(workspace_id: UUID, picture_id: UUID) -> None:
    """Delete a picture that no letter shows and none has shown: those who got one may open it years later.

    Raises:
        NotFound: no picture of this workspace.
        Conflict: a letter, a kept block or the look uses it; the text says which.
    """
    # Two who press at once: the second waits here and finds nothing.
    held = select(Picture.id).where(Picture.workspace_id == workspace_id, Picture.id == picture_id)
    session().execute(held.with_for_update())
    picture = queries.get_picture(workspace_id, picture_id)
    uses = uses_of(workspace_id, [picture.key])[picture.key]
    if uses.count:
        named = ", ".join(f"“{use.name}”" if use.letter_id else use.name for use in uses.named)
        more = f" and {uses.more:,} more" if uses.more else ""
        raise Conflict(f"It is shown by {named}{more}, or by a version that was kept of it. So it has to stay.")
    session().delete(picture)
    session().flush()


def _call(picture: Picture, name: str, alt: str) -> None:
    picture.name, picture.alt = name, alt
    picture.folded = f"{fold_name(name)}\n{fold_name(alt)}"


def clean_name(raw: str) -> str:
    """What a file is called, without its folders, its ending and what cannot be printed."""
    last = unicodedata.normalize("NFC", raw).replace("\\", "/").rpartition("/")[2]
    plain = " ".join(_printable(last).split()).strip(" .")
    return PurePosixPath(plain).stem[:MAX_NAME].strip() if plain else ""


def clean_alt(raw: str) -> str:
    """An alt text in one line.

    Raises:
        BadInput: it is too long to be listened to.
    """
    plain = " ".join(_printable(raw).split())
    if len(plain) > MAX_ALT:
        raise BadInput(fields={"alt": f"Keep this to {MAX_ALT} characters: it is read aloud in one go."})
    return plain


def _printable(raw: str) -> str:
    return "".join(one if one.isprintable() else " " for one in unicodedata.normalize("NFC", raw))
