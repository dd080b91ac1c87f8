"""Real servers for every test: one throw-away PostgreSQL and Redis a run, one migrated template, copies of it."""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import flask_migrate
import psycopg
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings as property_settings
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from app import create_app
from app.accounts.service import passwords
from app.config import Settings
from app.content import mjml
from app.forms import intake
from app.forms.pages import known
from app.kernel import clock, i18n, limits, redis
from app.kernel.db import aside, db
from app.local import places
from app.local.servers import OwnServers, throwaway_servers
from tests.support.properties import examples
from tests.support.smtp_sink import SmtpSink

T = TypeVar("T")
TEMPLATE = "nod_template"
# A busy machine may let a whole second pass; Redis that is killed refuses at once all the same.
redis.CONNECT_SECONDS, redis.ANSWER_SECONDS = 5.0, 10.0
# Nearly every test has an owner who signs in: the same argon2id for less work. Processes that tests start do it all.
EARNEST_HASHER = passwords._hasher
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
mjml.CACHE_ENTRIES = 1024  # every mail of the house, which several tests look at, is compiled once
known.SECONDS = 0.0  # tests change a form and post to it in the same second
# For property tests that name no number: they only compute.
property_settings.register_profile("nod", max_examples=examples(100))
property_settings.load_profile("nod")
_numbers = itertools.count(1)
_engines: dict[str, Engine] = {}
_data = tempfile.TemporaryDirectory(prefix="nod-tests-data-")
KEYS = {"secret_key": b"s" * 32, "hash_key": b"h" * 32, "seal_key": b"e" * 32}

# Rooms whose tests wait for processes and clocks more than they compute, and those that drive a browser.
WAITING = frozenset({"bench", "faults", "journeys", "local", "workers"})
BROWSING = frozenset({"browser"})
ROOT = Path(__file__).parents[1]
# Each application, in each worker of the run, would compile its templates anew. Another run does: what is compiled does
# not tell by which options it was.
if "NOD_TESTS_TEMPLATES" not in os.environ:
    _compiled = tempfile.TemporaryDirectory(prefix="nod-tests-templates-")
    os.environ["NOD_TESTS_TEMPLATES"] = _compiled.name
_templates = FileSystemBytecodeCache(os.environ["NOD_TESTS_TEMPLATES"])


def _roomy() -> str | None:
    """Memory as a folder where there is room for throw-away servers, else None: the disk.

    A database is 720 files. ext4 looks through every file deleted in the last minute before it makes another,
    so four hundred databases made and dropped on a disk cost 0.6 to 1 s each instead of 0.04.
    """
    memory = Path("/dev/shm")
    if not (memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 << 30):
        return None
    places.SHARED_ROOT = memory  # where root's servers live
    return str(memory)


def _build_once() -> None:
    """Compile what writes a route's addresses once for all applications: it is most of what making one takes (0.2 s)."""
    compiled: dict[Any, Any] = {}
    compile_ = Rule._compile_builder

    def known(self: Rule, append_unknown: bool = True) -> Any:
        if self.defaults:
            return compile_(self, append_unknown)
        key = (tuple(self._trace), append_unknown)
        if key not in compiled:
            compiled[key] = compile_(self, append_unknown)
        return compiled[key]

    Rule._compile_builder = known  # type: ignore[method-assign]


_build_once()


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Workers share the reading: each compiles a part of the tests, which the others find compiled.

    All at once they would all compile all of it: ten seconds of each worker's CPU in a fresh checkout.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker or not isinstance(collector, pytest.Session) or collector.config.args != ["tests"]:
        return
    number, count = int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for path in sorted((ROOT / "tests").glob("*/test_*.py"))[number::count]:
        # Who cannot be imported says so when it is collected.
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(f"tests.{path.parent.name}.{path.stem}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that wait are what the first worker begins with, those that browse what the second does; otherwise as they were.

    So none of the longest begins last, few of those that watch the clock run at the same time, and one installation
    serves most of them. Each worker begins with an equal part of all, in their order.
    """
    waiting, browsing, others = (
        [item for item in items if room(item.path.parent.name)]
        for room in (WAITING.__contains__, BROWSING.__contains__, lambda name: name not in WAITING | BROWSING)
    )
    part = len(items) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    beside = max(part - len(waiting), 0) if part < len(items) else 0
    items[:] = [*waiting, *others[:beside], *browsing, *others[beside:]]
    # What is imported stays; to look through it again and again is a tenth of the run.
    gc.freeze()
    gc.set_threshold(50_000, 10, 5)


class FreshClient(FlaskClient):
    """Each request in a context of its own, as in a server, even inside a test's context.

    What is posted to a form is taken at once, as by a worker that has nothing else to do.
    """

    has_workers = True

    def open(self, *args, **kwargs):
        kwargs.setdefault("base_url", self.application.config["NOD"].url)
        with self.application.app_context():
            answer = super().open(*args, **kwargs)
            if self.has_workers and answer.request.method == "POST" and answer.request.path.startswith("/f/"):
                intake.take_all()
            return answer


def settings_for(database_url: str, redis_url: str, **more) -> Settings:
    values = {
        "url": "http://127.0.0.1:8000",
        "env": "development",
        "log_level": "ERROR",
        "data_dir": _data.name,
    }
    values |= {**KEYS, **more}
    return Settings(database_url=database_url, redis_url=redis_url, **values)


def make_app(settings: Settings) -> Flask:
    made = create_app(settings)
    made.test_client_class = FreshClient
    made.jinja_env.bytecode_cache = _templates
    made.testing = False
    return made


def _database(servers: OwnServers, name: str, template: str | None = None) -> str:
    base = servers.database_url.rpartition("/")[0]
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        # Copied as files: through the log, as is usual, half as much again of all that a test with a database costs.
        suffix = f' TEMPLATE "{template}" STRATEGY file_copy' if template else ""
        connection.execute(f'CREATE DATABASE "{name}"{suffix}')
    return f"{base}/{name}"


def _drop(servers: OwnServers, name: str) -> None:
    # As superuser: a connection of one may not have ended yet.
    with psycopg.connect(servers.postgres.admin_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def servers() -> Iterator[OwnServers]:
    """PostgreSQL and Redis of this run."""
    with (
        tempfile.TemporaryDirectory(prefix="nod-tests-", dir=_roomy()) as folder,
        throwaway_servers(Path(folder)) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def template(servers: OwnServers) -> str:
    """The name of a migrated, empty database that nobody is connected to."""
    url = _database(servers, TEMPLATE)
    app = make_app(settings_for(url, servers.redis_url))
    with app.app_context():
        flask_migrate.upgrade(directory=str(Path(app.root_path).parent / "migrations"))
        db.engine.dispose()
    return TEMPLATE


@pytest.fixture(scope="session")
def settings(servers: OwnServers, template: str) -> Settings:
    """Settings of the database that rolled-back tests share."""
    return settings_for(_database(servers, "nod_shared", template), servers.redis_url)


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    """The application on the shared database."""
    made = make_app(settings)
    with made.app_context():
        _compile_as_before(db.engine)
    yield made
    with made.app_context():
        db.engine.dispose()


@contextmanager
def _savepoint(connection: Connection) -> Iterator[Connection]:
    with connection.begin_nested():
        yield connection


@contextmanager
def _outer_transaction(app: Flask) -> Iterator[None]:
    """What is written inside goes again; inside another one only that does."""
    with app.app_context():
        engines = db._app_engines[app]
        before = engines[None]
        is_inner = isinstance(before, Connection)
        connection = before if is_inner else before.connect()
        outer = connection.begin_nested() if is_inner else connection.begin()
        engines[None] = connection  # type: ignore[assignment]
        limits.aside = lambda: _savepoint(connection)  # counted, and rolled back with the test
        try:
            yield
        finally:
            limits.aside = aside
            db.session.remove()
            outer.rollback()
            if not is_inner:
                connection.close()
            engines[None] = before


def ground(make: Callable[[], T]) -> Any:
    """A fixture of a module: what all of its tests begin with, made once; each finds it as it was made.

    The database has it in every test with ``session``. What ``make`` gives is of no session any more, and its rows as
    they were then: look them up anew to see a change.
    """

    @pytest.fixture(scope="module")
    def world(app: Flask) -> Iterator[T]:
        with _outer_transaction(app):
            made = make()
            db.session.remove()
            limits.aside = aside
            yield made

    return world


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """The session of the moment inside an outer transaction: code may commit and release, nothing stays."""
    with _outer_transaction(app), app.app_context():
        # One that was released and is used beside its successor would close savepoints that are not its own.
        yield db.session
        db.session.remove()


@pytest.fixture
def client(app: Flask, session: Session) -> FlaskClient:
    """A browser without scripts, on the same rolled-back transaction."""
    return app.test_client()


@pytest.fixture(scope="module")
def seed(template: str) -> str:
    """The name of the database that each ``live`` is a copy of; a module may name one that it has ``grown``."""
    return template


def grown(make: Callable[[], T]) -> tuple[Any, Any]:
    """Two fixtures of a module, its ``seed`` and its ``world``: a database in which something was made in earnest, and what ``make`` gave."""
    kept: list[T] = []

    @pytest.fixture(scope="module")
    def seed(servers: OwnServers, template: str) -> Iterator[str]:
        with _live(servers, template) as app:
            kept[:] = [make()]
            db.session.remove()
            db.engine.dispose()
            yield app.config["NOD"].database_url.rpartition("/")[2]

    @pytest.fixture(scope="module")
    def world(seed: str) -> T:
        return kept[0]

    return seed, world


def _compile_as_before(engine: Engine) -> None:
    """What was compiled for one database serves the next one, which is of the same server: a tenth of a second a test."""
    with engine.connect():
        first = _engines.setdefault("first", engine)
    engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
    first._compiled_cache.capacity = 4000


@contextmanager
def _live(servers: OwnServers, template: str) -> Iterator[Flask]:
    name = f"nod_live_{next(_numbers)}"
    url = _database(servers, name, template)
    made = make_app(settings_for(url, servers.redis_url))
    with made.app_context():
        _compile_as_before(db.engine)
        yield made
        db.session.remove()
        db.engine.dispose()
    _drop(servers, name)


@pytest.fixture
def live(servers: OwnServers, seed: str) -> Iterator[Flask]:
    """An application on a database of its own, with real commits, for locks, processes and several connections."""
    with _live(servers, seed) as made:
        yield made


@pytest.fixture
def live_client(live: Flask) -> FlaskClient:
    """A browser on the database with real commits."""
    return live.test_client()


@pytest.fixture
def smtp() -> Iterator[SmtpSink]:
    """A mail server on the wire."""
    with SmtpSink() as sink:
        yield sink


@pytest.fixture(autouse=True)
def _steady(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves a shifted clock, a language, a counted limit or another Redis to the next one."""
    needs_redis = bool({"app", "live", "servers"} & set(request.fixturenames))
    if needs_redis:
        redis.configure(request.getfixturevalue("servers").redis_url)
    yield
    clock.set_shift(0)
    i18n.use(i18n.DEFAULT)
    if needs_redis:
        redis.attempt(lambda client: client.flushdb())


@pytest.fixture
def other_settings(servers: OwnServers, template: str) -> Iterator[Settings]:
    """Settings of a database of its own for processes that the test starts itself."""
    with settings_of_its_own(servers, template) as made:
        yield made


@contextmanager
def settings_of_its_own(servers: OwnServers, template: str) -> Iterator[Settings]:
    """The same for as long as somebody needs them."""
    name = f"nod_live_{next(_numbers)}"
    yield settings_for(_database(servers, name, template), servers.redis_url)
    _drop(servers, name)


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """The environment in which a process of ours has these settings."""
    import base64

    def key(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/tmp"),
        "PYTHONWARNINGS": "default",
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "NOD_URL": settings.url,
        "NOD_ENV": settings.env,
        "NOD_SMTP_URL": settings.smtp_url,
        "NOD_DATA_DIR": settings.data_dir,
        "NOD_MAILBOX_DIR": settings.mailbox_dir,
        "NOD_CLOCK_SHIFT_SECONDS": str(settings.clock_shift_seconds),
        "NOD_SECRET_KEY": key(settings.secret_key),
        "NOD_HASH_KEY": key(settings.hash_key),
        "NOD_SEAL_KEY": key(settings.seal_key),
        **more,
    }


@pytest.fixture
def count_statements():
    """``with count_statements() as statements``: the SQL that was sent meanwhile, without savepoints."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(_connection, _cursor, statement, *_rest) -> None:
            if "SAVEPOINT" not in statement:
                statements.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(Engine, "before_cursor_execute", note)

    return counting
