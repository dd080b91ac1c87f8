"""What programs tell: read, matched with people, each once; and what comes of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.consent.events import Confirmed
from app.consent.rules import By, Level
from app.engagement import queries as engagement
from app.engagement import service as scores
from app.kernel import clock
from app.kernel import module as kernel_module
from app.kernel.db import transaction
from app.preferences import data as preferences
from app.segments import queries as segments
from app.tracking import jobs, module, queries, service, timeline
from app.tracking.service import SignalKind
from tests.support import make, programs, reading
from tests.support.outbox import in_context

PATH = "/api/v1/signals"


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def mara(place):
    return reading.reader(place, Level.NONE, "mara@example.org")


@pytest.fixture
def program(place, client):
    def call(*signals, scopes=("people.read", "people.write"), path=PATH, method="POST"):
        body = {"signals": list(signals)} if method == "POST" else None
        return programs.call(client, place.id, method, path, body, scopes)

    return call


def webinar(n=1, **more):
    return {"id": f"w-{n}", "kind": "webinar_attended", "email": "Mara@Example.org", **more}


def rows(sql="SELECT kind, contact_id, data, verdict FROM signals ORDER BY at"):
    with transaction() as current:
        return current.execute(text(sql)).all()


def test_an_act_is_stored_once_however_often_it_is_told(program, mara):
    first = program(webinar(data={"minutes": 42, "room": None}, at="2026-11-25T14:30:00+01:00"))
    assert first.json == {"stored": 1, "repeated": 0, "refused": []}
    # Also when it is told with another time: the id alone says which one it is.
    again = program(webinar(), webinar(at="2024-01-01T00:00:00Z"), webinar(2))
    assert again.json == {"stored": 1, "repeated": 2, "refused": []}
    assert rows() == [
        ("own.webinar_attended", mara.id, {"minutes": 42}, "human"), ("own.webinar_attended", mara.id, None, "human"),
    ]  # fmt: skip


def test_what_is_wrong_with_one_keeps_no_other_out(program, mara, place):
    other = reading.reader(make.place())
    wrong = {
        "object": "x", "person (their id here) or email": {"id": "1", "kind": "order"},
        "of your own": {"kind": "order", "email": "mara@example.org"}, "what they did": webinar(kind=7),
        "small letters": webinar(kind="Drop Table"), "by itself": webinar(kind="click"), "no email": webinar(email="mara"),
        "time zone": webinar(at="2026-11-25"), "future": webinar(at="2999-01-01T00:00:00Z"),
        "ten years": webinar(at="2001-01-01T00:00:00Z"), "not known here": webinar(sql="1"),
        "at most 20": webinar(data={f"a{i}": 1 for i in range(21)}), "to be text": webinar(data={"a": [1]}), "no number": webinar(data={"a": float("nan")}),
        "4,096": webinar(data={"a": "x" * 5000}), "cannot be stored": webinar(data={"a": "\0"}),
        "sign them up": webinar(email="nobody@example.org"),
        "Nobody here": {"id": "2", "kind": "order", "person": str(other.id)},
        "letters, digits": webinar(data={"{{": 1}), "is the id of": {"id": "2", "kind": "order", "person": "x"},
    }  # fmt: skip
    done = program(*wrong.values(), webinar()).json
    assert (done["stored"], done["repeated"]) == (1, 0)
    told = {one["index"]: one["problem"] for one in done["refused"]}
    for index, words in enumerate(wrong):
        assert words in told[index], words
    assert len(rows()) == 1


def test_too_many_at_once_or_none_is_refused_whole(program, mara):
    assert program(*[webinar(n) for n in range(1001)]).status_code == 422
    assert program().status_code == 422
    assert program(webinar(), scopes=["people.read"]).status_code == 403
    assert rows() == []


def test_a_workspace_has_two_hundred_kinds_at_most(program, mara):
    assert program(*[webinar(n, kind=f"kind_{n}") for n in range(200)]).json["stored"] == 200
    refused = program(webinar(300, kind="one_more"))
    assert refused.status_code == 422
    assert "200 kinds" in refused.json["detail"]
    assert program(webinar(300, kind="kind_7")).json["stored"] == 1


def test_visits_are_kept_of_who_lets_us_see_them(program, place, mara):
    ada = reading.reader(place, Level.INDIVIDUAL, "ada@example.org")
    visit = {"kind": "visit", "data": {"page": "/coffee"}}
    done = program({"id": "v1", "email": "mara@example.org", **visit}, {"id": "v2", "email": "ada@example.org", **visit})
    assert (done.json["stored"], done.json["refused"][0]["index"]) == (1, 0)
    assert [row.contact_id for row in rows()] == [ada.id]


def test_acts_count_for_the_score_of_who_is_measured_when_they_weigh_something(program, place, mara):
    ada = reading.reader(place, Level.INDIVIDUAL, "ada@example.org")
    orders = [{"id": f"o{who}", "kind": "order", "email": f"{who}@example.org"} for who in ("mara", "ada")]
    assert program(*orders, {"id": "w", "kind": "webinar", "email": "ada@example.org"}).json["stored"] == 3
    with transaction():
        found = engagement.score(place.id, ada.id)
        assert found.points == pytest.approx(5.0, abs=0.01)
        assert [reason.label for reason in found.reasons] == ["Ordered"]
        assert not engagement.score(place.id, mara.id).is_measured
    assert rows("SELECT contact_id FROM engagement_scores") == [(ada.id,)]
    with transaction():
        scores.set_rules(place.id, 30, {"own.webinar": 2.0})
    left = True
    while left:
        with transaction():
            left = scores.recount_slice(place.id)
    with transaction():
        assert engagement.score(place.id, ada.id).points == pytest.approx(7.0, abs=0.01)
    # Who allows it later is counted from what is known by then.
    reading.allow(place, mara, Level.INDIVIDUAL)
    with transaction():
        assert engagement.score(place.id, mara.id).points == pytest.approx(5.0, abs=0.01)


def test_people_are_chosen_by_what_they_did(program, place, mara):
    reading.reader(place, Level.NONE, "ada@example.org")
    program(webinar(1), webinar(2), {"id": "o", "kind": "order", "email": "ada@example.org"})
    for rule, expected in (
        ({"field": "tracking.act.own.webinar_attended", "op": "at_least", "times": 2, "days": 3}, 1),
        ({"field": "tracking.act.own.webinar_attended", "op": "did_not"}, 1),
        ({"field": "tracking.act.order", "op": "did", "days": 3}, 1),
        ({"field": "tracking.act.visit", "op": "did"}, 0),
    ):
        with transaction():
            group = segments.read(place.id, {"match": "all", "rules": [rule]})
            assert segments.count(place.id, group) == expected
    with transaction():
        said = segments.say(place.id, {"match": "all", "rules": [{"field": "tracking.act.own.webinar_attended", "op": "did_not"}]})
    assert "never did “Webinar attended”" in said


def test_the_timeline_tells_them_and_erasure_takes_them(program, place, mara):
    program(webinar(data={"minutes": 42, "paid": True}))
    with transaction():
        first = timeline.entries(place.id, mara.id, None, 10)[0]
        assert (first.title, first.detail) == ("Webinar attended", "paid: yes · minutes: 42")
        exported = timeline.export(place.id, mara.id)
        assert exported[0]["data"] == {"minutes": 42, "paid": True}
        service.erase(place.id, mara.id)
        assert timeline.entries(place.id, mara.id, None, 10) == []


def test_a_confirmed_form_is_an_act_and_a_choice_on_a_page_is_none(place, mara):
    request_id, form_id = uuid4(), uuid4()
    with transaction():
        for request, form in ((uuid4(), None), (request_id, form_id)):
            for handler in module.MODULE.handlers[Confirmed]:
                handler(Confirmed(place.id, mara.id, request, form))
    found = rows("SELECT event_id, kind, contact_id, data FROM signals")
    assert found == [(request_id, "form", mara.id, {"form": str(form_id)})]


def test_people_are_held_before_their_scores_as_whoever_erases_holds_them(program, place, mara, count_statements):
    reading.allow(place, mara, Level.INDIVIDUAL)
    with count_statements() as asked:
        assert program({"id": "o", "kind": "order", "email": "mara@example.org"}).json["stored"] == 1
    locks = [("reach" if "FROM reach" in one else "scores") for one in asked
             if ("FROM reach" in one and "FOR UPDATE" in one) or "hashtext(CAST" in one]  # fmt: skip
    assert locks[0] == "reach"
    assert "scores" in locks


def test_a_kind_is_declared_in_one_place_and_known_everywhere(program, place, monkeypatch):
    ada = reading.reader(place, Level.INDIVIDUAL, "ada@example.org")
    refund = SignalKind("refund", "Brought something back", "cart", 2.0, is_told=True)
    real = kernel_module.installed()
    monkeypatch.setattr(kernel_module, "installed", lambda: (*real, kernel_module.Module("till", signal_kinds=(refund,))))
    assert program({"id": "r", "kind": "refund", "email": "ada@example.org"}).json["stored"] == 1
    assert {"kind": "refund", "label": refund.label} in program(path=f"{PATH}/kinds", method="GET").json["kinds"]
    with transaction():
        assert timeline.entries(place.id, ada.id, None, 1)[0].title == refund.label
        found = engagement.score(place.id, ada.id)
        assert found.reasons[0].label == refund.label
        assert found.points == pytest.approx(2.0, abs=0.01)
        group = segments.read(place.id, {"match": "all", "rules": [{"field": "tracking.act.refund", "op": "did"}]})
        assert segments.count(place.id, group) == 1


def test_no_two_rooms_declare_the_same_kind(app):
    names = [kind.name for found in kernel_module.installed() for kind in found.signal_kinds]
    assert sorted(names) == sorted(set(names))


def test_an_erased_person_is_nobody(program, place, mara):
    with transaction():
        preferences.erase(place.id, mara.id, by=By())
    assert "Nobody here" in program(webinar()).json["refused"][0]["problem"]


def test_months_are_made_as_they_come_and_known_to_all(program, mara):
    with transaction():
        now = clock.now()
    ats = [(now - timedelta(days=31 * n)).isoformat() for n in (0, 1, 14, 100)]
    assert program(*[webinar(n, at=at) for n, at in enumerate(ats)]).json["stored"] == 4
    tables = rows("SELECT count(DISTINCT tableoid) FROM signals")
    assert tables == [(4,)]


def test_kinds_can_be_asked_for(program, mara):
    program(webinar())
    found = {kind["kind"]: kind["label"] for kind in program(path=f"{PATH}/kinds", method="GET").json["kinds"]}
    assert found["own.webinar_attended"] == "Webinar attended"
    assert "open" not in found
    assert "order" in found


def test_a_thousand_of_the_largest_are_taken_and_again_change_nothing(program, mara):
    batch = [webinar(n, data={"a": "x" * 4000}) for n in range(1000)]
    assert program(*batch).json == {"stored": 1000, "repeated": 0, "refused": []}
    assert program(*batch).json == {"stored": 0, "repeated": 1000, "refused": []}
    assert rows("SELECT count(*) FROM signals") == [(1000,)]


def test_a_long_address_is_one_too(program, place):
    long = f"{'m' * 60}@{'n' * 60}.example.org"
    ada = reading.reader(place, Level.NONE, long)
    assert program(webinar(email=long)).json["stored"] == 1
    assert [row.contact_id for row in rows()] == [ada.id]


def test_what_is_told_twice_in_one_breath_is_stored_once(place, mara, session):
    with transaction():
        act = service.Act(uuid4(), mara.id, "order", clock.now())
        assert len(service.record_acts(place.id, [act, act]).stored) == 1
        again = service.record_acts(place.id, [act])
    assert (len(again.stored), len(again.repeated)) == (0, 1)
    assert queries.declared_kinds()["order"].weight == 5.0


def test_two_who_tell_the_same_at_once_store_it_once(live):
    """Each without its time, so by another one: the tables alone would keep both."""
    place = make.place()
    mara = reading.reader(place, Level.NONE, "mara@example.org")
    event_id, is_told, go_on = uuid4(), threading.Event(), threading.Event()

    def tell(later):
        with transaction():
            act = service.Act(event_id, mara.id, "order", clock.now() + later)
            done = service.record_acts(place.id, [act])
            is_told.set()
            go_on.wait(10)
        return len(done.stored), len(done.repeated)

    with ThreadPoolExecutor(2) as both:
        first = both.submit(in_context, live, tell, timedelta(0))
        assert is_told.wait(10)
        second = both.submit(in_context, live, tell, timedelta(minutes=1))
        with pytest.raises(TimeoutError):
            second.result(0.5)
        go_on.set()
        assert (first.result(10), second.result(10)) == ((1, 0), (0, 1))
    assert rows("SELECT count(*) FROM signals") == [(1,)]


def test_two_of_whom_each_tells_the_first_of_a_month_make_it_once(live):
    """The second one waits for the month that the first one makes, and finds it there."""
    places = [make.place(), make.place()]
    people = [reading.reader(place, Level.NONE, "mara@example.org") for place in places]
    is_told, go_on = threading.Event(), threading.Event()

    def tell(place, who, *, is_first):
        with transaction():
            act = service.Act(uuid4(), who.id, "order", clock.now() - timedelta(days=400))
            done = service.record_acts(place.id, [act])
            if is_first:
                is_told.set()
                go_on.wait(10)
        return len(done.stored)

    with ThreadPoolExecutor(2) as both:
        first = both.submit(in_context, live, partial(tell, places[0], people[0], is_first=True))
        assert is_told.wait(10)
        second = both.submit(in_context, live, partial(tell, places[1], people[1], is_first=False))
        with pytest.raises(TimeoutError):
            second.result(0.5)
        go_on.set()
        assert (first.result(10), second.result(10)) == (1, 1)
    assert rows("SELECT count(DISTINCT tableoid), count(*) FROM signals") == [(1, 2)]


def test_the_planner_knows_all_months_together_once_a_tenth_has_come(place, session):
    """As the application, which owns no table; the months by themselves are PostgreSQL's own work."""
    made = (
        "INSERT INTO signals (event_id, workspace_id, contact_id, kind, at, verdict, reason) SELECT gen_random_uuid(),"
        " :workspace_id, gen_random_uuid(), 'order', now(), 'human', '' FROM generate_series(1, 2000)"
    )
    known = text("SELECT n_distinct FROM pg_stats WHERE tablename = 'signals' AND attname = 'contact_id' AND inherited")

    def grow():
        service.make_months([clock.now()])
        session.execute(text(made), {"workspace_id": place.id})
        session.execute(text("SET LOCAL ROLE NONE"))  # only a table's owner may
        session.execute(text(f"ANALYZE {session.execute(text('SELECT tableoid::regclass FROM signals LIMIT 1')).scalar_one()}"))
        session.execute(text("RESET ROLE"))

    assert service.gather_statistics() is False
    grow()
    assert session.execute(known).scalar() is None
    jobs.gather_statistics()
    assert session.execute(known).scalar() == -1
    assert service.gather_statistics() is False
    grow()
    assert service.gather_statistics() is True
