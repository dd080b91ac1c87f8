"""What is shown of letters that went to many: ``make bench-content``. The last line is JSON."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from flask import current_app
from flask.testing import FlaskClient
from sqlalchemy import event, text

from app.accounts import queries as accounts
from app.content import service as content
from app.kernel.db import db, session, transaction
from tests.bench import mailed
from tests.bench.asking import percentile
from tests.bench.house import House, Sender, house, sender
from tests.bench.report import machine
from tests.support import make
from tests.support.accounts import Account, csrf_of, sign_in

Say = Callable[[str], None]
TIMES = 50
WARM = 3
SLOW_MS = 5.0
"""Statements that take longer are named."""


def report(built: House, size: int, say: Say) -> dict[str, float]:
    """The report of a mailing to so many, asked for by somebody who is signed in."""
    where = sender()
    made = mailed.campaign(where)
    mailed.fill(built, where, made, size, say)
    asks = _signed_in(where)
    path = f"/campaigns/{made.id}/report"
    for _ in range(WARM):
        asks(path)
    took = [asks(path) for _ in range(TIMES)]
    with _statements() as lasted:
        asks(path)
    for statement, milliseconds in sorted(lasted, key=lambda one: -one[1]):
        if milliseconds >= SLOW_MS:
            say(f"  {milliseconds:8.1f} ms  {' '.join(statement.split())[:150]}")
    say(f"  {len(lasted)} statements; the page: median {percentile(took, 50):.0f} ms, slowest {max(took):.0f} ms")
    return {"report_p95_ms": round(percentile(took, 95), 1)}


def preview(_built: House, _size: int, say: Say) -> dict[str, float]:
    """From a word that is written to the mail with it: it is posted, and the mail asked for. What the page says of it follows."""
    where = sender()
    with transaction():
        made = content.create_letter(where.id, "November", design="digest")
        revision = made.revision
    client, path = _client(where), f"/letters/{made.id}"
    token = csrf_of(client.get(path).text)
    took: dict[str, list[float]] = {"kept": [], "seen": [], "told": []}
    accept = {"Accept": "application/json"}
    for number in range(WARM + TIMES):
        # Each change is one more revision.
        form = {"csrf": token, "revision": str(revision + number), "back": "", "filled": "1", "v-text": f"November, part {number}"}
        for step, answer in (
            ("kept", lambda form=form: client.post(f"{path}/blocks/b2", data=form, headers=accept)),
            ("seen", lambda: client.get(f"{path}/preview?marks=1")),
            ("told", lambda: client.get(f"{path}?block=b2")),
        ):
            began = time.monotonic()
            told = answer()
            took[step].append(1000 * (time.monotonic() - began))
            if told.status_code != 200:
                raise RuntimeError(f"{path} answered {told.status_code}.")
    whole = [kept + seen for kept, seen in zip(took["kept"], took["seen"], strict=True)][WARM:]
    for step, lasted in took.items():
        say(f"  {step}: median {percentile(lasted[WARM:], 50):.0f} ms, slowest {max(lasted[WARM:]):.0f} ms")
    say(f"  from the word to the mail with it: median {percentile(whole, 50):.0f} ms, slowest {max(whole):.0f} ms")
    return {"preview_p95_ms": round(percentile(whole, 95), 1)}


def _signed_in(where: Sender) -> Callable[[str], float]:
    """Asks for a page as the workspace's owner; milliseconds."""
    client = _client(where)

    def ask(path: str) -> float:
        began = time.monotonic()
        answer = client.get(path)
        took = 1000 * (time.monotonic() - began)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}.")
        return took

    return ask


def _client(where: Sender) -> FlaskClient:
    """A browser in which the workspace's owner is signed in."""
    with transaction():
        owner = accounts.list_members(where.id)[0]
        address = session().execute(text("SELECT email FROM users WHERE id = :id"), {"id": owner.user_id}).scalar_one()
    client = current_app.test_client()
    sign_in(client, Account(owner.user_id, where.id, address, make.PASSWORD))
    return client


@contextmanager
def _statements() -> Iterator[list[tuple[str, float]]]:
    """Every statement with its milliseconds."""
    lasted: list[tuple[str, float]] = []
    began: list[float] = []

    def before(*_: object) -> None:
        began.append(time.monotonic())

    def after(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        lasted.append((statement, 1000 * (time.monotonic() - began.pop())))

    event.listen(db.engine, "before_cursor_execute", before)
    event.listen(db.engine, "after_cursor_execute", after)
    try:
        yield lasted
    finally:
        event.remove(db.engine, "before_cursor_execute", before)
        event.remove(db.engine, "after_cursor_execute", after)


PARTS: dict[str, Callable[[House, int, Say], dict[str, float]]] = {"preview": preview, "report": report}


@click.command()
@click.option("--only", type=click.Choice(sorted(PARTS)), multiple=True, help="Some of the figures.")
@click.option("--people", default=1_000_000, show_default=True, help="How many people got the letter.")
def main(only: tuple[str, ...], people: int) -> None:
    """Measure what showing letters and their reports costs on this machine."""
    logging.disable(logging.WARNING)
    figures: dict[str, float] = {}
    for name, part in PARTS.items():
        if not only or name in only:
            click.echo(f"{name}, {people:,}:")
            with house() as built:
                figures |= part(built, people, click.echo)
    click.echo(json.dumps({**figures, "machine": machine()}))


if __name__ == "__main__":
    main()
