"""Workers beside each other, and a check that tells what taking does; those that die are ``tests/faults/g15_imports.py``."""

from __future__ import annotations

import threading
import time
from uuid import UUID

import psycopg
from flask import current_app
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.contacts import service as contacts_service
from app.contacts.addresses import normalise
from app.imports import service, staging, taking
from app.imports.models import Import
from app.imports.rules import Known, Plan
from app.kernel.db import session, transaction
from tests.support import make
from tests.support.properties import examples


def begin(where, content: bytes, plan: Plan) -> UUID:
    import io

    with transaction():
        import_id = service.upload(where.id, "people.csv", io.BytesIO(content), by=where.owner_id)
        service.start_reading(where.id, import_id, plan)
    return import_id


def test_somebody_who_signs_up_in_between_is_not_made_twice(live):
    where = make.place()
    import_id = begin(where, b"email\nmara@example.org\nben@example.org\n", Plan(("email",)))
    assert staging.read_some(import_id, time.monotonic() + 9)
    staging.check(import_id)
    with transaction():
        service.take(where.id, import_id, by=where.owner_id)
    app = current_app._get_current_object()

    def take() -> None:
        with app.app_context():
            while taking.take_one(import_id):
                pass

    worker = threading.Thread(target=take)
    with transaction():
        # Signed up and not committed: the slice does not see them, and waits at their address.
        contacts_service.find_or_make(where.id, normalise("ben@example.org"))
        worker.start()
        wait_for_a_lock()
    worker.join(20)
    assert taking.finish(import_id)
    assert taking.counts_of(import_id) == {"new": 1, "unchanged": 1}
    assert session().execute(text("SELECT count(*) FROM contacts")).scalar_one() == 2


def test_a_reader_that_was_taken_for_dead_touches_nothing_that_is_being_taken(live, monkeypatch):
    where = make.place()
    monkeypatch.setattr(staging, "TAKE_AT_ONCE", 1)
    import_id = begin(where, b"email\nmara@example.org\nben@example.org\n", Plan(("email",), Known.SKIP))
    assert staging.read_some(import_id, time.monotonic() + 9)
    staging.check(import_id)
    with transaction():
        service.take(where.id, import_id, by=where.owner_id)
    assert taking.take_one(import_id)
    staging.check(import_id)
    while taking.take_one(import_id):
        pass
    assert taking.counts_of(import_id) == {"new": 2}
    assert session().execute(text("SELECT count(*) FROM import_rows WHERE fault IS NOT NULL")).scalar_one() == 0


def wait_for_a_lock() -> None:
    waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    until = time.monotonic() + 20
    with psycopg.connect(current_app.config["NOD"].database_url, autocommit=True) as connection:
        while connection.execute(waits).fetchone() is None:
            assert time.monotonic() < until, "nobody waits"
            time.sleep(0.02)


CELLS = st.sampled_from(["", "Ann", "Ben", "Żoë"])
ROWS = st.lists(
    st.tuples(st.sampled_from(["a@x.org", "A@x.org", "b@x.org", "c@x.org", "no", "", "d@x.org", "e@x.org"]), CELLS, CELLS, st.sampled_from(["", "1", "2.50", "x"])),
    max_size=12,
)  # fmt: skip


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=ROWS, rows=ROWS, known=st.sampled_from(list(Known)))
def test_a_check_tells_what_taking_does(session, before, rows, known):
    """Against a plain account of the same rows: first come first served by key, typed cells, nothing taken away."""
    where = make.place()
    with transaction():
        contacts_service.define_field(where.id, "Size", "number", key="size")
    people: dict[str, dict[str, str]] = {}
    for given_rows, way in ((before, Known.UPDATE), (rows, known)):
        wanted = account(people, given_rows, way)
        import_id = bring(where, given_rows, way)
        with transaction():
            checked = dict(session.get(Import, import_id).checked)
        taken = taking.counts_of(import_id)
        assert {word: n for word, n in checked.items() if word in {"new", "changed", "unchanged"}} == taken
        assert sum(checked.values()) == sum(1 for row in given_rows if any(row))
        assert taken == wanted
    found = session.execute(
        text(
            "SELECT a.key, c.first_name, c.last_name, coalesce(c.fields->>'size', '') FROM contacts c"
            " JOIN addresses a ON a.contact_id = c.id WHERE c.workspace_id = :id"
        ),
        {"id": where.id},
    )
    assert {key: tuple(rest) for key, *rest in found} == {key: tuple(one.values()) for key, one in people.items()}


def bring(where, rows, known: Known) -> UUID:
    lines = "".join(",".join(row) + "\n" for row in rows)
    import_id = begin(where, f"email,first,last,size\n{lines}".encode(), Plan(("email", "first_name", "last_name", "field:size"), known))
    assert staging.read_some(import_id, time.monotonic() + 9)
    staging.check(import_id)
    with transaction():
        service.take(where.id, import_id, by=where.owner_id)
    while taking.take_one(import_id):
        pass
    assert taking.finish(import_id)
    return import_id


def account(people: dict[str, dict[str, str]], rows, known: Known) -> dict[str, int]:
    counts: dict[str, int] = {}
    seen: set[str] = set()
    for email, first, last, size in rows:
        key = email.lower()
        if "@" not in key or size == "x" or key in seen:
            continue
        seen.add(key)
        told = {"first": first, "last": last, "size": size}
        if key not in people:
            people[key], verdict = told, "new"
        elif known is Known.SKIP:
            continue
        else:
            old = people[key]
            if known is Known.UPDATE:
                new = {name: told[name] or old[name] for name in old}
            else:
                new = {name: old[name] or told[name] for name in old}
            verdict = "unchanged" if new == old else "changed"
            people[key] = new
        counts[verdict] = counts.get(verdict, 0) + 1
    return counts
