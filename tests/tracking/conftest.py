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
from sqlalchemy.orm import Session

from app.kernel import redis
from app.kernel.db import db
from app.local.servers import OwnServers, throwaway_servers
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
    """An application on servers that nobody else uses."""

    servers: OwnServers
    app: Flask

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Own]:
    with (
        tempfile.TemporaryDirectory(prefix="nod-tests-") as folder,
        throwaway_servers(Path(folder)) as servers,
    ):
        app = make_app(settings_for(servers.database_url, servers.redis_url, data_dir=str(tmp_path)))
        with app.app_context():
            flask_migrate.upgrade(directory=str(Path(app.root_path).parent / "migrations"))
            yield Own(servers, app)
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was away is asked again after a moment instead of five seconds."""
    from app.tracking import recorder

    monkeypatch.setattr(redis, "AWAY_SECONDS", 0.2)
    monkeypatch.setattr(recorder, "AWAY_SECONDS", 0.2)
