"""`flask doctor` names each fault in plain words, with a remedy."""

import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis

from app.local import doctor
from app.local.supervised import free_port
from tests.support.smtp_sink import SmtpSink

GONE = "postgresql://nod:secret@127.0.0.1:1/nod"


@pytest.fixture
def connection(servers, live):
    with psycopg.connect(live.config["NOD"].database_url, autocommit=True) as found:
        yield found


def test_a_python_that_is_too_old_or_outside_the_environment_is_named():
    assert doctor.check_python((3, 11, 0), "/a/.venv", "/usr").is_good
    assert "Install Python 3.11" in doctor.check_python((3, 10, 9), "/a/.venv", "/usr").advice
    assert "make setup" in doctor.check_python((3, 12, 0), "/usr", "/usr").advice


def test_equal_keys_are_named(settings):
    assert doctor.check_keys(settings).is_good
    assert not doctor.check_keys(replace(settings, hash_key=settings.seal_key)).is_good


def test_a_migrated_database_is_well(connection, settings):
    assert doctor.check_postgres(connection).is_good
    assert doctor.check_migrations(connection).is_good
    assert doctor.check_role(connection, settings.app_role).is_good
    assert doctor.check_seals(connection).is_good


def test_an_empty_database_needs_migrating(servers):
    with psycopg.connect(servers.postgres.admin_url, autocommit=True) as empty:
        finding = doctor.check_migrations(empty)
        assert finding.text.startswith("at nothing, newest is ")
        assert finding.advice == "Run flask db upgrade."
        assert doctor.check_postgres(empty).is_good


def test_a_role_that_may_change_the_ledger_is_named_with_the_table_and_the_right(connection, settings):
    connection.execute(f"GRANT TRUNCATE ON consent_events TO {settings.app_role}")
    finding = doctor.check_role(connection, settings.app_role)
    assert "consent_events (TRUNCATE)" in finding.text
    assert "REVOKE" in finding.advice


def test_a_missing_role_is_named(connection):
    assert "does not exist" in doctor.check_role(connection, "nobody_knows").text


def test_workers_that_were_never_or_long_ago_seen_are_named(connection):
    assert "none has ever been seen" in doctor.check_workers(connection).text
    connection.execute("INSERT INTO heartbeats VALUES ('worker', 'a', now() - interval '1 hour')")
    assert "worker 3600 s ago" in doctor.check_workers(connection).text
    connection.execute("INSERT INTO heartbeats VALUES ('worker', 'b', now())")
    assert doctor.check_workers(connection).is_good


def test_redis_that_forgets_or_throws_away_is_named(servers):
    client = redis.Redis.from_url(servers.redis_url)
    assert doctor.check_redis(servers.redis_url).is_good
    try:
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert "allkeys-lru" in doctor.check_redis(servers.redis_url).text
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "no")
        assert "forgets everything" in doctor.check_redis(servers.redis_url).text
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")
        client.close()
    assert "does not answer" in doctor.check_redis("redis://127.0.0.1:1/0").text


def test_a_mail_server_is_greeted_not_only_connected_to():
    with SmtpSink() as sink:
        assert doctor.check_mail_server(sink.url).is_good
        assert any(command.lower().startswith("ehlo") for command in sink.commands)
        sink.reply_at("CONNECT", "554 5.7.1 not you")
        assert "does not answer" in doctor.check_mail_server(sink.url).text
    assert "NOD_SMTP_URL" in doctor.check_mail_server(sink.url).advice


def test_an_address_that_nobody_answers_is_named():
    finding = doctor.check_url(f"http://127.0.0.1:{free_port()}")
    assert "does not answer" in finding.text
    assert "NOD_URL" in finding.advice


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    assert doctor.check_disk(tmp_path / "made" / "later").text.endswith(f"free at {tmp_path}")
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", sys.maxsize)
    assert "Free some space" in doctor.check_disk(tmp_path).advice


def test_the_command_goes_on_when_everything_is_away_and_never_shows_a_trace(app, settings):
    away = replace(
        settings,
        url=f"http://127.0.0.1:{free_port()}",
        database_url=GONE,
        redis_url="redis://127.0.0.1:1/0",
        smtp_url="smtp://127.0.0.1:1",
    )
    app.config["NOD"] = away
    try:
        result = app.test_cli_runner().invoke(args=["doctor"])
    finally:
        app.config["NOD"] = settings
    assert result.exit_code == 1
    for subject in ("PostgreSQL", "Redis", "Mail server", "Address"):
        assert f"WRONG  {subject}: " in result.output
    assert "secret" not in result.output.replace("secret, hash and seal key", "")
    assert "Traceback" not in result.output


def test_the_doctor_knows_the_migrations_folder():
    assert Path(doctor.MIGRATIONS / "env.py").exists()
