"""Days that were kept outside betray what the ledger itself cannot; slices by processes find the same as one."""

from __future__ import annotations

import json

import psycopg
import pytest
from sqlalchemy import text

from app.consent import proofs, seals, service
from app.consent import verify as whole
from app.consent.rules import By
from app.kernel.db import session, transaction
from tests.evidence.conftest import mailed
from tests.support import make


@pytest.fixture
def where(live):
    return make.place()


@pytest.fixture
def kept(where, tmp_path):
    """Two people's history, sealed, signed, and the day kept outside."""
    for _ in range(2):
        who = make.person(where.id)
        make.confirmed(where, who)
    with transaction():
        service.stop_everything(where.id, who.id, by=By(), proof=service.Proof())
    seals.seal_now()
    seals.sign_day()
    return keep(where, tmp_path / "kept.json")


def keep(where, path):
    with transaction():
        days = [
            {"day": day.day.isoformat(), "seal": day.seal_no, "hash": day.seal_hash.hex()}
            for day in proofs.list_signatures(where.id)
        ]
    path.write_text(json.dumps({"workspace": str(where.id), "days": days}))
    return path


def rewrite(connection) -> None:
    """The operator, who has the key, writes history anew without the no, and signs it."""
    for table in ("consent_signatures", "consent_leaves", "consent_seals"):
        connection.execute(f"DELETE FROM {table}")
    gone = "(SELECT id FROM consent_events WHERE kind = 'objected')"
    connection.execute(f"DELETE FROM consent_personal WHERE event_id IN {gone}")
    connection.execute("DELETE FROM consent_events WHERE kind = 'objected'")
    connection.execute(
        "INSERT INTO consent_unsealed SELECT id, workspace_id, received_at FROM consent_events"
    )
    seals.seal_now()
    assert seals.sign_day() == 1


def test_history_and_signatures_written_anew_are_betrayed_by_a_kept_day(live, kept, superuser, tmp_path):
    runner = live.test_cli_runner()
    told = runner.invoke(args=["consent", "verify", "--days", str(kept)])
    assert told.exit_code == 0, told.output
    assert "1 signed days that are kept outside the ledger were compared" in told.output
    rewrite(superuser)
    assert runner.invoke(args=["consent", "verify"]).exit_code == 0, "the ledger alone cannot tell"
    told = runner.invoke(args=["consent", "verify", "--days", str(tmp_path)])
    assert told.exit_code == 1
    assert "the ledger does not lead to its seal" in told.output


def test_folders_of_exported_days_are_looked_into_by_themselves(live, kept, superuser, monkeypatch, tmp_path):
    monkeypatch.setattr("app.consent.witnesses._folders", [tmp_path])
    assert whole.verify().kept_days == 1
    rewrite(superuser)
    assert not whole.verify().holds


def test_a_file_that_holds_no_days_is_named(live, where, tmp_path):
    (tmp_path / "odd.json").write_text("[]")
    told = live.test_cli_runner().invoke(args=["consent", "verify", "--days", str(tmp_path / "odd.json")])
    assert told.exit_code == 1
    assert "odd.json: it holds no signed days" in told.output


@pytest.fixture
def many(where, monkeypatch):
    """Seals enough for several slices."""
    monkeypatch.setattr(whole, "SLICE_EVENTS", 4)
    for _ in range(6):
        make.confirmed(where, make.person(where.id))
        seals.seal_now()
    seals.sign_day()


CHANGES = (
    "UPDATE consent_events SET body = set_byte(body, 40, get_byte(body, 40) # 1)",
    "UPDATE consent_seals SET prev = set_byte(prev, 0, get_byte(prev, 0) # 1) WHERE no = 3",
    "DELETE FROM consent_seals WHERE no = 3",
    "DELETE FROM consent_seals WHERE no = 1",
    "DELETE FROM consent_leaves WHERE seal_no = 4",
    "UPDATE consent_leaves SET seal_no = 9 WHERE seal_no = 6",
    "UPDATE consent_leaves SET position = position + 7 WHERE seal_no = 2",
    "DELETE FROM consent_personal WHERE event_id = (SELECT max(event_id::text)::uuid FROM consent_personal)",
)


def test_slices_in_several_processes_find_what_one_process_finds(many, superuser):
    report = whole.verify(processes=2)
    assert report.holds, report.faults
    assert (report.events, report.seals) == (12, 6)
    assert whole.verify(processes=1).holds
    superuser.execute(CHANGES[0])
    assert sorted(whole.verify(processes=2).faults) == sorted(whole.verify(processes=1).faults) != []


def test_every_change_is_found_within_and_between_slices(many, superuser):
    tables = ("consent_personal", "consent_leaves", "consent_seals", "consent_events")
    for table in tables:
        superuser.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")
    for change in CHANGES:
        assert superuser.execute(change).rowcount > 0
        assert not whole.verify(processes=1).holds, change
        for table in tables:
            superuser.execute(f"DELETE FROM {table}")
            superuser.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
        assert whole.verify(processes=1).holds


def test_a_changed_mail_is_found(where, superuser):
    mailed(make.asked(where, make.person(where.id)))
    assert whole.verify().holds
    superuser.execute("UPDATE consent_mails SET locked = set_byte(locked, 20, get_byte(locked, 20) # 1)")
    assert "not the one that was sent" in whole.verify().faults[0]


def test_the_mails_are_append_only(live, where):
    mailed(make.asked(where, make.person(where.id)))
    session().commit()
    for act in (
        "UPDATE consent_mails SET workspace_id = workspace_id",
        "DELETE FROM consent_mails",
        "TRUNCATE consent_mails",
    ):
        with pytest.raises(Exception, match="permission denied"), transaction() as current:
            current.execute(text(act))
        with (
            psycopg.connect(live.config["NOD"].database_url, autocommit=True) as owner,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
        ):
            owner.execute(act)
