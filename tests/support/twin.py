"""A second application with other settings on the transaction of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy.orm import Session

from app.kernel.db import db


@contextmanager
def on_transaction_of(session: Session, made: Flask) -> Iterator[Flask]:
    """Let ``made`` work on the connection of the test's session, so that it sees the test's rows."""
    connection = session.connection()
    with made.app_context():
        engines = db._app_engines[made]
        engine, engines[None] = engines[None], connection
        try:
            yield made
        finally:
            db.session.remove()
            engines[None] = engine
            engine.dispose()
