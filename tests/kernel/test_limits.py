"""Limits hold in Redis, and in PostgreSQL while Redis is away; neither holds an address."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.kernel import clock, limits, redis
from app.kernel.db import session


def test_a_limit_counts_and_then_says_no(live):
    answers = [limits.hit("signup.address", "mara@example.org", 3, 60) for _ in range(5)]
    assert answers == [True, True, True, False, False]
    assert limits.hit("signup.address", "other@example.org", 3, 60)


def test_a_new_window_starts_anew(live):
    assert not [limits.hit("x", "k", 1, 60) for _ in range(2)][1]
    clock.set_shift(61)
    assert limits.hit("x", "k", 1, 60)


@pytest.fixture
def no_redis(live):
    redis.configure("redis://127.0.0.1:1/0")
    yield
    redis.configure(live.config["NOD"].redis_url)


def test_without_redis_the_database_counts(live, no_redis):
    answers = [limits.hit("signup.address", "mara@example.org", 3, 60) for _ in range(5)]
    assert answers == [True, True, True, False, False]
    rows = session().execute(text("SELECT row_to_json(limit_counts)::text FROM limit_counts")).scalars().all()
    assert len(rows) == 1
    assert "mara" not in rows[0]


def test_no_address_stands_in_redis(live):
    limits.hit("signup.address", "mara@example.org", 3, 60)
    keys = redis.client().keys("*")
    assert keys
    assert not [key for key in keys if b"mara" in key]


def test_a_test_without_redis_counts_within_its_own_transaction(session):
    redis.configure("redis://127.0.0.1:1/0")
    assert [limits.hit("x", "k", 1, 60) for _ in range(2)] == [True, False]
