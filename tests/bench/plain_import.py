"""What PostgreSQL can do with a file of people at most: COPY into a stage, one upsert, one table of two indexes."""

from __future__ import annotations

import time

import psycopg

from app.kernel.ids import uuid7_texts

_MAKE = (
    "CREATE TABLE plain_stage (id uuid, email text, first_name text, last_name text, language text);"
    "CREATE TABLE plain_people (id uuid PRIMARY KEY, email text UNIQUE, first_name text, last_name text, language text)"
)
_UPSERT = (
    "INSERT INTO plain_people SELECT * FROM plain_stage ON CONFLICT (email) DO UPDATE"
    " SET first_name = excluded.first_name, last_name = excluded.last_name, language = excluded.language"
)


def measure(admin_url: str, new: bytes, changed: bytes) -> tuple[float, float]:
    """Rows a second of a file of new people and of the same people changed; nothing of it stays."""
    with psycopg.connect(admin_url) as connection:
        connection.execute(_MAKE)
        connection.commit()
        try:
            return _take(connection, new), _take(connection, changed)
        finally:
            connection.rollback()
            connection.execute("DROP TABLE plain_stage, plain_people")


def _take(connection: psycopg.Connection, content: bytes) -> float:
    lines = content.decode().splitlines()[1:]
    rows = "\n".join(f"{id_},{line}" for id_, line in zip(uuid7_texts(len(lines)), lines, strict=True))
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE plain_stage")
        with cursor.copy("COPY plain_stage FROM STDIN (FORMAT csv)") as copy:
            copy.write(rows)
        cursor.execute(_UPSERT)
    connection.commit()
    return len(lines) / (time.monotonic() - began)
