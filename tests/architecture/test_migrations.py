"""Migrations: from nothing to the metadata, back to nothing, and forth again."""

from __future__ import annotations

from pathlib import Path

import flask_migrate
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from app.kernel.db import Base, db
from tests.conftest import make_app, settings_for

MIGRATIONS = str(Path(__file__).parent.parent.parent / "migrations")


@pytest.fixture
def empty(servers):
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE nod_migrations")
    url = servers.database_url.rpartition("/")[0] + "/nod_migrations"
    app = make_app(settings_for(url, servers.redis_url))
    with app.app_context():
        yield url
        db.session.remove()
        db.engine.dispose()
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE nod_migrations WITH (FORCE)")


def tables(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows} - {"alembic_version"}


def test_up_down_and_up_again(empty):
    flask_migrate.upgrade(directory=MIGRATIONS)
    whole = tables(empty)
    assert whole == set(Base.metadata.tables)
    flask_migrate.downgrade(directory=MIGRATIONS, revision="base")
    assert tables(empty) == set()
    with psycopg.connect(empty) as connection:
        left = connection.execute(
            "SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace "
            "WHERE nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND deptype = 'e')"
        ).fetchall()
    assert left == []
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert tables(empty) == whole


def test_the_tables_are_those_of_the_models(live):
    def counts(item, name, kind, reflected, compare_to):
        return not (kind == "table" and name == "alembic_version")

    with db.engine.connect() as connection:
        connection.execute(text("RESET ROLE"))
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": True, "include_object": counts, "target_metadata": Base.metadata},
        )
        differences = compare_metadata(context, Base.metadata)
    assert differences == []


def test_each_table_that_names_people_finds_one_by_their_id(session):
    # A partial index serves where all that it leaves out are rows that name nobody.
    blind = session.execute(
        text(
            "SELECT k.conrelid::regclass || '.' || a.attname FROM pg_constraint k JOIN pg_attribute a"
            " ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] WHERE k.contype = 'f' AND k.confrelid = 'contacts'::regclass"
            " AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1]"
            "  AND coalesce(pg_get_expr(i.indpred, i.indrelid), '(' || a.attname || ' IS NOT NULL)')"
            "  = '(' || a.attname || ' IS NOT NULL)')"
        )
    )
    assert list(blind.scalars()) == []


def test_a_migration_waits_for_no_lock_long():
    source = (Path(MIGRATIONS) / "env.py").read_text()
    assert 'LOCK_TIMEOUT = "3s"' in source
