"""The sample shop: made by the real services, provable, and harmless."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.accounts import queries as accounts
from app.accounts import service as accounts_service
from app.consent.verify import verify
from app.demo import service
from app.demo.names import DOMAINS
from app.demo.rules import DAYS, Deed, plan
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.errors import Conflict
from tests.support import make

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PASSWORD = "four ferries cross at dawn"


def test_a_plan_is_the_same_for_a_seed_and_ends_now():
    first, again, other = (plan(60, NOW, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert list(first.acts) == sorted(first.acts)
    assert NOW - timedelta(days=DAYS) < first.acts[0].at < first.acts[-1].at < NOW


def test_nobody_is_planned_at_an_address_that_could_exist():
    people = plan(500, NOW, seed=3).people + plan(100, NOW, seed=4, first_number=500).people
    assert len({person.address for person in people}) == 600
    ends = (".example", ".example.org", ".example.net", ".example.com", "@example.org", "@example.net")
    assert all(person.address.isascii() and person.address.endswith(ends) for person in people)
    assert all(f"@{domain}".endswith(ends) for domain in DOMAINS)


def test_a_plan_knows_every_way_to_go():
    assert {act.deed for act in plan(600, NOW, seed=1).acts} == set(Deed)


def rows(statement):
    with transaction() as session:
        return session.execute(text(statement)).all()


@pytest.mark.slow
def test_the_shop_has_a_history_that_can_be_proven(live, count_statements):
    lines: list[str] = []
    with count_statements() as statements:
        done = service.load(40, seed=5, password=PASSWORD, tell=lines.append)
    assert len(statements) <= 40 * 100, "each person costs a bounded number of statements"
    assert sum(done.words.values()) == done.people == 40
    assert done.words["yes"] > 20
    assert len(lines) >= 12
    the_ledger_holds()
    all_of_it_lies_in_the_past_and_in_order()
    no_mail_waits_for_a_worker()
    loading_twice_is_refused_and_force_adds_others()
    the_ledger_holds()


def the_ledger_holds():
    with transaction():
        report = verify()
    assert report.holds, report.faults
    assert report.unsealed == 0
    days = rows("SELECT count(DISTINCT received_at::date) FROM consent_events")[0][0]
    assert report.signatures >= days > 20


def all_of_it_lies_in_the_past_and_in_order():
    first, last = rows("SELECT min(received_at), max(received_at) FROM consent_events")[0]
    with transaction():
        now = clock.now()
    assert timedelta(days=400) < now - first < timedelta(days=DAYS + 1)
    assert last <= now
    assert not rows(
        "SELECT FROM consent_events e JOIN consent_leaves l ON l.event_id = e.id JOIN consent_seals s"
        " ON s.workspace_id = l.workspace_id AND s.no = l.seal_no WHERE s.sealed_at < e.received_at"
    )
    assert not rows("SELECT FROM contacts WHERE created_at > now() OR name_folded = '' AND last_name <> ''")


def no_mail_waits_for_a_worker():
    states = dict(rows("SELECT state, count(*) FROM messages GROUP BY state"))
    assert set(states) == {"sent"}
    mailed, asked = (
        rows(f"SELECT count(*) FROM consent_events WHERE kind = '{kind}'")[0][0]
        for kind in ("doi_mail_sent", "requested")
    )
    assert mailed == asked


def loading_twice_is_refused_and_force_adds_others():
    with pytest.raises(Conflict, match="40 people"):
        service.load(5, seed=5, password=PASSWORD, tell=lambda _: None)
    more = service.load(5, seed=5, password=PASSWORD, tell=lambda _: None, force=True)
    assert sum(more.words.values()) == 45
    assert more.owner_email == ""


def test_a_workspace_that_stands_is_kept_as_it_is(live):
    where = make.place("Ostkai Coffee Roasters")
    done = service.load(3, seed=1, password=PASSWORD, tell=lambda _: None)
    assert (done.workspace, done.owner_email) == ("Ostkai Coffee Roasters", "")
    with transaction():
        assert [found.id for found in accounts.list_workspaces()] == [where.id]


@pytest.fixture
def command(live):
    return live.test_cli_runner()


def test_the_command_says_what_it_made_and_how_to_sign_in(live, command):
    answer = command.invoke(args=["demo", "load", "--people", "3"])
    assert answer.exit_code == 0, answer.output
    assert "Oxbow Coffee: 3 people" in answer.output
    *_, last = answer.output.strip().split()
    with transaction():
        browser = accounts_service.Browser(
            ip="192.0.2.1", user_agent="test", session_token="", device_token=""
        )
        assert accounts_service.sign_in(service.OWNER_EMAIL, last, browser, keep=False)
    again = command.invoke(args=["demo", "load"])
    assert again.exit_code == 1
    assert "--force" in again.output


def test_the_command_refuses_production(live, command, monkeypatch):
    from dataclasses import replace

    production = replace(live.config["NOD"], env="production", url="https://news.example.org")
    monkeypatch.setitem(live.config, "NOD", production)
    answer = command.invoke(args=["demo", "load"])
    assert answer.exit_code == 1
    assert "production" in answer.output
    assert rows("SELECT FROM contacts") == []
