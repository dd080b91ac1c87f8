"""The ledger: no right to change it, every changed byte found, erasure leaves a chain that verifies."""

from __future__ import annotations

import json
from itertools import product

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from app.consent import seals, service
from app.consent.ledger import canonical, leaf
from app.consent.rules import By, Level
from app.consent.seals import merkle_root
from app.consent.verify import verify
from app.contacts.models import Contact
from app.evidence import verifier
from app.kernel import clock
from app.kernel.db import db, session, transaction
from tests.conftest import grown
from tests.support import make
from tests.support.properties import ANY, examples

APPEND_ONLY = (
    "purposes", "consent_texts", "consent_events", "consent_personal", "consent_leaves", "consent_seals",
    "consent_signatures",
)  # fmt: skip


def _history() -> tuple[make.Place, list[Contact]]:
    where = make.place()
    people = [make.person(where.id) for _ in range(3)]
    for who in people:
        make.confirmed(where, who, tracking=Level.INDIVIDUAL)
    with transaction():
        service.stop_everything(where.id, people[0].id, by=By(), proof=service.Proof(ip="192.0.2.9"))
    assert seals.seal_now() == 7
    assert seals.sign_day() == 1
    return where, people


seed, world = grown(_history)


@pytest.fixture
def where(world, live):
    return world[0]


@pytest.fixture
def history(world, live):
    """Three people with some history, sealed and signed."""
    return world[1]


def read():
    session().expire_all()
    with transaction():
        return verify()


def test_an_untouched_ledger_holds(history):
    report = read()
    assert report.holds, report.faults
    assert (report.events, report.seals, report.signatures, report.unsealed) == (7, 1, 1, 0)


ACTS = ("UPDATE {0} SET workspace_id = workspace_id", "DELETE FROM {0}", "TRUNCATE {0} CASCADE")


def test_the_application_has_no_right_to_change_it(live):
    for table, act in product(APPEND_ONLY, ACTS):
        with db.engine.connect() as connection, pytest.raises(ProgrammingError, match=f"permission denied .*{table}"):
            connection.execute(text(act.format(table)))


def test_even_the_owner_of_the_tables_meets_a_trigger(live, history, servers):
    with psycopg.connect(live.config["NOD"].database_url, autocommit=True) as connection:
        for table, act in product(APPEND_ONLY, ACTS):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                connection.execute(act.format(table))


def test_the_erasing_mark_alone_opens_nothing(live, history):
    with db.engine.connect() as connection:
        connection.execute(text("SELECT set_config('nod.erasing', 'on', false)"))
        with pytest.raises(DBAPIError, match="permission denied"):
            connection.execute(text("DELETE FROM consent_personal"))


CHANGES = {
    "an event's body": "UPDATE consent_events SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE kind = 'objected'",
    "an event's kind": "UPDATE consent_events SET kind = 'confirmed' WHERE kind = 'objected'",
    "an event's time": "UPDATE consent_events SET received_at = received_at - interval '1 day' WHERE kind = 'objected'",
    "an event's person": (
        "UPDATE consent_events SET contact_id = (SELECT id FROM contacts ORDER BY id DESC LIMIT 1) WHERE kind = 'objected'"
    ),
    "an event removed": "DELETE FROM consent_events WHERE kind = 'objected'",
    "an event removed with its leaf": (
        "WITH gone AS (DELETE FROM consent_events WHERE kind = 'objected' RETURNING id) "
        "DELETE FROM consent_leaves WHERE event_id IN (SELECT id FROM gone)"
    ),
    "a personal byte": "UPDATE consent_personal SET body = set_byte(body, 20, get_byte(body, 20) # 1)",
    "a salt": "UPDATE consent_personal SET salt = set_byte(salt, 0, get_byte(salt, 0) # 1)",
    "a personal row removed": "DELETE FROM consent_personal",
    "a wording": "UPDATE consent_texts SET body = body || ' Also by phone.'",
    "a wording with its hash": (
        "UPDATE consent_texts SET body = 'Anything.', sha256 = sha256(convert_to('Anything.', 'UTF8')) WHERE id IN "
        "(SELECT (convert_from(body, 'UTF8')::jsonb #>> '{texts,0,id}')::uuid FROM consent_events)"
    ),
    "a seal's root": "UPDATE consent_seals SET root = set_byte(root, 0, get_byte(root, 0) # 1)",
    "a seal's hash": "UPDATE consent_seals SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1)",
    "a seal removed": "DELETE FROM consent_seals",
    "a seal and its leaves removed": "WITH gone AS (DELETE FROM consent_leaves) DELETE FROM consent_seals",
    "two leaves exchanged": (
        "UPDATE consent_leaves SET event_id = CASE position WHEN 0 THEN (SELECT event_id FROM consent_leaves WHERE position = 1) "
        "ELSE (SELECT event_id FROM consent_leaves WHERE position = 0) END WHERE position IN (0, 1)"
    ),
    "a signature": "UPDATE consent_signatures SET signature = set_byte(signature, 0, get_byte(signature, 0) # 1)",
    "a signed day": "UPDATE consent_signatures SET day = day - 1",
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_changed_byte_is_found(history, superuser, change):
    if "exchanged" in change:
        superuser.execute("ALTER TABLE consent_leaves DROP CONSTRAINT uq_consent_leaves_event_id")
    assert superuser.execute(CHANGES[change]).rowcount > 0
    assert not read().holds


def test_an_event_added_behind_the_seals_is_found(history, superuser):
    superuser.execute(
        "INSERT INTO consent_events SELECT gen_random_uuid(), workspace_id, contact_id, kind, request_id, received_at, "
        "commitment, body FROM consent_events LIMIT 1"
    )
    assert not read().holds


def test_a_whole_chain_written_anew_is_betrayed_by_the_signed_day(where, history, superuser):
    superuser.execute("DELETE FROM consent_leaves")
    superuser.execute("DELETE FROM consent_seals")
    superuser.execute(
        "DELETE FROM consent_personal WHERE event_id IN (SELECT id FROM consent_events WHERE kind = 'objected')"
    )
    superuser.execute("DELETE FROM consent_events WHERE kind = 'objected'")
    superuser.execute("INSERT INTO consent_unsealed SELECT id, workspace_id, received_at FROM consent_events")
    assert seals.seal_now() == 6
    report = read()
    assert [fault for fault in report.faults if "the seal it signed was changed" in fault]


def test_erasure_takes_the_person_and_the_chain_still_verifies(where, history):
    gone = history[0]
    with transaction():
        service.erase(where.id, gone.id, by=By("staff"))
    left = (
        session()
        .execute(text("SELECT count(*) FROM consent_personal WHERE contact_id = :who"), {"who": gone.id})
        .scalar_one()
    )
    assert left == 0
    assert seals.seal_now() == 1
    report = read()
    assert report.holds, report.faults
    assert report.erased_people == 1


def test_erasing_one_person_leaves_the_others(where, history):
    with transaction():
        service.erase(where.id, history[0].id, by=By("staff"))
    count = text("SELECT count(*) FROM consent_personal WHERE contact_id = :who")
    with transaction() as current:
        assert current.execute(count, {"who": history[1].id}).scalar_one() == 2


def test_the_erase_function_takes_only_an_erased_event_of_that_person(where, history):
    body = canonical({"kind": "withdrawn", "contact": str(history[0].id)})
    call = text("SELECT consent_erase(gen_random_uuid(), :workspace, :who, now(), :body)")
    values = {"workspace": where.id, "who": history[0].id}
    with pytest.raises(DBAPIError, match="takes an erased event"), transaction() as current:
        current.execute(call, {**values, "body": body})
    other = canonical({"kind": "erased", "contact": str(history[1].id)})
    with pytest.raises(DBAPIError, match="takes an erased event"), transaction() as current:
        current.execute(call, {**values, "body": other})


def test_sealing_goes_on_from_the_last_seal(where, history):
    make.asked(where, make.person(where.id))
    assert seals.seal_now() == 1
    assert seals.seal_now() == 0
    report = read()
    assert report.holds, report.faults
    assert report.seals == 2


def test_a_day_is_signed_once(where, history):
    assert seals.sign_day() == 0
    clock.set_shift(86400)
    assert seals.sign_day() == 1


def test_an_event_that_waits_for_its_seal_is_counted_with_its_age(where, history):
    make.asked(where, make.person(where.id))
    clock.set_shift(120)
    report = read()
    assert report.holds
    assert report.unsealed == 1
    assert 119 <= report.unsealed_seconds <= 130


def test_the_command_says_whether_it_holds(live, history, superuser):
    runner = live.test_cli_runner()
    told = runner.invoke(args=["consent", "verify"])
    assert told.exit_code == 0, told.output
    assert "7 events" in told.output
    assert "nothing was changed" in told.output
    superuser.execute("UPDATE consent_texts SET body = 'Forged.'")
    told = runner.invoke(args=["consent", "verify"])
    assert told.exit_code == 1
    assert "CHANGED" in told.output


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=40), st.data())
def test_a_root_binds_every_leaf_and_its_place(leaves, data):
    place = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.binary(min_size=32, max_size=32).filter(lambda found: found != leaves[place]))
    assert merkle_root(leaves) != merkle_root([*leaves[:place], other, *leaves[place + 1 :]])
    assert merkle_root(leaves) != merkle_root(leaves[:-1])


def test_canonical_bytes_do_not_depend_on_order():
    assert canonical({"b": 1, "a": "ä"}) == canonical({"a": "ä", "b": 1}) == '{"a":"ä","b":1}'.encode()
    assert json.loads(canonical({"a": "\u2028"})) == {"a": "\u2028"}
    assert canonical({"every": "".join(map(chr, range(0x250)))}) == verifier.canonical({"every": "".join(map(chr, range(0x250)))})


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(ANY),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(ANY), inner, max_size=4), max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(ANY), _VALUES, max_size=6))
@settings(max_examples=examples(100), deadline=None)
def test_whoever_verifies_without_us_comes_to_the_same_bytes(value):
    assert canonical(value) == verifier.canonical(value)


def test_a_leaf_is_what_it_is_said_to_be():
    assert len(leaf(b"")) == 32
