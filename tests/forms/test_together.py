"""Posts at the same time, and posts while Redis is away: on real commits."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from app.kernel import redis
from app.kernel.db import session
from tests.support import signup


@pytest.fixture
def stage(live):
    return signup.stage()


def post(app, url: str, fields: dict, number: int):
    return app.test_client().post(
        url, data=fields, environ_overrides={"REMOTE_ADDR": f"198.51.100.{number + 1}"}
    )


def together(live, stage, all_fields: list[dict]) -> list[int]:
    url = stage.url
    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(post, live, url, fields, number) for number, fields in enumerate(all_fields)]
    session().rollback()
    return [job.result().status_code for job in jobs]


def count(table: str) -> int:
    return session().execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_the_same_post_six_times_at_once_counts_once(live, stage):
    fields = stage.fields(once="0199d2f4-7c1e-7b30-9a52-6f0d3c41e8a7")
    assert together(live, stage, [fields] * 6) == [303] * 6
    assert (count("submissions"), count("messages"), count("contacts")) == (1, 1, 1)


def test_a_new_address_posted_at_once_becomes_one_person(live, stage):
    assert together(live, stage, [stage.fields()] * 5) == [303] * 5
    assert (count("contacts"), count("addresses"), count("reach")) == (1, 1, 1)
    assert count("messages") == 5


def test_different_people_at_once_all_get_their_question(live, stage):
    everybody = [stage.fields(f"p{number}@example.org") for number in range(12)]
    assert together(live, stage, everybody) == [303] * 12
    assert count("messages") == 12


def test_without_redis_people_sign_up_and_limits_hold(live, stage, servers):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    redis.configure(f"redis://127.0.0.1:{port}/0")
    try:
        client = live.test_client()
        url, fields = stage.url, [stage.fields(f"p{number}@example.org") for number in range(21)]
        codes = [client.post(url, data=one).status_code for one in fields]
    finally:
        redis.configure(servers.redis_url)
    session().rollback()
    assert codes == [303] * 20 + [429]
    assert count("messages") == 20


def test_one_form_takes_a_bounded_number_of_posts_a_minute(live, stage, monkeypatch):
    from app.forms.pages import posts

    monkeypatch.setattr(posts, "POSTS_PER_FORM_AND_MINUTE", 3)
    codes = together(live, stage, [stage.fields(f"p{number}@example.org") for number in range(5)])
    assert sorted(codes) == [303, 303, 303, 429, 429]
