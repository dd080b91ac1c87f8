"""The database: one metadata, one session per context, one way to open a transaction."""

from __future__ import annotations

import select
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, Connection, Date, DateTime, LargeBinary, MetaData, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, registry

from app.kernel import jobs

T = TypeVar("T")
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table's parent. Text is compared byte by byte, so embedded and system servers agree."""

    # One registry that holds both: Flask-SQLAlchemy copies this class, and SQLAlchemy 2.1 refuses the copy
    # when the types stand beside the registry.
    registry = registry(
        metadata=MetaData(naming_convention=NAMING),
        type_annotation_map={
            str: Text(),
            int: BigInteger(),
            bytes: LargeBinary(),
            datetime: DateTime(timezone=True),
            date: Date(),
            UUID: Uuid(),
            dict[str, Any]: JSONB(),
            list[str]: JSONB(),
        },
    )


# A session that is given a connection with an open transaction (tests) works in savepoints and leaves that open.
db = SQLAlchemy(
    model_class=Base, session_options={"expire_on_commit": False, "join_transaction_mode": "create_savepoint"}
)


def refuse_ended(connection: DBAPIConnection, _record: object, _proxy: object) -> None:
    """For the pool, before it hands a connection out: one that its server has ended is replaced.

    A server that goes says so on the line, and one that stays says nothing unasked; a question would cost each
    transaction a round trip.

    Raises:
        sqlalchemy.exc.DisconnectionError: to the pool, which opens another one.
    """
    lookout = select.poll()
    lookout.register(connection.fileno(), select.POLLIN)
    if lookout.poll(0):
        raise DisconnectionError


def session() -> Session:
    """The session of this request, job or command."""
    return db.session()


@contextmanager
def transaction() -> Iterator[Session]:
    """One unit of work: leaving it commits, raising rolls back, then the bells are rung.

    The edge (request, actor, command) opens it; services compose inside and never commit. Inside another
    one it joins that. None may stay open over the network.
    """
    current = session()
    if current.info.get("in_transaction"):
        yield current
        return
    current.info["in_transaction"] = True
    try:
        yield current
        current.commit()
    except BaseException:
        current.rollback()
        jobs.forget_rings(current.info)
        raise
    finally:
        current.info.pop("in_transaction", None)
        current.info.pop("now", None)
        current.info.pop("once", None)
    jobs.ring_all(current.info)


def once(key: Hashable, make: Callable[[], T]) -> T:
    """What ``make`` gave for this key in this transaction; outside of one it is made at each call.

    For what a batch asks again for each of its rows and does not change itself: a brand, a form's topics.
    """
    info = session().info
    if not info.get("in_transaction"):
        return make()
    known: dict[Hashable, Any] = info.setdefault("once", {})
    if key not in known:
        known[key] = make()
    found: T = known[key]
    return found


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write many rows by COPY, in the caller's transaction: a tenth of what as many INSERTs cost.

    Args:
        table: a name of ours.
        columns: theirs.
        rows: texts, numbers, octets, moments and None; ids as 32 digits, which psycopg writes faster than UUIDs.

    Raises:
        sqlalchemy.exc.DBAPIError: as a statement would, by the same kinds.
    """
    connection = session().connection().connection.driver_connection
    assert connection is not None
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as fault:
        raise DBAPIError.instance(statement, None, fault, psycopg.Error) from fault


def forget_once(key: Hashable) -> None:
    """Let ``once`` make it anew: whoever asks has changed it."""
    session().info.get("once", {}).pop(key, None)


def array_of(values: Iterable[object]) -> str:
    """Numbers or UUIDs as PostgreSQL reads an array from text; psycopg takes ten times as long for a list of them.

    Bind it as ``CAST(CAST(:name AS text) AS bigint[])``.
    """
    return "{" + ",".join([value.hex if isinstance(value, UUID) else str(value) for value in values]) + "}"


def text_array_of(values: Iterable[str | None]) -> str:
    """The same for text."""
    return "{" + ",".join([_quoted(value) for value in values]) + "}"


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def aside() -> AbstractContextManager[Connection]:
    """A transaction of its own beside the current one: what it writes stays when that is rolled back."""
    return db.engine.begin()


@contextmanager
def as_owner() -> Iterator[Connection]:
    """A connection of its own as the login role, whose the tables are, outside of any transaction; nobody else gets it.

    For what only an owner may do to a table and no transaction can hold; each statement is one.
    """
    with db.engine.engine.connect() as connection:
        line = connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            line.execute(text("SET ROLE NONE"))
            yield line
        finally:
            connection.invalidate()


def release() -> None:
    """Give the connection back, for long work between two transactions."""
    db.session.remove()
