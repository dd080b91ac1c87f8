"""What people cost by the million: ``make bench-people``. Files, signals, and answers; the last line is JSON."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

import click
import psycopg

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.kernel import clock, sampling
from app.kernel.db import transaction
from app.kernel.paging import Page
from app.kernel.sampling import Guess
from app.merging import queries as merging
from app.merging.queries import Double
from app.people import bulk, bulk_slices
from app.people import queries as people_queries
from app.people.bulk import What, Whom
from app.people.queries import Search
from app.people.rules import ActKind
from app.segments import queries as segment_queries
from tests.bench import growth, importing, segments, targets, track
from tests.bench.asking import percentile
from tests.bench.crowd import People
from tests.bench.house import House, Sender, house, sender
from tests.bench.readers import crowd, sent_to
from tests.bench.report import machine

Say = Callable[[str], None]
Act = Callable[[], object]
CONNECTIONS = 64
READERS = 20_000
TAGGED = 100_000
GROWTH = (10_000, 100_000)
"""Beside all people, so that it shows how answers grow."""
_SEARCH_INDEXES = (
    "CREATE INDEX IF NOT EXISTS ix_contacts_search ON contacts USING gin (name_folded gin_trgm_ops)",
    "CREATE INDEX IF NOT EXISTS ix_addresses_search ON addresses USING gin (key gin_trgm_ops)",
)
_PHONES = (
    "UPDATE contacts SET fields = jsonb_build_object('phone', '+49 431 ' || (5000000 + n))"
    " FROM (SELECT id AS of, row_number() OVER (ORDER BY id) AS n FROM contacts) AS o WHERE o.of = contacts.id"
)
# Every thousandth shares the telephone number, and every thousandth the mailbox, of the one before.
_DOUBLES = (
    (
        "UPDATE contacts SET fields = o.before FROM (SELECT id AS of, lag(fields) OVER (ORDER BY id) AS before,"
        " row_number() OVER (ORDER BY id) AS n FROM contacts) AS o WHERE o.of = contacts.id AND o.n % 1000 = 7"
    ),
    (
        "UPDATE addresses a SET folded = o.before FROM (SELECT id AS of, lag(folded) OVER (ORDER BY id) AS before,"
        " row_number() OVER (ORDER BY id) AS n FROM addresses) AS o WHERE o.of = a.id AND o.n % 1000 = 3"
    ),
)
_TYPED = ("mar", "person 77", "person 7771", "zoe", "123456@", "letters.ex", "son.999999", "łukasz person 1", "nobody here", "saoirse")


def files(built: House, size: int, say: Say) -> dict[str, float]:
    """A file of so many new people, of known ones, and half as many with a permission each."""
    return importing.measure(built, size, say)


def signals(built: House, size: int, say: Say) -> dict[str, float]:
    """Pictures and links over 64 connections, then what is taken in; of a letter to 20,000 at most."""
    readers = min(size, READERS)
    seconds = 10.0 if readers == READERS else 0.5
    where = crowd(built, readers, _quiet)
    answered = track.endpoint(built, sent_to(built, where, readers), seconds, CONNECTIONS, say)
    return {
        "track_requests_per_second": round(answered.count / answered.seconds),
        "track_p99_ms": round(answered.p99_ms, 1),
        "ingest_signals_per_second": round(track.ingest(built, sent_to(built, where, readers), 5, say)),
    }


def answers(built: House, size: int, say: Say) -> dict[str, float]:
    """What is asked while somebody looks: twenty segments, ten searches, the list; over so many people with ten signals each."""
    where = sender()
    segments.fill(where, built, size, say)
    with psycopg.connect(built.admin_url, autocommit=True) as connection:
        for statement in _SEARCH_INDEXES:
            connection.execute(statement)
        connection.execute("VACUUM ANALYZE contacts, addresses")
    _sizes(built, say)
    found = _segments(where, say)
    for name, ask in (("search_p95_ms", _searches(where)), ("list_ms", [("the list", lambda: _list(where))])):
        took = []
        for typed, act in ask:
            took.append(_slowest(act))
            say(f"  {typed:30} {took[-1] * 1000:8.1f} ms")
        found[name] = round(percentile(took, 95) * 1000, 1)
    return {f"{name}_{size}": value for name, value in found.items()} | {"search_p95_ms": found["search_p95_ms"]}


_SIZES = (
    "SELECT coalesce(p.inhparent, c.oid)::regclass::text, sum(pg_table_size(c.oid)), sum(pg_indexes_size(c.oid))"
    " FROM pg_class c LEFT JOIN pg_inherits p ON p.inhrelid = c.oid WHERE c.relkind = 'r'"
    " GROUP BY 1 HAVING sum(pg_total_relation_size(c.oid)) > 10000000 ORDER BY 2 DESC"
)


def _sizes(built: House, say: Say) -> None:
    with psycopg.connect(built.admin_url) as connection:
        for table, rows, indexes in connection.execute(_SIZES):
            say(f"  {table:30} {rows / 10**6:8,.0f} MB and {indexes / 10**6:,.0f} MB of indexes")


def tags(built: House, size: int, say: Say) -> dict[str, float]:
    """A tag put on everybody found, and taken back; of 100,000 at most."""
    where = crowd(built, min(size, TAGGED), _quiet)
    with transaction():
        owner = accounts.list_members(where.id)[0].user_id
        act_id = bulk.start(where.id, What(ActKind.PUT_ON, "VIP"), Whom(search=Search(), words="everybody"), by=owner)
    put_on = _rate(act_id, min(size, TAGGED))
    with transaction():
        bulk.undo(where.id, act_id, by=owner)
    taken_back = _rate(act_id, min(size, TAGGED))
    say(f"  put on {put_on:,}, taken back {taken_back:,} a second")
    return {"tags_put_on_per_second": put_on, "tags_taken_back_per_second": taken_back}


def _rate(act_id: UUID, people: int) -> int:
    """Slice by slice, as the job does them; people a second."""
    began, more = time.monotonic(), True
    while more:
        with transaction():
            more = bulk_slices.go_on(act_id)
    return round(people / (time.monotonic() - began))


def _segments(where: Sender, say: Say) -> dict[str, float]:
    """What is shown while somebody writes: of many people what a sample says, which is compared with counting them all."""
    shown, counted = [], []
    is_sampled = segment_queries.count_everybody(where.id) >= sampling.FROM_PEOPLE
    for name, raw in segments.segments(where.interest):
        with transaction():
            group = segment_queries.read(where.id, raw)
        lasted, count = segments.seconds(where.id, group)
        counted.append(lasted)
        words = f"{lasted * 1000:8.0f} ms {count:10,}"
        if is_sampled:
            lasted, hits = segments.seconds(where.id, group, is_sampled=True)
            guess = Guess(hits).words if hits >= 0 else "stopped"
            words = f"{lasted * 1000:8.0f} ms {guess:>18}; counted: {words}"
        shown.append(lasted)
        say(f"  {name:30} {words}")
    return {
        "segment_p95_seconds": round(percentile(shown, 95), 3),
        "segment_counted_p95_seconds": round(percentile(counted, 95), 3),
    }


def _searches(where: Sender) -> list[tuple[str, Act]]:
    return [(typed, partial(people_queries.list_people, where.id, Search(typed))) for typed in _TYPED]


def _list(where: Sender) -> None:
    """What the page of people asks, before what it asks for afterwards."""
    people_queries.list_people(where.id, Search())
    consent.counts_at_hand(where.id, clock.now())


def _slowest(act: Act) -> float:
    """Of three, once the tables are warm; in seconds."""
    lasted = []
    for _ in range(4):
        with transaction():
            began = time.monotonic()
            act()
            lasted.append(time.monotonic() - began)
    return max(lasted[1:])


def doubles(built: House, size: int, say: Say) -> dict[str, float]:
    """Pages of probable doubles among so many, of whom one in a thousand has one; and where nobody has any."""
    where = sender()
    crowd = People(built.admin_url, say)
    crowd.fill(where.model, size - 1)
    with psycopg.connect(built.admin_url) as connection:
        connection.execute(_PHONES)
    crowd.settle()
    figures = {f"no_doubles_{name}": took for name, took in _pages(where.id, say, "none").items()}
    with psycopg.connect(built.admin_url) as connection:
        for statement in _DOUBLES:
            say(f"  {connection.execute(statement).rowcount:,} doubles")
    crowd.settle()
    return figures | {f"doubles_{name}": took for name, took in _pages(where.id, say, "one in a thousand").items()}


def _pages(workspace_id: UUID, say: Say, what: str) -> dict[str, float]:
    """The slowest of three first pages, and of all pages that follow, in milliseconds."""
    first, later = [], [0.0]
    for _ in range(4):
        page, took = _page(workspace_id, "")
        first.append(took)
    found = len(page.rows)
    while page.next_cursor:
        page, took = _page(workspace_id, page.next_cursor)
        later.append(took)
        found += len(page.rows)
    say(f"  {what}: {found:,} groups, first page {max(first[1:]):.0f} ms, later ones up to {max(later):.0f} ms")
    return {"first_page_ms": round(max(first[1:])), "later_page_ms": round(max(later))}


def _page(workspace_id: UUID, cursor: str) -> tuple[Page[Double], float]:
    with transaction():
        began = time.monotonic()
        page = merging.list_doubles(workspace_id, cursor)
        return page, (time.monotonic() - began) * 1000


PARTS: dict[str, Callable[[House, int, Say], dict[str, float]]] = {
    "files": files, "signals": signals, "tags": tags, "answers": answers, "doubles": doubles,
}  # fmt: skip


@click.command()
@click.option("--only", type=click.Choice(sorted(PARTS)), multiple=True, help="Some of the figures.")
@click.option("--people", default=1_000_000, show_default=True, help="How many people, and rows of a file.")
def main(only: tuple[str, ...], people: int) -> None:
    """Measure what people cost on this machine."""
    logging.disable(logging.WARNING)
    figures: dict[str, float] = {}
    for name, part in PARTS.items():
        if only and name not in only:
            continue
        sizes = sorted({min(people, size) for size in (*GROWTH, people)}) if name == "answers" else [people]
        for size in sizes:
            click.echo(f"{name}, {size:,}:")
            with house() as built:
                figures |= part(built, size, click.echo)
    if not only or "answers" in only:
        click.echo(growth.drawn(figures))
    click.echo(targets.table(figures))
    click.echo(json.dumps({**figures, "machine": machine()}))


def _quiet(_words: str) -> None:
    """Making people is no part of what is measured."""


if __name__ == "__main__":
    main()
