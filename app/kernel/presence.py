"""Who is at which job, for as long as it lives: an advisory lock that a connection of its own holds.

PostgreSQL lets go of it when that process ends, however it ends, and when PostgreSQL itself starts anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from app.kernel.db import db

CLASS = 0x6E6F646A
"""The first half of each lock's key: "nodj"."""

_ENTER = text("SELECT pg_advisory_lock_shared(:class, hashtext(:name))")
_LEAVE = text("SELECT pg_advisory_unlock_shared(:class, hashtext(:name))")
_IS_ALONE = text(
    "SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = :class AND objsubid = 2"
    " AND objid::bigint = hashtext(:name)::bigint & 4294967295 AND pid <> pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)


@contextmanager
def at(job: str) -> Iterator[Callable[[], bool]]:
    """Be known to be at a job until the block ends, or this process, or the database.

    Several may be at one: they ask for it, and its row decides who starts it. Whoever enters before it claims the row
    and leaves after it has finished it is never taken for dead.

    Yields:
        Asks whether nobody else is at it, in any process or thread.
    """
    values = {"class": CLASS, "name": job}
    with db.engine.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(_ENTER, values)
        try:
            yield lambda: bool(connection.execute(_IS_ALONE, values).scalar_one())
        finally:
            _leave(connection, values)


def _leave(connection: Connection, values: dict[str, object]) -> None:
    try:
        connection.execute(_LEAVE, values)
    except SQLAlchemyError:
        connection.invalidate()  # the lock is gone with the line, and the line must not serve anybody else
