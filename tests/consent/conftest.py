"""Somebody who can forge."""

from __future__ import annotations

import psycopg
import pytest


@pytest.fixture
def superuser(live, servers):
    """Somebody with every right, who switches the triggers off: the operator turned forger."""
    url = (
        servers.postgres.admin_url.rpartition("/")[0]
        + "/"
        + live.config["NOD"].database_url.rpartition("/")[2]
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection
