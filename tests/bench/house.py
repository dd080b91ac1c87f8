"""An installation of the bench's own: new servers that wait for the disk as in earnest, migrated, and thrown away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import flask_migrate

from app.config import Settings
from app.consent.rules import Level
from app.delivery import service
from app.delivery.rules.hours import PLAIN, Timing
from app.kernel.db import db, transaction
from app.kernel.ids import uuid7
from app.local.postgres import DATABASE
from app.local.servers import OwnServers, throwaway_servers
from tests.bench import letter
from tests.conftest import make_app, settings_for
from tests.support import make
from tests.support.installation import ROOT
from tests.support.outbox import place_with_sender


@dataclass(frozen=True)
class House:
    """Where everything is; the application's context is open as long as it stands.

    Attributes:
        admin_url: the superuser's, in the application's database.
    """

    folder: Path
    settings: Settings
    servers: OwnServers
    admin_url: str

    @property
    def database_pid(self) -> int:
        """Of the postmaster."""
        pid = self.servers.postgres.pid
        assert pid is not None
        return pid


@contextmanager
def house() -> Iterator[House]:
    """Set it up, and leave nothing of it."""
    with (
        tempfile.TemporaryDirectory(prefix="nod-bench-") as name,
        throwaway_servers(Path(name) / "servers", fast=False) as servers,
    ):
        settings = settings_for(
            servers.database_url, servers.redis_url,
            url="https://news.bench.example", env="production", data_dir=f"{name}/data",
        )  # fmt: skip
        app = make_app(settings)
        with app.app_context():
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            try:
                yield House(Path(name), settings, servers, servers.postgres.url_for("postgres", DATABASE))
            finally:
                db.session.remove()
                db.engine.dispose()


@dataclass(frozen=True)
class Sender:
    """A workspace with a letter, and one person who said yes to its first interest and to being told apart."""

    id: UUID
    interest: UUID
    version: UUID
    model: UUID

    def launch(self, timing: Timing = PLAIN) -> int:
        """Send the letter to everybody who may get it, now; the mailing's number."""
        with transaction():
            return service.launch(
                self.id, dedupe=uuid7(), title="November", version_id=self.version, interests=[self.interest],
                timing=timing,
            )


def sender() -> Sender:
    """A new one."""
    where = place_with_sender()
    model = make.person(where.id)
    make.confirmed(where, model, tracking=Level.INDIVIDUAL, interests=1)
    return Sender(where.id, where.interests[0].id, letter.version(where.id), model.id)
