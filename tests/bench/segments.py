"""How long it takes to count segments: ``python -m tests.bench.segments``. The last line is JSON."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import click
import psycopg
from sqlalchemy import text

from app.contacts import service as contacts
from app.engagement.rules import HALF_LIFE_DAYS, LANDMARK
from app.kernel import clock, sampling
from app.kernel.db import session, transaction
from app.kernel.errors import Unavailable
from app.kernel.sampling import ONE_IN
from app.segments import queries
from app.segments.rules import Group
from tests.bench.asking import percentile
from tests.bench.crowd import CONTACT, People
from tests.bench.house import House, Sender, house, sender
from tests.bench.report import machine

SIGNALS_EACH = 10
MAILINGS = 20
FIRST = 1000
"""Number before the first mailing: a new installation has some of its own."""
_FIELDS = (
    ("Town", "text", ()), ("Age", "number", ()), ("Spent", "money", ()), ("Country", "country", ()),
    ("Birthday", "date", ()), ("Brews", "multi_choice", ("filter", "espresso", "pour-over", "moka")),
)  # fmt: skip
_MANY = "FROM generate_series(1, %(people)s::int) AS i"
# Numbers that look random and are the same each time.
_DICE = "((i::bigint * 2654435761 + {salt} * 40503) %% {sides})"


def _dice(sides: int, salt: int = 0) -> str:
    return _DICE.format(sides=sides, salt=salt)


_PROFILES = (
    "UPDATE contacts AS c SET language = (ARRAY['en','de','fr','es'])[1 + " + _dice(4) + "],"
    " created_at = now() - " + _dice(1000, 1) + " * interval '1 day',"
    " fields = jsonb_build_object('town', (ARRAY['Kiel','Köln','Bristol','Lyon','Graz'])[1 + "
    + _dice(5, 2)
    + "],"
    " 'age', (18 + " + _dice(60, 3) + ")::text, 'spent', (" + _dice(500, 4) + ")::text || '.50 EUR',"
    " 'country', (ARRAY['DE','FR','GB','AT'])[1 + " + _dice(4, 5) + "],"
    " 'birthday', (date '1950-01-01' + " + _dice(20000, 6) + "::int)::text,"
    " 'brews', jsonb_build_array((ARRAY['filter','espresso','pour-over','moka'])[1 + " + _dice(4, 7) + "]))"
    f" {_MANY} WHERE c.id = {CONTACT}"
)
_LEFT = f"UPDATE permissions SET state = 'no' FROM (SELECT {CONTACT} AS id {_MANY} WHERE i %% 10 = 0) AS left_ WHERE contact_id = left_.id AND purpose = 'marketing'"
_VETOED = f"UPDATE reach SET suppressed_at = now() FROM (SELECT {CONTACT} AS id {_MANY} WHERE i %% 50 = 1) AS gone WHERE contact_id = gone.id"
_SCORES = (
    "INSERT INTO engagement_scores (contact_id, rules_no, workspace_id, s, human_signals, last_signal_at)"
    f" SELECT {CONTACT}, 1, %(workspace)s, log(2, (0.1 + "
    + _dice(400, 8)
    + " / 10.0)::numeric)::float8 + %(age)s, 5,"
    " now() - " + _dice(365, 9) + f" * interval '1 day' {_MANY} WHERE i %% 10 < 8"
)
_SIGNALS = (
    "INSERT INTO signals (event_id, workspace_id, contact_id, mailing_no, n, kind, link, at, verdict, reason)"
    f" SELECT gen_random_uuid(), %(workspace)s, {CONTACT}, {FIRST} + 1 + " + _dice(MAILINGS, 10) + ", i,"
    " CASE WHEN " + _dice(10, 11) + " < 7 THEN 'open' ELSE 'click' END, 0,"
    " now() - (k * 36 + " + _dice(36, 12) + ") * interval '1 day' - interval '1 hour',"
    " CASE WHEN " + _dice(10, 13) + " < 8 THEN 'human' ELSE 'machine' END, ''"
    f" {_MANY} CROSS JOIN generate_series(0, {SIGNALS_EACH - 1}) AS k"
)
_MESSAGES = (
    "INSERT INTO messages (mailing_no, n, workspace_id, contact_id, permission_id, reach_id, dedupe_key, state,"
    f" created_at, due_at, done_at) SELECT {FIRST} + k, i, %(workspace)s, {CONTACT}, {CONTACT}, {CONTACT}, {CONTACT}, 'sent', now(), now(),"
    f" now() - k * interval '20 days' {_MANY} CROSS JOIN generate_series(1, 3) AS k WHERE i %% 3 <> k %% 3"
)
_TABLES = ("contacts", "permissions", "reach", "engagement_scores", "signals", "messages")


def fill(where: Sender, built: House, people: int, say: Callable[[str], None]) -> None:
    """People with fields, scores, ten signals and two messages each."""
    with transaction():
        for label, kind, choices in _FIELDS:
            contacts.define_field(where.id, label, kind, choices=choices)
        age = (clock.now() - LANDMARK).total_seconds() / 86400 / HALF_LIFE_DAYS
    made = People(built.admin_url, say)
    made.fill(where.model, people)
    values = {"people": people, "workspace": where.id, "age": age}
    with psycopg.connect(built.admin_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("SELECT make_signal_month(now() - n * interval '28 days') FROM generate_series(0, 16) AS n")
        for statement in (_PROFILES, _LEFT, _VETOED, _SCORES, _SIGNALS, _MESSAGES):
            say(
                f"  {statement.split(' ')[0]} {statement.split(' ')[2]}: {connection.execute(statement, values).rowcount:,} rows"
            )
        for no in range(FIRST + 1, FIRST + MAILINGS + 1):
            connection.execute(
                "INSERT INTO mailings (id, no, workspace_id, kind, name, lane, purpose, channel, title, state, created_at)"
                " OVERRIDING SYSTEM VALUE VALUES (gen_random_uuid(), %s, %s, 'bulk', 'letter', 'bulk', 'marketing', 'email',"
                " 'Letter', 'done', now()) ON CONFLICT DO NOTHING",
                (no, where.id),
            )
    with psycopg.connect(built.admin_url, autocommit=True) as connection:
        for table in _TABLES:
            connection.execute(f"VACUUM ANALYZE {table}")


def _rule(field: str, op: str, **more: Any) -> dict[str, Any]:
    return {"field": field, "op": op, **more}


def _group(match: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"match": match, "rules": list(rules)}


def segments(interest: UUID) -> Iterator[tuple[str, dict[str, Any]]]:
    """Twenty that people make."""
    said_yes = _rule(f"consent.interest.{interest}", "is", value="yes")
    may = _rule("consent.reachable", "is", value="yes")
    german = _rule("contacts.language", "is", value="de")
    quiet = _rule("tracking.read", "did_not", days=90)
    clicked = _rule("tracking.click", "did", days=30)
    own = "contacts.field."
    yield "said yes", _group("all", said_yes)
    yield "may be mailed", _group("all", may)
    yield "German, may be mailed", _group("all", may, german)
    yield "asleep for 90 days", _group("all", may, quiet)
    yield "clicked in 30 days", _group("all", clicked)
    yield "opened 3 times in 180 days", _group("all", _rule("tracking.open", "at_least", times=3, days=180))
    yield "clicked twice ever", _group("all", _rule("tracking.click", "at_least", times=2))
    yield "never clicked", _group("all", _rule("tracking.click", "did_not"))
    yield "hot", _group("all", _rule("engagement.level", "is", value="hot"))
    yield "cold, may be mailed", _group("all", _rule("engagement.level", "is", value="cold"), may)
    yield (
        "score 50, no click",
        _group(
            "all",
            _rule("engagement.score", "at_least", value="50"),
            _rule("tracking.click", "did_not", days=60),
        ),
    )
    yield (
        "got one, did not open it",
        _group(
            "all",
            _rule("delivery.got", "did", of=str(FIRST + 1)),
            _rule("tracking.open", "did_not", of=str(FIRST + 1)),
        ),
    )
    yield (
        "any of four",
        _group(
            "any",
            clicked,
            _rule("engagement.level", "is", value="hot"),
            german,
            _rule(own + "brews", "contains", value="moka"),
        ),
    )
    yield (
        "none of three",
        _group(
            "none",
            clicked,
            _rule("engagement.level", "is", value="hot"),
            _rule("consent.reachable", "is", value="no"),
        ),
    )
    yield (
        "town and age",
        _group("all", _rule(own + "town", "is", value="köln"), _rule(own + "age", "at_least", value="40")),
    )
    yield "spent 250", _group("all", _rule(own + "spent", "at_least", value="250 EUR"), may)
    yield "domain", _group("all", _rule("contacts.domain", "ends_with", value="example.org"), said_yes)
    yield "new in 30 days", _group("all", _rule("contacts.created_at", "in_last", days=30))
    yield (
        "nested",
        _group(
            "all",
            may,
            _group("any", _rule(own + "country", "is", value="DE"), german),
            _group(
                "any",
                _rule("tracking.click", "at_least", times=2, days=365),
                _group(
                    "all",
                    _rule("engagement.score", "at_least", value="30"),
                    _group("none", quiet, _rule(own + "town", "contains", value="i")),
                ),
            ),
        ),
    )
    yield "ten rules", _group(
        "all", may, said_yes, _rule("contacts.email", "contains", value="person"), _rule("contacts.first_name", "is_not", value="zoë"),
        _rule(own + "age", "at_most", value="70"), _rule("engagement.last_signal", "in_last", days=300), _rule("delivery.got", "did"),
        _rule("tracking.open", "did", days=300), _rule("tracking.click", "did_not", days=10), _rule("consent.tracking", "is", value="individual"),
    )  # fmt: skip


def seconds(workspace_id: UUID, group: Group, *, is_sampled: bool = False) -> tuple[float, int]:
    """How long a count takes once its tables are warm (the slowest of three), and how many it finds.

    One that is stopped counts with the time after which it was, and finds -1.
    """
    took = []
    for _ in range(4):
        with transaction():
            began = time.monotonic()
            try:
                found = queries.count(workspace_id, group, is_sampled=is_sampled)
            except Unavailable:
                found = -1
            took.append(time.monotonic() - began)
    return max(took[1:]), found


def explain(workspace_id: UUID, group: Group, *, is_sampled: bool = False) -> str:
    """What PostgreSQL does."""
    with transaction():
        sql, values = queries.select_sql(workspace_id, group, is_sampled=is_sampled)
        with queries.planned():
            found = session().execute(
                text(f"EXPLAIN (ANALYZE, BUFFERS) SELECT count(*) FROM ({sql}) AS people"), values
            )
            return "\n".join(found.scalars())


@click.command()
@click.option("--people", default=100_000, show_default=True)
@click.option(
    "--plans-over", default=0.0, help="Show the plan of each that takes more seconds than this; 0: none."
)
def main(people: int, plans_over: float) -> None:
    """Count twenty segments."""
    logging.disable(logging.WARNING)
    with house() as built:
        where = sender()
        fill(where, built, people, click.echo)
        counted, shown = [], []
        for name, raw in segments(where.interest):
            with transaction():
                group = queries.read(where.id, raw)
            lasted, found = seconds(where.id, group)
            guessed, about = seconds(where.id, group, is_sampled=True)
            counted.append(lasted)
            shown.append(guessed if people >= sampling.FROM_PEOPLE else lasted)
            click.echo(f"  {name:30} {lasted * 1000:8.0f} ms {found:10,}; {guessed * 1000:8.0f} ms {about * ONE_IN:10,}")
            if plans_over and guessed > plans_over:
                click.echo(explain(where.id, group, is_sampled=True))
    found = {
        f"segment_p95_seconds_{people}": round(percentile(shown, 95), 3),
        f"segment_counted_p95_seconds_{people}": round(percentile(counted, 95), 3),
    }
    click.echo(json.dumps({**found, "machine": machine()}))


if __name__ == "__main__":
    main()
