"""A letter that was sent, and servers of one's own that may be killed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.kernel import jobs, redis
from app.kernel.bell import RedisBell
from app.kernel.db import db, session, transaction
from app.local.servers import OwnServers, throwaway_servers
from app.tracking import recorder
from app.tracking.recorder import Recorder
from tests.conftest import make_app, settings_for
from tests.support import make, reading
from tests.support.reading import Letter


@pytest.fixture
def place(session: Session) -> make.Place:
    return make.place()


@pytest.fixture
def letter(place: make.Place) -> Letter:
    """One reader who allows individual tracking."""
    return reading.sent(place, [reading.reader(place)])


@dataclass
class Own:
    """An application on servers that nobody else uses, and a letter in it."""

    servers: OwnServers
    app: Flask
    letter: Letter

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()


@pytest.fixture(scope="module")
def own_app(
    servers: OwnServers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[OwnServers, Flask]]:
    with (
        tempfile.TemporaryDirectory(prefix="nod-tests-") as folder,
        throwaway_servers(Path(folder)) as mine,
    ):
        data = str(tmp_path_factory.mktemp("data"))
        app = make_app(settings_for(mine.database_url, mine.redis_url, data_dir=data))
        with app.app_context():
            flask_migrate.upgrade(directory=str(Path(app.root_path).parent / "migrations"))
        yield mine, app
        with app.app_context():
            db.engine.dispose()
    redis.configure(servers.redis_url)
    # Whoever rings a bell on a Redis that is gone takes the other one for away too.
    jobs.install_bell(RedisBell(servers.redis_url))


@pytest.fixture
def own(own_app: tuple[OwnServers, Flask], monkeypatch: pytest.MonkeyPatch) -> Iterator[Own]:
    """Servers to kill, both running at the beginning; who was away is asked again after a moment."""
    monkeypatch.setattr(redis, "AWAY_SECONDS", 0.1)
    monkeypatch.setattr(recorder, "AWAY_SECONDS", 0.1)
    servers, app = own_app
    redis.configure(servers.redis_url)
    with app.app_context():
        where = make.place()
        yield Own(servers, app, reading.sent(where, [reading.reader(where)]))
        for server in servers.own:
            server.start()
        db.session.remove()
        redis.configure(servers.redis_url)
        redis.client().flushdb()
        with transaction():
            for table in ("signals", "signal_inbox", "signal_sources", "signal_counts"):
                session().execute(text(f"DELETE FROM {table}"))
        folder = app.extensions[recorder.EXTENSION].folder
        for path in folder.glob("*"):
            path.unlink()
        app.extensions[recorder.EXTENSION] = Recorder(app, folder)
