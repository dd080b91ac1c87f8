"""What people cost by the million: ``make bench-people``. Files, signals, segments, search; the last line is JSON."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable

import click
import psycopg

from app.kernel.db import transaction
from app.people import queries as people_queries
from app.people.queries import Search
from app.segments import queries as segment_queries
from tests.bench import importing, segments, track
from tests.bench.asking import percentile
from tests.bench.crowd import People
from tests.bench.house import House, house, sender
from tests.bench.readers import sent_to
from tests.bench.report import machine

Say = Callable[[str], None]
CONNECTIONS = 64
_SEARCH_INDEXES = (
    "CREATE INDEX IF NOT EXISTS ix_contacts_search ON contacts USING gin (name_folded gin_trgm_ops)",
    "CREATE INDEX IF NOT EXISTS ix_addresses_search ON addresses USING gin (key gin_trgm_ops)",
)
_TYPED = ("mar", "person 77", "person 7771", "zoe", "123456@", "letters.ex", "son.999999", "łukasz person 1", "nobody here", "saoirse")


def files(built: House, size: int, say: Say) -> dict[str, float]:
    """A file of so many new people, of known ones, and half as many with a permission each."""
    return importing.measure(built, size, say)


def signals(built: House, _size: int, say: Say) -> dict[str, float]:
    """Pictures and links over 64 connections, then what is taken in."""
    answered = track.endpoint(built, sent_to(built, 20_000, lambda _: None), 10.0, CONNECTIONS, say)
    return {
        "track_requests_per_second": round(answered.count / answered.seconds),
        "track_p99_ms": round(answered.p99_ms, 1),
        "ingest_signals_per_second": round(track.ingest(sent_to(built, 20_000, lambda _: None), 5, say)),
    }


def counted(built: House, size: int, say: Say) -> dict[str, float]:
    """Twenty segments over so many people with ten signals each; 95 of 100."""
    where, took = sender(), []
    segments.fill(where, built, size, say)
    for name, raw in segments.segments(where.interest):
        with transaction():
            group = segment_queries.read(where.id, raw)
        lasted, found = segments.seconds(where.id, group)
        took.append(lasted)
        say(f"  {name:30} {lasted * 1000:8.0f} ms {found:10,}")
    return {f"segment_p95_seconds_{size}": round(percentile(took, 95), 3)}


def search(built: House, size: int, say: Say) -> dict[str, float]:
    """The first page of people for what somebody types; the slowest of three for each, 95 of 100."""
    where, took = sender(), []
    crowd = People(built.admin_url, say)
    crowd.fill(where.model, size - 1)
    with psycopg.connect(built.admin_url) as connection:
        for statement in _SEARCH_INDEXES:
            connection.execute(statement)
    crowd.settle()
    for typed in _TYPED:
        lasted = []
        for _ in range(4):
            with transaction():
                began = time.monotonic()
                page = people_queries.list_people(where.id, Search(typed))
                lasted.append(time.monotonic() - began)
        took.append(max(lasted[1:]))
        say(f"  {typed:20} {took[-1] * 1000:6.0f} ms, {len(page.rows)} on the first page")
    return {"search_p95_ms": round(percentile(took, 95) * 1000)}


PARTS: dict[str, Callable[[House, int, Say], dict[str, float]]] = {
    "files": files, "signals": signals, "segments": counted, "search": search,
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
        sizes = sorted({min(people, 100_000), people}) if name == "segments" else [people]
        for size in sizes:
            click.echo(f"{name}, {size:,}:")
            with house() as built:
                figures |= part(built, size, click.echo)
    click.echo(json.dumps({**figures, "machine": machine()}))


if __name__ == "__main__":
    main()
