"""Alembic's environment: runs as the login role, never as the application's role, and waits for no lock long."""

from __future__ import annotations

import importlib
import pkgutil

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, pool, text

import app as application
from app.kernel.db import Base

LOCK_TIMEOUT = "3s"
STATEMENT_TIMEOUT = "15min"


def load_models() -> None:
    """Import every table, so that the metadata is whole."""
    for found in pkgutil.walk_packages(application.__path__, "app."):
        if found.name.endswith((".models", ".limits", ".health", ".schedule")):
            importlib.import_module(found.name)


def run() -> None:
    """Apply the migrations, each in its own transaction."""
    load_models()
    settings = current_app.config["NOD"]
    context.config.attributes["app_role"] = settings.app_role
    engine = create_engine(settings.sqlalchemy_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
