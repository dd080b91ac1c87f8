"""The file itself: kept in pieces in the database, so that whichever machine goes on with it has it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app.imports.models import ImportChunk
from app.kernel.db import session, transaction

CHUNK: Final = 1024 * 1024


def keep(import_id: UUID, file: IO[bytes]) -> None:
    """Store a file, in the caller's transaction; it is read from where it stands."""
    for no, octets in enumerate(iter(lambda: file.read(CHUNK), b"")):
        session().execute(insert(ImportChunk).values(import_id=import_id, no=no, octets=octets))


def forget(import_id: UUID) -> None:
    """The file is not needed any more."""
    session().execute(delete(ImportChunk).where(ImportChunk.import_id == import_id))


class Kept(io.RawIOBase):
    """A stored file to read from its beginning; each piece is asked for in a transaction of its own.

    Attributes:
        octets_read: how many were given out.
    """

    def __init__(self, import_id: UUID) -> None:
        super().__init__()
        self._pieces = self._all(import_id)
        self._piece = b""
        self.octets_read = 0

    def _all(self, import_id: UUID) -> Iterator[bytes]:
        no = 0
        while True:
            with transaction():
                query = select(ImportChunk.octets).where(ImportChunk.import_id == import_id, ImportChunk.no == no)
                octets = session().execute(query).scalar_one_or_none()
            if octets is None:
                return
            yield octets
            no += 1

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # what RawIOBase asks for
        """Fill a buffer."""
        if not self._piece:
            self._piece = next(self._pieces, b"")
        part = self._piece[: len(buffer)]
        buffer[: len(part)] = part
        self._piece = self._piece[len(part) :]
        self.octets_read += len(part)
        return len(part)
