"""Signed days go where the operator cannot change them: to a folder, a mailbox, a web address."""

from __future__ import annotations

import json
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select

from app.accounts import queries as accounts
from app.consent import proofs, seals
from app.delivery import mails as delivery_mails
from app.delivery.events import FinishedMessage, MessagesFinished
from app.delivery.models import Message
from app.delivery.rules import Prepared, SystemMessage
from app.evidence import exporting, queries, rules, service, verifier
from app.evidence.rules import TargetKind
from app.kernel import clock, events
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput
from tests.support import make, webhook


@pytest.fixture
def days(where):
    """Three signed days."""
    for day in range(3):
        clock.set_shift(day * 86400)
        make.asked(where, make.person(where.id))
        seals.seal_now()
        assert seals.sign_day() == 1
    return 3


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "_folder", tmp_path / "seals")
    return tmp_path / "seals"


def add(where, kind: TargetKind, address: str):
    with transaction():
        return service.add_target(where.id, kind, address, by=where.owner_id)


def days_of(where):
    return proofs.list_signatures(where.id)


def target(where, target_id):
    session().expire_all()
    found = queries.find_target(where.id, target_id)
    assert found is not None
    return found


def test_a_folder_gets_a_file_a_day_and_none_is_written_over(where, days, folder):
    target_id = add(where, TargetKind.FOLDER, "lawyer")
    exporting.export_due()
    place = folder / str(where.id) / "lawyer"
    names = sorted(path.name for path in place.iterdir())
    assert len(names) == 3
    kept, faults = verifier.read_days([place])
    assert (len(kept), faults) == (3, [])
    (place / names[0]).write_text("kept")
    with transaction():
        service.remove_target(where.id, target_id, by=where.owner_id)
    target_id = add(where, TargetKind.FOLDER, "lawyer")  # anew: every day goes there once more
    clock.set_shift(3 * 86400)
    make.asked(where, make.person(where.id))
    seals.seal_now()
    seals.sign_day()
    exporting.export_due()
    assert len(list(place.iterdir())) == 4
    assert (place / names[0]).read_text() == "kept"
    found = target(where, target_id)
    assert found.last_day == days_of(where)[-1].day
    assert found.faults == 0


def test_a_folder_that_cannot_be_written_is_tried_again_and_says_so(where, days, folder):
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file where the folder should be")
    target_id = add(where, TargetKind.FOLDER, "lawyer")
    exporting.export_due()
    found = target(where, target_id)
    assert (found.faults, found.last_day, bool(found.fault)) == (1, None, True)
    assert found.due_at - clock.now() > timedelta(seconds=50)
    folder.unlink()
    exporting.export_due()
    assert target(where, target_id).faults == 1, "not before its time"
    clock.set_shift(2 * 86400 + 61)
    exporting.export_due()
    found = target(where, target_id)
    assert (found.faults, found.fault, found.last_success_at is not None) == (0, "", True)


def test_a_web_address_gets_every_day_until_it_says_yes(where, days, tmp_path, monkeypatch):
    with webhook.hook(tmp_path, monkeypatch) as hook:
        hook.status = 503
        target_id = add(where, TargetKind.WEBHOOK, hook.url)
        for attempt in range(3):
            clock.set_shift(2 * 86400 + attempt * 86400)
            exporting.export_due()
        found = target(where, target_id)
        assert (found.faults, found.fault) == (3, "The server answered 503.")
        hook.status = 200
        clock.set_shift(6 * 86400)
        exporting.export_due()
        told = json.loads(hook.posts[-1][2])
        assert told["workspace"] == str(where.id)
        assert len(told["days"]) == 3
        (tmp_path / "posted.json").write_bytes(hook.posts[-1][2])
        assert verifier.read_days([tmp_path / "posted.json"])[1] == []
        assert target(where, target_id).last_day is not None
        exporting.export_due()
        clock.set_shift(7 * 86400)
        exporting.export_due()
        assert len(hook.posts) == 4, "what has arrived is not sent again"


def messages() -> list[Message]:
    session().expire_all()
    return list(session().execute(select(Message).order_by(Message.n)).scalars())


def end(where, message: Message, outcome: str) -> None:
    row = FinishedMessage(
        message.n, where.id, None, message.dedupe_key, outcome, "<m@x>", b"", "550 no such user" if outcome != "sent" else "250 ok", clock.now(),
    )  # fmt: skip
    with transaction():
        events.publish(MessagesFinished(message.mailing_no, "system", exporting.MAIL, (row,)))


def test_a_mailbox_gets_them_through_the_outbox(where, days, tmp_path):
    target_id = add(where, TargetKind.MAIL, "archive@lawyer.example")
    exporting.export_due()
    exporting.export_due()
    (message,) = messages()
    wish = SystemMessage(
        where.id, None, message.user_id, message.dedupe_key, message.data, message.created_at
    )
    made = delivery_mails.get(exporting.MAIL).prepare(wish)
    assert isinstance(made, Prepared)
    assert made.to == "archive@lawyer.example"
    assert made.content is not None
    between = made.content.text.split("-" * 20)[1]
    (tmp_path / "mail.json").write_text(between)
    kept, faults = verifier.read_days([tmp_path / "mail.json"])
    assert (len(kept), faults) == (3, [])
    end(where, message, "failed")
    found = target(where, target_id)
    assert (found.faults, found.fault) == (1, "550 no such user")
    clock.set_shift(3 * 86400)
    exporting.export_due()
    end(where, messages()[-1], "sent")
    assert len(messages()) == 2
    found = target(where, target_id)
    assert found.faults == 0
    assert found.last_success_at is not None
    assert found.last_day == days_of(where)[-1].day


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("folder", "../etc"), ("folder", "/etc"), ("folder", "a/b"), ("folder", ".."), ("folder", ""), ("folder", "a" * 81),
        ("mail", "nobody"), ("mail", "a@b@c"), ("webhook", "http://hooks.example/"), ("webhook", "https://u:p@hooks.example/"),
        ("webhook", "hooks.example"), ("webhook", "file:///etc/passwd"), ("webhook", "https://[::1"),
    ],
)  # fmt: skip
def test_a_place_that_is_none_is_refused_beside_its_field(kind, typed):
    with pytest.raises(BadInput) as refused:
        rules.address_of(TargetKind(kind), typed)
    assert refused.value.fields["address"]


def test_pauses_grow_and_end_growing():
    pauses = [rules.pause_after(faults) for faults in range(1, 10)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(minutes=1), timedelta(hours=12))


# --- The page ---------------------------------------------------------------------------------------------------


def test_the_page_adds_shows_and_removes_places(staff, where, days, folder):
    clock.set_shift(0)  # the days are ahead; the session would be over by then
    empty = unescape(staff.get("/settings/proof").text)
    assert "Signed days stay here so far" in empty
    key = staff.get("/proof/key").text.strip()
    assert key in empty
    assert staff.get("/proof/verifier.py").data == Path(verifier.__file__).read_bytes()
    assert len(json.loads(staff.get("/settings/proof/days.json").text)["days"]) == 3
    page = "/settings/proof"
    wrong = staff.post(page, page=page, kind="folder", address="../x")
    assert wrong.status_code == 422
    assert "Write one word" in wrong.text
    assert staff.post(page, page=page, kind="folder", address="lawyer").status_code == 303
    assert staff.post(page, page=page, kind="folder", address="lawyer").status_code == 409
    assert "Waiting" in staff.get(page).text
    exporting.export_due()
    shown = unescape(staff.get(page).text)
    assert "Up to date" in shown
    assert str(folder / str(where.id) / "lawyer") in shown
    (found,) = queries.list_targets(where.id)
    with transaction():
        exporting.missed(found.id, "The server answered 503.")
    shown = unescape(staff.get(page).text)
    assert "Not reached" in shown
    assert "The server answered 503." in shown
    assert staff.post(f"{page}/{found.id}/try", page=page).status_code == 303
    assert staff.post(f"{page}/{found.id}/remove", page=page).status_code == 303
    assert queries.list_targets(where.id) == []
    acts = [entry.act for entry in accounts.list_audit(where.id)][:2]
    assert acts == ["seals.target_removed", "seals.target_added"]


def test_ten_places_are_enough(staff, where):
    for number in range(10):
        add(where, TargetKind.FOLDER, f"place{number}")
    answer = staff.post("/settings/proof", page="/settings/proof", kind="folder", address="one-more")
    assert answer.status_code == 409
    assert "Ten places are enough" in answer.text
