"""A no that was said elsewhere comes with the file, and stays."""

from __future__ import annotations

import pytest

from app.consent import history, queries
from app.consent.queries import suppressed
from app.consent.rules import Reason
from app.evidence import document, telling
from app.imports import jobs, rules
from app.kernel import clock
from app.kernel.db import session
from tests.imports.test_importing import claimed, person
from tests.support import make

MAILCHIMP = (
    '"Email Address","First Name","OPTIN_TIME","OPTIN_IP","UNSUB_TIME","UNSUB_REASON"\n'
    'mara@example.org,Mara,2024-05-01 08:00:00,192.0.2.1,2025-02-03 10:00:00,"No longer interested"\n'
    "ben@example.org,Ben,2024-05-01 08:00:00,192.0.2.2,,\n"
)


def is_never(where, who) -> bool:
    session().expire_all()
    return queries.find_reach(where.id, who.id).suppressed_reason == "never"


def test_an_unsubscribed_row_brings_nobody_in_and_is_kept_as_a_no(staff, where):
    counts = staff.bring(MAILCHIMP, **claimed(where))
    assert counts == {"new": 1, "said no, as the file tells": 1, "yes": 1}
    assert person(where, "mara@example.org") is None
    again = staff.bring("email\nmara@example.org\n", **claimed(where))
    assert again == {"must not be written to": 1}, "no later file revives it"


def test_a_known_person_of_whom_the_file_tells_a_no_is_written_to_no_more(staff, where):
    mara = make.person(where.id, "mara@example.org", "Mara")
    make.confirmed(where, mara)
    url = staff.give("email,first name,status\nMARA@example.org,Other,blocklisted\n")
    staff.check(url)
    page = " ".join(staff.get(url).text.split())
    assert "The file says no for 1 person." in page
    assert "Take what the file says" in page.partition("What would happen")[2], "a file of nothing else can be taken, too"
    assert not is_never(where, mara), "a check changes nothing"
    staff.take(url)
    assert is_never(where, mara)
    assert person(where, "mara@example.org").first_name == "Mara"
    assert staff.post(f"{url}/undo", page=url).status_code == 303
    jobs.run()
    session().expire_all()
    assert staff.found(url).state == "undone"
    assert is_never(where, mara), "no undo takes a no away"


@pytest.mark.parametrize(
    ("content", "more", "reason", "told_at"),
    [
        (MAILCHIMP, {}, "never", "2025-02-03T10:00:00"), ("email,CLEAN_TIME\nmara@example.org,2025-02-03 10:00:00\n", {}, "bounce", "2025-02-03T10:00:00"),
        ("email,CLEANED_TIME\nmara@example.org,2025-02-03 10:00:00\n", {}, "bounce", "2025-02-03T10:00:00"),
        ("email,unsubscribed_at,status\nmara@example.org,02/03/2025,unsubscribed\n", {"month_first": "1"}, "never", "2025-02-03T00:00:00"),
        ("email,status\nmara@example.org,unsubscribed\n", {}, "never", None), ("email,unsubscribed\nmara@example.org,yes\n", {}, "never", None),
        ("email,unsubscribed_at\nmara@example.org,2199-01-01\n", {}, "never", None),
        ("email,bounced_at,unsubscribed_at\nmara@example.org,2020-01-01,2021-02-03\n", {}, "never", "2021-02-03T00:00:00"),
    ],
)  # fmt: skip
def test_a_no_keeps_when_it_was_said_as_a_claim_beside_its_own_time(staff, where, content, more, reason, told_at):
    mara = make.person(where.id, "mara@example.org", "Mara")
    began = clock.now()
    url = staff.give(content)
    staff.check(url, **more)
    staff.take(url)
    event = history.list_history(where.id, mara.id)[0]
    assert event.body["reason"] == reason
    assert event.at >= began, "the event's own time is when we were told"
    assert (event.body.get("told_at") or "")[:19] == (told_at or "")
    facts = dict(next(found for found in history.verdicts(where.id, mara.id)).facts)
    assert bool(facts.get("Said to have happened")) is (told_at is not None)
    pairs = dict(telling.passages(document.make(where.id, mara.id, clock.now()))[-1].pairs)
    assert bool(pairs.get("Said to have happened")) is (told_at is not None)


@pytest.mark.parametrize("first", ["no", "yes"])
def test_whoever_says_yes_and_no_in_one_file_said_no(staff, where, first):
    rows = ["mara@example.org,enabled\n", "Mara@example.org,unsubscribed\n"]
    counts = staff.bring("email,status\n" + "".join(rows if first == "yes" else reversed(rows)), **claimed(where))
    assert counts == {"stands in the file twice": 1, "said no, as the file tells": 1}
    assert person(where, "mara@example.org") is None
    assert staff.bring("email\nmara@example.org\n") == {"must not be written to": 1}


def test_the_words_of_listmonk_give_yes_no_and_nothing(staff, where):
    counts = staff.bring(
        "email,status,first name\na@example.org,enabled,A\nb@example.org,disabled,B\nc@example.org,blocklisted,C\n"
        "d@example.org,Complained,D\ne@example.org,bounced,E\nf@example.org,unconfirmed,F\n",
        **claimed(where),
    )
    assert counts == {
        "new": 3, "yes": 1, "no yes: lacks when and where the person said yes": 2, "said no, as the file tells": 1,
        "complained, as the file tells": 1, "mail to them came back, as the file tells": 1,
    }  # fmt: skip
    assert make.standing(where, person(where, "a@example.org"))["New coffees"] == "yes"
    assert make.standing(where, person(where, "b@example.org")).get("New coffees", "") != "yes"
    assert sorted(one.reason.value for one in suppressed.iter_suppressed(where.id)) == ["bounce", "complaint", "never"]


def test_a_no_counts_whatever_else_is_wrong_with_its_row(staff, where):
    counts = staff.bring(f"email,first name,unsubscribed\nmara@example.org,{'x' * 90},true\n".encode() + b"ben@example.org,\xff\xfe,1\n")
    assert counts == {"said no, as the file tells": 2}


@pytest.mark.parametrize(
    ("target", "cell", "wanted"),
    [
        ("said_no", "", None), ("said_no", "0", None), ("said_no", "false", None), ("said_no", "0000-00-00 00:00:00", None),
        ("said_no", "1", Reason.NEVER), ("said_no", "true", Reason.NEVER), ("said_no", "2025-01-01", Reason.NEVER),
        ("said_no", "spam", Reason.COMPLAINT), ("bounced", "2025-01-01", Reason.BOUNCE), ("bounced", "0", None),
        ("status", "cleaned", Reason.BOUNCE), ("status", "opted-out", Reason.NEVER), ("status", "Hard_bounce", Reason.BOUNCE),
        ("status", "subscribed", None), ("status", "pending", None), ("status", "1", None), ("status", "erased", None),
    ],
)  # fmt: skip
def test_cells_that_tell_a_no(target, cell, wanted):
    assert rules.no_of(target, cell) == wanted


@pytest.mark.parametrize("more", [{}, {"is_doubly": "1"}])
def test_a_claim_says_whether_it_was_confirmed_by_mail(staff, where, more):
    url = staff.give("email\nmara@example.org\n")
    staff.check(url, **claimed(where, **more))
    staff.take(url)
    (event, *_) = history.list_history(where.id, person(where, "mara@example.org").id)
    assert event.body["import"]["is_doubly"] is bool(more)
    assert event.body["evidence"] == "claimed", "it stays a claim"
