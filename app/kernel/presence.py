"""Who is at which job, for as long as it lives: an advisory lock that a connection of its own holds.

PostgreSQL lets go of it when that process ends, however it ends, and when PostgreSQL itself starts anew. Two jobs whose
names had one hash would hide each other's end, and be taken up as late as without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from app.kernel.db import db

CLASS = 0x6E6F646A
"""The first half of each lock's key: "nodj"."""

ENTER = f"pg_try_advisory_lock_shared({CLASS}, hashtext(:name))"
"""Part of a claim: whoever sends it is at the job before anybody sees that it is claimed."""

# Written once in a statement, however often that asks: it is looked for when it is first asked for, if at all.
WITH_ALONE = (
    "WITH alone AS MATERIALIZED (SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory'"  # noqa: S608  no input in it
    f" AND classid = {CLASS} AND objsubid = 2 AND objid::bigint = hashtext(:name)::bigint & 4294967295"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS is_so)"
)
IS_ALONE = "(SELECT is_so FROM alone)"
"""Behind ``WITH_ALONE``: nobody is at the job, in any process or thread."""

_LEAVE = text(f"SELECT pg_advisory_unlock_shared({CLASS}, hashtext(:name))")


@contextmanager
def at(claim: TextClause, values: Mapping[str, object]) -> Iterator[Any]:
    """Claim a job, and be known to be at it until the block ends, or this process, or the database.

    Several may be at one; its row decides who starts it.

    Args:
        claim: a statement that takes the job and gives one value with ``ENTER`` beside it, or none.
        values: for it, ``name`` among them.

    Yields:
        The value; None where the job was not taken.
    """
    with db.engine.engine.connect() as connection:
        line = connection.execution_options(isolation_level="AUTOCOMMIT")
        found = line.execute(claim, values).scalar_one_or_none()
        try:
            yield found
        finally:
            if found is not None:
                _leave(line, values)


def _leave(connection: Connection, values: Mapping[str, object]) -> None:
    try:
        connection.execute(_LEAVE, values)
    except SQLAlchemyError:
        connection.invalidate()  # the lock is gone with the line, and the line must not serve anybody else
