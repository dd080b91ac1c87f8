"""PostgreSQL for one machine: a cluster in a folder, C locale, loopback only, password required."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

from app.local import memory
from app.local.places import Place
from app.local.processes import SERVER_ENVIRONMENT, all_pids, runs_in
from app.local.programs import PostgresPrograms, find_postgres
from app.local.supervised import ServerError, Supervised

OWNER = "nod"
APPLICATION_ROLE = "nod_app"
DATABASE = "nod"
ADMIN = "postgres"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # socket paths get too long in deep folders
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
# A killed server still loses nothing with these; a machine without power would.
FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off"}
SESSIONS_SECONDS = 15.0  # a killed postmaster's sessions need a moment to notice


class Postgres(Supervised):
    """A PostgreSQL server with the database `nod`, its owner `nod` and the role `nod_app`.

    Args:
        place: folder for data and log, and the account to run as.
        port: loopback port.
        password: for the owner and the administrator.
        is_throwaway: settings that lose data in a crash of the machine and let the owner make
            databases; for tests only.
    """

    title = "PostgreSQL"
    death_signal = signal.SIGINT  # "fast": sessions end, data is written
    stop_steps = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

    def __init__(self, place: Place, port: int, password: str, *, is_throwaway: bool = False) -> None:
        super().__init__(place, port)
        self.password = password
        self.is_throwaway = is_throwaway
        self._programs: PostgresPrograms | None = None

    @property
    def folder(self) -> Path:
        """The cluster's data."""
        return self.place.folder / "postgres" / "data"

    @property
    def url(self) -> str:
        """For the application: the database's owner."""
        return self.url_for(OWNER, DATABASE)

    @property
    def admin_url(self) -> str:
        """For this supervisor and for tests: the superuser, in the maintenance database."""
        return self.url_for(ADMIN, "postgres")

    @property
    def programs(self) -> PostgresPrograms:
        """The programs that fit the data."""
        if self._programs is None:
            self._programs = find_postgres(self.place, major=self._data_version())
        return self._programs

    def url_for(self, role: str, database: str) -> str:
        """Address of a database on this server for one of its two log-in roles."""
        return f"postgresql://{role}:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and make the database and roles that are missing.

        Raises:
            ServerError: it did not start.
        """
        super().start()
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            _make_roles(connection, self.password, may_create_databases=self.is_throwaway)
            _make_database(connection)

    def _data_version(self) -> int | None:
        try:
            return int((self.folder / "PG_VERSION").read_text().strip())
        except FileNotFoundError:
            return None

    def _command(self) -> list[str]:
        settings = SETTINGS | (FAST_SETTINGS if self.is_throwaway else memory.settings_for(memory.machine_bytes()))
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        program = self.programs.folder / "postgres"
        return [str(program), "-D", str(self.folder), "-p", str(self.port), *options]

    def _prepare(self) -> None:
        if self._data_version() is None:
            self._make_cluster()

    def _make_cluster(self) -> None:
        """Run initdb in a folder aside, so that an interrupted one leaves nothing half made."""
        parent = self.place.private_folder("postgres")
        unfinished = parent / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        with tempfile.NamedTemporaryFile("w", dir=parent, prefix="password-") as password_file:
            password_file.write(self.password)
            password_file.flush()
            self.place.hand_over(Path(password_file.name))
            self._run_initdb(unfinished, Path(password_file.name))
        unfinished.rename(self.folder)

    def _run_initdb(self, target: Path, password_file: Path) -> None:
        command = [
            str(self.programs.folder / "initdb"), "-D", str(target), "-U", ADMIN, "-A", "scram-sha-256",
            f"--pwfile={password_file}", "--encoding=UTF8", "--no-locale", "--no-instructions",
            *(["--no-sync"] if self.is_throwaway else []),
        ]  # fmt: skip
        account = self.place.account
        with self.log_path.open("ab") as log:
            done = subprocess.run(
                command, cwd=target.parent, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=SERVER_ENVIRONMENT, check=False, umask=0o077,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(target, ignore_errors=True)
            raise ServerError(self.explain("PostgreSQL could not make its data folder."))

    def end_leftover(self) -> None:
        """End the postmaster of an earlier run, wait for its sessions, and remove the file with its number.

        PostgreSQL would take the number for a live postmaster when another program has it now, or when
        nobody has collected the dead one. It may go only once no session works on the data any more.
        """
        super().end_leftover()
        if self._wait_for_sessions():
            self._pid_file.unlink(missing_ok=True)

    @property
    def _pid_file(self) -> Path:
        return self.folder / "postmaster.pid"

    def _leftover(self) -> int | None:
        try:
            return int(self._pid_file.read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def _wait_for_sessions(self) -> bool:
        folder = self.folder.resolve()
        deadline = time.monotonic() + SESSIONS_SECONDS
        while any(runs_in(pid, folder) for pid in all_pids()):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.admin_url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """End the postmaster at once, as a crash would, and wait for its sessions to notice."""
        super().kill()
        self._wait_for_sessions()


def _make_roles(
    connection: psycopg.Connection[tuple[object, ...]], password: str, *, may_create_databases: bool
) -> None:
    """The owner logs in and migrates; the application acts as a role with fewer rights (`SET ROLE`)."""
    known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
    owner, application = sql.Identifier(OWNER), sql.Identifier(APPLICATION_ROLE)
    if OWNER not in known:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(owner))
    rights = sql.SQL("CREATEDB" if may_create_databases else "NOCREATEDB")
    statement = sql.SQL("ALTER ROLE {} WITH {} PASSWORD {}")
    connection.execute(statement.format(owner, rights, sql.Literal(password)))
    if APPLICATION_ROLE not in known:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(application))
    connection.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(application, owner))


def _make_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
    if not found:
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        connection.execute(statement.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))
