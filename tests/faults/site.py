"""An installation that will be hurt: a database of its own, its processes as Procfile starts them, a mail server.

The database notes each change of a message's state in a table of the test's own (``fault_moves``), so that the checker
can say what had been committed before a MAIL FROM and whether anything that was sent became something else.
"""

from __future__ import annotations

import http.client
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import flask_migrate
import psycopg
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.kernel import redis
from app.kernel.db import db, session
from app.local.postgres import OWNER
from app.local.servers import OwnServers
from app.local.supervised import free_port
from tests.conftest import TEMPLATE, _drop, environment_of, make_app, settings_for
from tests.faults.acts import Acts
from tests.faults.mailserver import MailServer, Seen
from tests.faults.nemesis import Nemesis
from tests.support import mailing
from tests.support.mailing import Setting
from tests.support.workers import Process, until

ROOT = Path(__file__).parents[2]
MANY = 2_000
_PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line)
_MOVES = """
CREATE TABLE fault_moves (
    no bigint, n bigint, old text, new text, txid bigint DEFAULT txid_current(),
    at timestamptz DEFAULT clock_timestamp()
);
CREATE FUNCTION fault_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO fault_moves (no, n, old, new) VALUES (new.mailing_no, new.n, old.state, new.state);
    RETURN NULL;
END $$;
CREATE TRIGGER fault_move AFTER UPDATE OF state ON messages FOR EACH ROW
    WHEN (old.state IS DISTINCT FROM new.state) EXECUTE FUNCTION fault_move();
"""


def command_of(name: str, port: int = 0) -> tuple[str, ...]:
    """The arguments for python that start what a line of Procfile names."""
    first, *rest = shlex.split(_PROCFILE[name].replace("$NOD_WEB_PORT", str(port)))
    return tuple(rest) if first == "python" else ("-m", first, *rest)


class Site:
    """See the module. Processes that ran for one scenario may serve the next, too."""

    def __init__(
        self, app: Flask, servers: OwnServers, mail: MailServer, folder: Path, nemesis: Nemesis
    ) -> None:
        self.app = app
        self.settings = app.config["NOD"]
        self.servers = servers
        self.mail = mail
        self.folder = folder
        self.nemesis = nemesis
        self.acts = Acts(folder / f"acts-{mail.port}.log")
        self.processes: dict[str, Process] = {}
        self._web_port = 0

    @property
    def seen(self) -> Seen:
        """What the mail server has seen until now."""
        return self.mail.seen.read()

    # Processes.

    def start(
        self, name: str, kind: str = "", *, port: int = 0, within: Sequence[str] = (), **more: str
    ) -> Process:
        """Start what Procfile calls ``kind``, unless that name runs.

        Args:
            name: what we call it.
            kind: a line of Procfile, the name's own by default.
            port: for the web server.
            within: a command that runs it, such as ``ip netns exec``.
            more: settings.
        """
        if name in self.processes and self.processes[name].is_alive:
            return self.processes[name]
        self.stop(name)
        command = command_of(kind or name, port)
        if within:
            run_within = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"
            command = ("-c", run_within, *within, sys.executable, *command)
        settings = {"NOD_LOG_LEVEL": "WARNING", **more}
        self.processes[name] = Process(command, environment_of(self.settings, **settings))
        return self.processes[name]

    def start_all(self, workers: int = 2, **more: str) -> list[str]:
        """The scheduler, the senders, and so many workers for mailings; the names of the latter."""
        self.start("clock", **more)
        self.start("senders", **more)
        names = [f"bulk{number}" for number in range(1, workers + 1)]
        for name in list(self.processes):
            if name.startswith("bulk") and name not in names:
                self.stop(name)
        for name in names:
            self.start(name, "bulk", **more)
        return names

    def stop(self, *names: str) -> None:
        """End processes at once, by default all."""
        for name in names or list(self.processes):
            process = self.processes.pop(name, None)
            if process is not None:
                process.close()

    def drain(self, *names: str, seconds: float = 30) -> list[float]:
        """Ask processes to end and wait for each; how many seconds each took."""
        took = []
        for name in names:
            process = self.processes.pop(name)
            began = time.monotonic()
            process.terminate()
            process.wait(seconds)
            took.append(time.monotonic() - began)
            process.close()
        return took

    def start_web(self, port: int = 0, **more: str) -> int:
        """The web server, unless it runs; its port, once it answers."""
        if "web" not in self.processes or not self.processes["web"].is_alive:
            self._web_port = port or free_port()
            self.start("web", port=self._web_port, **more)
        until(lambda: _answers(self._web_port), 40, lambda: self.processes["web"].log[-2000:])
        return self._web_port

    def logs(self) -> str:
        """The ends of what the processes say."""
        return "\n".join(f"--- {name}\n{found.log[-1500:]}" for name, found in self.processes.items())

    # People and mailings.

    def place(self, people: int, domains: Sequence[str] = ("crowd.example",)) -> Setting:
        """A workspace of its own with so many people, spread over domains."""
        made = mailing.setting()
        for index, domain in enumerate(domains):
            count = people // len(domains) + (index < people % len(domains))
            mailing.crowd(made, count, domain=domain)
        session().rollback()
        if people >= MANY:
            # What autovacuum has done by the time somebody has written a letter to as many.
            with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
                connection.execute("ANALYZE contacts, addresses, reach, permissions")
        return made

    def until_ended(self, *numbers: int, seconds: float = 60) -> float:
        """Wait until these mailings are done; the seconds it took."""
        began = time.monotonic()
        until(lambda: all(self.is_over(no) for no in numbers), seconds, lambda: self._where(numbers))
        return time.monotonic() - began

    def is_over(self, number: int) -> bool:
        """Whether a mailing has ended, as committed now; False while the database is away."""
        try:
            session().rollback()
            query = text("SELECT ended_at IS NOT NULL FROM mailings WHERE no = :no")
            return bool(session().execute(query, {"no": number}).scalar_one())
        except DBAPIError:
            self.let_go()
            return False

    def state(self, number: int) -> str:
        try:
            return mailing.state(number)
        except DBAPIError:
            self.let_go()
            return "nobody knows"

    def _where(self, numbers: Sequence[int]) -> str:
        return f"{[dict(mailing.states(no)) for no in numbers]} {self.logs()}"

    def let_go(self) -> None:
        """Hold no connection to the database."""
        db.session.remove()
        db.engine.dispose()

    def query(self, statement: str, *values: object) -> list[tuple]:
        """Rows as committed now, on a connection that nothing else uses."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    def has_waited(self, is_so: Callable[[], bool], seconds: float) -> bool:
        """Wait for something; whether it came."""
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def make_database(servers: OwnServers, name: str, template: str = "template0") -> str:
    """A database that belongs to the application's login role, which may make none in earnest; its address."""
    with psycopg.connect(servers.postgres.admin_url, autocommit=True) as connection:
        # Copied as files, as all databases of tests are.
        connection.execute(f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE "{template}" STRATEGY file_copy')
    return servers.postgres.url_for(OWNER, name)


def make_template(servers: OwnServers) -> str:
    """The name of a migrated, empty database that nobody is connected to."""
    app = make_app(settings_for(make_database(servers, TEMPLATE), servers.redis_url))
    with app.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        db.session.remove()
        db.engine.dispose()
    return TEMPLATE


@contextmanager
def site(servers: OwnServers, template: str, folder: Path, seed: int, **server: object) -> Iterator[Site]:
    """An installation on a database made from the template; all of it ends with the block.

    Args:
        servers: real ones, to be hurt.
        template: name of a migrated, empty database.
        folder: for logs and journals; exists.
        seed: of all that is random.
        server: options of the mail server.
    """
    name = f"nod_faults_{free_port()}"
    url = make_database(servers, name, template)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_MOVES)
    with ExitStack() as stack:
        stack.callback(_drop, servers, name)
        mail = stack.enter_context(MailServer(folder, seed, **server))
        settings = settings_for(url, servers.redis_url, data_dir=str(folder / "data"), smtp_url=mail.url)
        app = make_app(replace(settings))
        stack.enter_context(app.app_context())
        made = Site(app, servers, mail, folder, Nemesis(seed))
        stack.callback(made.let_go)
        stack.callback(made.acts.close)
        stack.callback(made.stop)
        redis.client().flushdb()
        yield made


def _answers(port: int) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        line.request("GET", "/healthz")
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()
