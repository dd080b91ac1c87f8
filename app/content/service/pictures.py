"""Pictures in letters: kept with us, so that a letter looks the same for as long as somebody keeps it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from app.content import pictures, queries
from app.content.models import Picture
from app.kernel import clock
from app.kernel.db import session
from app.kernel.ids import uuid7

MAX_NAME = 120


def add_picture(workspace_id: UUID, name: str, data: bytes, *, by: UUID | None = None) -> Picture:
    """Keep a picture; the same bytes once more give the same picture: the unique key is (workspace, key).

    Args:
        workspace_id: whose it is.
        name: of the file, only for the people who work here.
        data: PNG, JPEG, GIF or WebP, of at most 1.5 MB.
        by: who brought it.

    Raises:
        BadInput: another kind, broken, or too large; nothing is ever decoded to find out.
    """
    seen = pictures.look(data)
    plain = "".join(letter for letter in name if letter.isprintable())[:MAX_NAME] or seen.kind
    session().execute(
        insert(Picture)
        .values(
            id=uuid7(), workspace_id=workspace_id, key=seen.key, name=plain, kind=seen.kind, width=seen.width,
            height=seen.height, data=data, created_at=clock.now(), created_by=by,
        )
        .on_conflict_do_nothing(index_elements=["workspace_id", "key"])
    )  # fmt: skip
    found = queries.find_picture(workspace_id, seen.key)
    assert found is not None
    return found
