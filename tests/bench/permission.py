"""What permission costs: ``make bench-permission``. One function a figure; the last line is JSON."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import click
import psycopg
from sqlalchemy import text

from app.consent import queries
from app.consent.seals import seal_now
from app.kernel import clock
from app.kernel.db import session, transaction
from tests.bench import permission_flood, permission_forms, permission_ledger
from tests.bench.crowd import People
from tests.bench.house import House, house, sender
from tests.bench.report import machine


@dataclass(frozen=True)
class Bench:
    """Where it is measured, and how large."""

    house: House
    people: int
    say: Callable[[str], None]


# One in ten each: left, has a ground that has ended, complained.
_SOME = "(SELECT id FROM contacts WHERE name_folded LIKE '%{}')"
_LEFT = "UPDATE permissions SET state = 'no' WHERE purpose = 'marketing' AND contact_id IN " + _SOME.format(0)
_ENDED = (
    "UPDATE permissions SET valid_until = now() - interval '1 day' WHERE purpose = 'marketing' AND contact_id IN "
    + _SOME.format(1)
)
_COMPLAINED = (
    "UPDATE reach SET suppressed_at = now(), suppressed_reason = 'complaint' WHERE contact_id IN " + _SOME.format(2)
)


def gate(bench: Bench) -> dict[str, float]:
    """Seconds until the gate has answered for each of so many people: who may be written to, and how many why not.

    The slower of the two is the figure, the best of three (the first reads the tables from the disk).
    """
    where = sender()
    people = People(bench.house.admin_url, bench.say)
    people.fill(where.model, bench.people - 1)
    with psycopg.connect(bench.house.admin_url) as connection:
        for statement in (_LEFT, _ENDED, _COMPLAINED):
            connection.execute(statement)
    people.settle()
    audience, binds = queries.audience_sql([where.interest])
    counted = text(f"SELECT count(*) FROM ({audience}) AS audience")
    took = []
    for _ in range(3):
        with transaction():
            values = {"workspace_id": where.id, "now": clock.now(), **binds}
            began = time.monotonic()
            may = session().execute(counted, values).scalar_one()
            middle = time.monotonic()
            standings = queries.count_standings(where.id, [where.interest], values["now"])
            ended = time.monotonic()
        if standings["may"] != may or sum(standings.values()) != bench.people:
            raise click.ClickException(f"{may} are the audience, but the counts say {standings}.")
        bench.say(f"  who may be written to: {middle - began:.2f} s, how many and why not: {ended - middle:.2f} s")
        took.append(max(middle - began, ended - middle))
    return {f"gate_seconds_{bench.people}": round(min(took), 2)}


def ledger(bench: Bench) -> dict[str, float]:
    """Events that ``flask consent verify`` checks in a second, and seconds until a person's evidence is on paper."""
    where = sender()
    seal_now(where.id)
    bench.say(f"  {bench.people:,} events are written")
    permission_ledger.fill_ledger(bench.house.admin_url, where.id, bench.people)
    rate = max(permission_ledger.verify_events_per_second() for _ in range(2))
    seconds = permission_ledger.evidence_seconds(where.id, where.model)
    bench.say(f"  verified: {rate:,.0f} events a second; a person's evidence on paper: {seconds:.2f} s")
    return {"evidence_seconds": round(seconds, 2), "verify_events_per_second": round(rate)}


def forms(bench: Bench) -> dict[str, float]:
    """Posts that forms take in a second, and seconds from a post to the accepted question at 50 posts a second."""
    rate = permission_forms.form_posts_per_second(bench.house, say=lambda words: bench.say(f"  {words}"))
    delays = permission_forms.confirmation_seconds(bench.house, say=lambda words: bench.say(f"  {words}"))
    return {
        "form_posts_per_second": round(rate, 1),
        "confirmation_p50_seconds": round(delays.p50, 3),
        "confirmation_p99_seconds": round(delays.p99, 3),
    }


def flood(bench: Bench) -> dict[str, float]:
    """The same seconds while a mailing to 200,000 goes out."""
    delays = permission_flood.confirmation_seconds_beside(bench.house, say=lambda words: bench.say(f"  {words}"))
    return {"flood_p50_seconds": round(delays.p50, 3), "flood_p99_seconds": round(delays.p99, 3)}


FIGURES: dict[str, Callable[[Bench], dict[str, float]]] = {
    "gate": gate, "ledger": ledger, "forms": forms, "flood": flood,
}  # fmt: skip
"""What can be measured, by name; each in an installation of its own."""


@click.command()
@click.option("--only", multiple=True, type=click.Choice(sorted(FIGURES)), help="Some of the figures.")
@click.option("--people", default=1_000_000, show_default=True,
    help="Over how many people the gate is asked, and how many events are verified: a multiple of a hundred.",
)  # fmt: skip
def main(only: tuple[str, ...], people: int) -> None:
    """Measure what permission costs on this machine."""
    figures: dict[str, float] = {}
    logging.disable(logging.WARNING)
    for name in only or FIGURES:
        click.echo(f"{name}:")
        with house() as built:
            figures |= FIGURES[name](Bench(built, people, click.echo))
    click.echo(json.dumps({**figures, "machine": machine()}))


if __name__ == "__main__":
    main()
