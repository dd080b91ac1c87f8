"""`flask doctor`: what is wrong, in plain words, and what to do about it.

Each check takes what it needs and returns one finding; none raises for what it is there to find.
"""

from __future__ import annotations

import shutil
import smtplib
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import psycopg
import redis
from flask import current_app
from flask.cli import with_appcontext

from app.config import Settings
from app.delivery.rules import restored_words
from app.local.programs import OLDEST_POSTGRES

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1024**3
HEARTBEAT_SECONDS = 120
UNSEALED_SECONDS = 3_600
KEYS = ("secret_key", "hash_key", "seal_key")
APPEND_ONLY_TRIGGERS = ("refuse_change", "consent_guard_personal")
SECONDS = 5
EHLO_OK = 250

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `advice` says what to do and is empty when all is well."""

    subject: str
    text: str
    advice: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing needs doing."""
        return not self.advice


def check_python(version: tuple[int, int, int], prefix: str, base_prefix: str) -> Finding:
    """A Python that is new enough, in a virtual environment."""
    text = f"{version[0]}.{version[1]}.{version[2]} in {prefix}"
    if version[:2] < OLDEST_PYTHON:
        return Finding("Python", text, "Install Python 3.11 or newer, remove .venv and run make setup.")
    if prefix == base_prefix:
        return Finding(
            "Python", text, "Run Nod from its virtual environment: make setup, then .venv/bin/flask."
        )
    return Finding("Python", text)


def check_keys(settings: Settings) -> Finding:
    """The keys are three different ones (that they are long enough, starting has shown)."""
    if len({getattr(settings, name) for name in KEYS}) < len(KEYS):
        return Finding("Keys", "two of them are the same", "Give each key variable random bytes of its own.")
    return Finding("Keys", "secret, hash and seal key are set and different")


def check_url(url: str) -> Finding:
    """The address in every mail leads to this Nod."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=SECONDS) as answer:  # noqa: S310 - http(s) by settings
            if answer.read().strip() == b"ok":
                return Finding("Address", f"{url} leads here")
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        return Finding("Address", f"{url} does not answer: {reason}", "Start Nod, or correct NOD_URL.")
    return Finding("Address", f"{url} answers, but it is not Nod", "Correct NOD_URL or the proxy before Nod.")


def check_postgres(connection: Connection) -> Finding:
    """PostgreSQL is new enough and stores text as UTF-8."""
    version = connection.info.server_version // 10_000
    row = connection.execute("SHOW server_encoding").fetchone()
    encoding = row[0] if row else ""
    text = f"version {version}, {encoding}"
    if version < OLDEST_POSTGRES:
        return Finding("PostgreSQL", text, f"Upgrade PostgreSQL to {OLDEST_POSTGRES} or newer.")
    if encoding != "UTF8":
        return Finding("PostgreSQL", text, "Make the database anew with ENCODING 'UTF8'.")
    return Finding("PostgreSQL", text)


def check_role(connection: Connection, role: str) -> Finding:
    """The application may act as its own role, and that role cannot change what is append-only."""
    known = connection.execute("SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = %s", (role,))
    row = known.fetchone()
    if row is None:
        return Finding(
            "Database role", f"{role} does not exist", "Run flask db upgrade as a role with CREATEROLE."
        )
    if not row[0]:
        advice = f"As a superuser: GRANT {role} TO {connection.info.user};"
        return Finding("Database role", f"{connection.info.user} may not act as {role}", advice)
    loose = [
        f"{table} ({right})"
        for table in _append_only_tables(connection)
        for right in ("UPDATE", "DELETE", "TRUNCATE")
        if _has_right(connection, role, table, right)
    ]
    if loose:
        advice = f"As the tables' owner: REVOKE UPDATE, DELETE, TRUNCATE ON those tables FROM {role};"
        return Finding("Database role", f"{role} can change {', '.join(loose)}", advice)
    return Finding("Database role", f"{role} can add to the ledger and change nothing in it")


def _newest() -> set[str]:
    # Imported here: every process of Nod knows this module, and these tools take 9 MB.
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return set(ScriptDirectory.from_config(config).get_heads())


def check_migrations(connection: Connection) -> Finding:
    """The tables are those that this version of Nod expects."""
    newest = _newest()
    try:
        found = {str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version")}
    except psycopg.errors.UndefinedTable:
        connection.rollback()
        found = set()
    if found == newest:
        return Finding("Tables", f"up to date ({', '.join(sorted(found))})")
    text = f"at {', '.join(sorted(found)) or 'nothing'}, newest is {', '.join(sorted(newest))}"
    return Finding("Tables", text, "Run flask db upgrade.")


def check_redis(url: str) -> Finding:
    """Redis answers, is kept on disk and never throws keys away."""
    client = redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
    try:
        client.ping()
        settings: dict[str, str] = client.config_get("maxmemory-policy", "appendonly", "save")  # type: ignore[assignment]
    except redis.ResponseError:
        return Finding("Redis", "answers; it does not tell its settings")
    except (redis.RedisError, OSError) as error:
        advice = "Start Redis or correct REDIS_URL. Mails still go out meanwhile, a few seconds later."
        return Finding("Redis", f"does not answer: {error}", advice)
    finally:
        client.close()
    policy = settings.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        return Finding("Redis", f"throws keys away when full ({policy})", "Set maxmemory-policy noeviction.")
    if settings.get("appendonly") != "yes" and not settings.get("save"):
        return Finding("Redis", "forgets everything when it stops", "Set appendonly yes.")
    return Finding("Redis", "answers, is kept on disk, throws nothing away")


def check_disk(folder: Path, name: str = "Disk") -> Finding:
    """There is room for journals and mails."""
    existing = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / 1024**3:.1f} GB free at {existing}"
    return Finding(name, text, "Free some space on this disk." if free < LEAST_FREE_BYTES else "")


def check_mail_server(url: str) -> Finding:
    """The default mail server takes connections and speaks SMTP."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 25
    kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    try:
        with kind(host, port, timeout=SECONDS) as server:
            code, _ = server.ehlo()
    except (smtplib.SMTPException, OSError) as error:
        advice = "Start that mail server, or correct NOD_SMTP_URL. Mails wait and go out when it is back."
        return Finding("Mail server", f"{host}:{port} does not answer: {error}", advice)
    if code != EHLO_OK:
        return Finding("Mail server", f"{host}:{port} refused EHLO with {code}", "Ask who runs it why.")
    return Finding("Mail server", f"{host}:{port} answers")


def check_workers(connection: Connection) -> Finding:
    """A worker has been seen lately."""
    ages = connection.execute(
        "SELECT kind, extract(epoch FROM clock_timestamp() - max(seen_at))::float FROM heartbeats GROUP BY kind"
    ).fetchall()
    if not ages:
        return Finding(
            "Workers", "none has ever been seen", "Start the workers: make run, or the Procfile's lines."
        )
    late = [f"{kind} {age:.0f} s ago" for kind, age in ages if age > HEARTBEAT_SECONDS]
    if late:
        return Finding(
            "Workers", f"last seen: {', '.join(late)}", "Start them; read their log for why they ended."
        )
    return Finding("Workers", f"alive: {', '.join(sorted(str(kind) for kind, _ in ages))}")


def check_seals(connection: Connection) -> Finding:
    """The ledger is sealed hourly or more often."""
    row = connection.execute(
        "SELECT count(*), extract(epoch FROM clock_timestamp() - min(inserted_at))::float FROM consent_unsealed"
    ).fetchone()
    count, age = row or (0, None)
    if age is not None and age > UNSEALED_SECONDS:
        text = f"{count} events wait for a seal, the oldest for {age / 3600:.1f} hours"
        return Finding("Ledger", text, "See that clock and workers run; flask consent verify tells more.")
    return Finding("Ledger", f"sealed; {count} new events wait for the next seal")


def check_restores(connection: Connection) -> Finding:
    """Nobody has put an older database in place lately."""
    row = connection.execute(
        "SELECT backup_at, known_until, mailings FROM restores WHERE noticed_at > clock_timestamp() - interval '7 days'"
        " ORDER BY no DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return Finding("Backup", "this database is as far as the data folder and Redis know")
    backup_at, known_until, mailings = row
    advice = (
        f"{mailings} mailings were paused: go on with each or cancel it, then decide about its unknown. Put the noes "
        "that mails and logs tell of since then back in first. This is said for seven days."
    )
    return Finding("Backup", restored_words(backup_at, known_until), advice)


def examine(settings: Settings) -> list[Finding]:
    """All findings for an installation, in the order in which one would mend things."""
    version = (sys.version_info.major, sys.version_info.minor, sys.version_info.micro)
    return [
        check_python(version, sys.prefix, sys.base_prefix),
        check_keys(settings),
        check_disk(Path(settings.data_dir)),
        *_examine_database(settings),
        check_redis(settings.redis_url),
        check_mail_server(settings.smtp_url),
        check_url(settings.url),
    ]


def _examine_database(settings: Settings) -> Iterable[Finding]:
    try:
        connection = psycopg.connect(settings.database_url, connect_timeout=SECONDS, autocommit=True)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        yield Finding("PostgreSQL", f"does not answer: {reason}", "Start PostgreSQL or correct DATABASE_URL.")
        return
    with connection:
        yield check_postgres(connection)
        tables = check_migrations(connection)
        yield tables
        checks: tuple[Callable[[Connection], Finding], ...] = (
            lambda found: check_role(found, settings.app_role),
            check_workers,
            check_seals,
            check_restores,
        )
        if tables.is_good:
            yield from (check(connection) for check in checks)


def _append_only_tables(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT DISTINCT t.tgrelid::regclass::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
        "WHERE p.proname = ANY(%s) ORDER BY 1",
        (list(APPEND_ONLY_TRIGGERS),),
    )
    return [str(row[0]) for row in rows]


def _has_right(connection: Connection, role: str, table: str, right: str) -> bool:
    row = connection.execute("SELECT has_table_privilege(%s, %s, %s)", (role, table, right)).fetchone()
    return bool(row and row[0])


@click.command("doctor")
@with_appcontext
def command() -> None:
    """Say what is wrong with this installation, and what to do."""
    findings = examine(current_app.config["NOD"])
    for finding in findings:
        click.echo(f"{'ok   ' if finding.is_good else 'WRONG'}  {finding.subject}: {finding.text}")
        if finding.advice:
            click.echo(f"       → {finding.advice}")
    wrong = sum(not finding.is_good for finding in findings)
    click.echo("All is well." if not wrong else f"{wrong} of {len(findings)} need attention.")
    if wrong:
        sys.exit(1)
