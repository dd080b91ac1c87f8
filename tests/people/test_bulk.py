"""A tag for many at once: whom it comes to, that it goes on after a death, and that undoing it undoes no more."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from flask import current_app
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.consent.rules import By
from app.kernel import clock, jobs
from app.kernel.db import session as current
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from app.merging import service as merging
from app.people import bulk, bulk_slices, rules, service
from app.people.bulk import What, Whom
from app.people.queries import Search
from app.people.rules import ActKind
from app.preferences import queries as preferences
from app.tags import queries as tags
from app.tags import rules as tag_rules
from app.tags import service as tags_service
from tests.people.conftest import Staff, owner_of
from tests.support import make
from tests.support.accounts import make_member
from tests.support.properties import examples

PUT_ON, TAKE_OFF = ActKind.PUT_ON, ActKind.TAKE_OFF


def some(where, count):
    return [make.person(where.id, first_name=f"P{number}").id for number in range(count)]


def carriers(where, word="VIP"):
    rows = current().execute(
        text("SELECT c.contact_id FROM contact_tags c JOIN tags t ON t.id = c.tag_id"
             " WHERE t.workspace_id = :id AND t.word = :word AND t.removed_at IS NULL"),
        {"id": where.id, "word": word},
    )  # fmt: skip
    return set(rows.scalars())


def begin(where, kind, whom, word="VIP"):
    chosen = Whom(search=whom, words="everybody") if isinstance(whom, Search) else Whom(whom)
    with transaction():
        return bulk.start(where.id, What(kind, word), chosen, by=where.owner_id)


def take_back(where, act_id):
    with transaction():
        bulk.undo(where.id, act_id, by=where.owner_id)


def by_hand(where, who, *, is_on, word="VIP"):
    with transaction():
        if is_on:
            tags_service.add(where.id, who, tag_rules.fold([word]))
        else:
            tags_service.remove(where.id, who, {w: i for i, w in tags.list_words(where.id)}[word])


def kept_people():
    return current().execute(text("SELECT count(*) FROM bulk_act_people")).scalar_one()


@pytest.fixture
def by_job(monkeypatch):
    """Nothing is done within the request, and a slice is two people."""
    monkeypatch.setattr(bulk, "AT_ONCE", 0)
    monkeypatch.setattr(bulk_slices, "SLICE", 2)


def one_slice(act_id):
    with transaction():
        return bulk_slices.go_on(act_id)


# --- What it does ------------------------------------------------------------------------------------------------


_SETS = st.sets(st.integers(0, 6))


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from([PUT_ON, TAKE_OFF]), had=_SETS, chosen=_SETS, after=st.dictionaries(st.integers(0, 6), st.booleans()),
       slice_=st.integers(1, 4), reached=st.integers(0, 4))  # fmt: skip
def test_an_act_and_its_undo_are_those_of_sets(session, where, kind, had, chosen, after, slice_, reached):
    """Also where it was stopped on the way, and other hands did something in between."""
    people = some(where, 7)
    before = {people[n] for n in had}
    for who in before:
        by_hand(where, who, is_on=True)
    with transaction():
        tags_service.ensure(where.id, tag_rules.fold(["VIP"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "AT_ONCE", 0)
        patch.setattr(bulk_slices, "SLICE", slice_)
        if not chosen:
            with pytest.raises(BadInput):
                begin(where, kind, [])
            return
        act_id = begin(where, kind, [people[n] for n in chosen])
        for _ in range(reached):
            one_slice(act_id)
        seen = set(sorted(people[n] for n in chosen)[: slice_ * reached])
        changed = seen - before if kind is PUT_ON else seen & before
        now = before | changed if kind is PUT_ON else before - changed
        assert carriers(where) & set(people) == now
        assert bulk.get_act(where.id, act_id).changed == len(changed)
        anew: set[UUID] = set()
        for n, is_on in after.items():
            who = people[n]
            if is_on and who in now and who in changed:
                by_hand(where, who, is_on=False)  # taken off and put on anew: somebody else's by now
                anew.add(who)
            by_hand(where, who, is_on=is_on)
            now = now | {who} if is_on else now - {who}
        take_back(where, act_id)
        bulk_slices.run()
    assert carriers(where) & set(people) == (now - (changed - anew) if kind is PUT_ON else now | changed)
    assert kept_people() == 0
    assert bulk.get_act(where.id, act_id).state == "undone"


def test_who_is_merged_into_somebody_that_was_passed_is_not_passed_over(where, by_job, monkeypatch):
    monkeypatch.setattr(bulk_slices, "SLICE", 1)
    first, second, third = sorted(some(where, 3))
    act_id = begin(where, PUT_ON, [second, third])
    assert one_slice(act_id)
    with transaction():
        merging.merge(where.id, first, third, by=By("staff", str(where.owner_id)))
    bulk_slices.run()
    assert carriers(where) == {first, second}
    take_back(where, act_id)
    bulk_slices.run()
    assert carriers(where) == set()


def test_few_are_done_at_once_and_many_by_the_job(session, where, monkeypatch):
    people = some(where, 3)
    rung = []
    monkeypatch.setattr(jobs, "ring_job", rung.append)
    assert bulk.get_act(where.id, begin(where, PUT_ON, people)).state == "done"
    assert (carriers(where), rung) == (set(people), [])
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    act_id = begin(where, TAKE_OFF, people)
    assert (carriers(where), rung) == (set(people), ["people.bulk"])
    bulk_slices.run()
    assert (carriers(where), bulk.get_act(where.id, act_id).changed) == (set(), 3)


def test_all_found_are_frozen_as_the_list_finds_them(session, where, by_job):
    maras = {make.person(where.id, first_name="Mara").id for _ in range(3)}
    make.person(where.id, "nils@example.net", "Nils")
    gone = make.person(where.id, first_name="Mara").id
    with transaction():
        service.erase(where.id, gone, by=By("staff", str(where.owner_id)))
    make.person(make.place("Other").id, first_name="Mara")
    act_id = begin(where, PUT_ON, Search(query="mara"))
    make.person(where.id, first_name="Mara")
    bulk_slices.run()
    assert carriers(where) == maras
    assert bulk.get_act(where.id, act_id).total == 3


def test_ids_of_another_workspace_are_nobody(session, where):
    stranger = make.person(make.place("Other").id).id
    ours = make.person(where.id).id
    act_id = begin(where, PUT_ON, [stranger, ours])
    assert bulk.get_act(where.id, act_id).total == 1
    assert carriers(where) == {ours}
    assert session.execute(text("SELECT count(*) FROM contact_tags WHERE contact_id = :id"), {"id": stranger}).scalar_one() == 0
    with pytest.raises(BadInput) as refused:
        begin(where, PUT_ON, [stranger])
    assert "who" in refused.value.fields
    other = make.place("Third")
    for read in (bulk.get_act, lambda workspace, act: bulk.undo(workspace, act, by=other.owner_id)):
        with pytest.raises(NotFound):
            read(other.id, act_id)
    assert (list(bulk.list_acts(other.id)), carriers(where)) == ([], {ours})


def test_a_tag_comes_to_nobody_elsewhere_and_to_nobody_erased(session, where):
    stranger, erased = make.person(make.place("Other").id).id, make.person(where.id).id
    with transaction():
        service.erase(where.id, erased, by=By("staff", str(where.owner_id)))
        (tag_id,) = tags_service.ensure(where.id, tag_rules.fold(["VIP"])).values()
        assert tags_service.put_on_many(where.id, tag_id, dict.fromkeys([stranger, erased], clock.now())).people == set()
    assert carriers(where) == set()


def test_who_carries_as_many_as_may_be_is_left_out(session, where, monkeypatch):
    full, free = some(where, 2)
    by_hand(where, full, is_on=True, word="a")
    by_hand(where, full, is_on=True, word="b")
    by_hand(where, free, is_on=True, word="a")
    monkeypatch.setattr(tags_service, "MAX_EACH", 2)
    found = bulk.get_act(where.id, begin(where, PUT_ON, [full, free]))
    assert (found.changed, found.left_out, carriers(where)) == (1, 1, {free})
    again = bulk.get_act(where.id, begin(where, PUT_ON, [full, free], "a"))
    assert (again.changed, again.left_out) == (0, 0), "who carries it already is not left out, but as they were"


def test_the_moment_of_a_tag_comes_back_with_it(session, where):
    (who,) = some(where, 1)
    by_hand(where, who, is_on=True)
    since = "SELECT added_at FROM contact_tags WHERE contact_id = :id"
    before = session.execute(text(since), {"id": who}).scalar_one()
    take_back(where, begin(where, TAKE_OFF, [who]))
    assert session.execute(text(since), {"id": who}).scalar_one() == before


def test_a_tag_that_goes_meanwhile_ends_the_act(session, where, by_job):
    people = some(where, 3)
    act_id = begin(where, PUT_ON, people)
    one_slice(act_id)
    with transaction():
        tags_service.drop(where.id, tags.list_words(where.id)[0][0], by=acts.COMMAND)
    bulk_slices.run()
    found = bulk.get_act(where.id, act_id)
    assert (found.state, found.changed, "taken out of the list" in found.fault) == ("done", 2, True)
    take_back(where, act_id)
    bulk_slices.run()
    assert kept_people() == 0


# --- Death, haste, time ------------------------------------------------------------------------------------------


@pytest.fixture
def steady(live):
    return make.place()


def test_whoever_dies_in_it_is_followed_and_two_do_nothing_twice(steady, by_job, monkeypatch):
    people = some(steady, 5)
    current().commit()
    act_id = begin(steady, PUT_ON, people)
    assert one_slice(act_id)
    keep = bulk_slices._forget

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bulk_slices, "_forget", die)
    with pytest.raises(KeyboardInterrupt):
        one_slice(act_id)
    monkeypatch.setattr(bulk_slices, "_forget", keep)
    assert len(carriers(steady)) == 2, "of the slice in which it died nothing stays"
    current().rollback()
    with transaction():
        bulk.get_act(steady.id, act_id, lock=True)
        app = current_app._get_current_object()

        def beside():
            with app.app_context():
                return one_slice(act_id)

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(beside).result(timeout=20) is False, "another one is at it"
    bulk_slices.run()
    found = bulk.get_act(steady.id, act_id)
    assert (found.changed, found.seen, carriers(steady)) == (5, 5, set(people))
    current().rollback()
    with ThreadPoolExecutor(2) as pool:

        def undo():
            with app.app_context():
                take_back(steady, act_id)
                bulk_slices.run()

        for done in [pool.submit(undo) for _ in range(2)]:
            done.result(timeout=30)
    current().rollback()
    bulk_slices.run()
    found = bulk.get_act(steady.id, act_id)
    assert (found.state, found.undone, carriers(steady), kept_people()) == ("undone", 5, set(), 0)
    assert sum(one.act == "people.tagging_undone" for one in accounts.list_audit(steady.id)) == 1


def test_it_can_be_undone_for_a_week_and_is_forgotten_after(session, where):
    people = some(where, 2)
    act_id = begin(where, PUT_ON, people)
    clock.set_shift(int(rules.UNDO_FOR.total_seconds()) - 60)
    bulk_slices.tidy()
    assert kept_people() == 2
    clock.set_shift(int(rules.UNDO_FOR.total_seconds()) + 60)
    with pytest.raises(Conflict, match="7 days"):
        take_back(where, act_id)
    bulk_slices.tidy()
    assert (kept_people(), len(bulk.list_acts(where.id)), carriers(where)) == (0, 1, set(people))
    clock.set_shift(int((rules.ACTS_KEPT + timedelta(minutes=1)).total_seconds()))
    bulk_slices.tidy()
    assert list(bulk.list_acts(where.id)) == []


def test_it_is_handed_out_and_erased_with_the_person(session, where, by_job):
    who, other = some(where, 2)
    act_id = begin(where, PUT_ON, [who, other])
    assert preferences.export(where.id, who)["people"][0]["tag"] == "VIP"
    with transaction():
        service.erase(where.id, who, by=By("staff", str(where.owner_id)))
    bulk_slices.run()
    assert carriers(where) == {other}
    take_back(where, act_id)
    bulk_slices.run()
    assert carriers(where) == set()


# --- The pages ---------------------------------------------------------------------------------------------------


def chosen(page):
    return set(re.findall(r'name="who" value="([^"]+)" checked', page))


@pytest.mark.parametrize("do", ["put_on", ""], ids=["button", "Enter"])
def test_the_list_puts_a_tag_on_says_so_and_takes_it_back(staff, where, do):
    people = [str(one) for one in some(where, 3)]
    answer = staff.post("/people/tagging?q=p", do=do, tag="VIP", name="", field="", who=people[:2], shown=people)
    assert answer.status_code == 303
    assert answer.location.startswith("/people?q=p&acted=")
    page = staff.get(answer.location).text
    assert "The tag “VIP” is on 2 people." in page
    undo = re.search(r'action="(/people/acts/[^"]+/undo[^"]*)"', page)[1].replace("&amp;", "&")
    shown = staff.get("/people/acts").text
    assert "2 people, chosen one by one" in shown
    assert "Jonna" in shown
    back = staff.post(undo)
    assert "is off 2 people again" in staff.get(back.location).text
    assert staff.post(undo).status_code == 303
    assert carriers(where) == set()
    assert [one.act for one in accounts.list_audit(where.id)[:2]] == ["people.tagging_undone", "people.tagged"]


def test_the_whole_page_and_all_found_work_without_scripts(staff, where, monkeypatch):
    monkeypatch.setattr("app.people.queries.list_people.__defaults__", ("", 2))
    people = some(where, 5)
    page = staff.get("/people?q=p").text
    shown = re.findall(r'name="shown" value="([^"]+)"', page)
    assert len(shown) == 2
    assert "All 5 found, also on other pages" in page
    assert staff.post("/people/tagging?q=p", do="put_on", tag="page", whole="1", shown=shown).status_code == 303
    assert {str(one) for one in carriers(where, "page")} == set(shown)
    answer = staff.post("/people/tagging?q=p", do="put_on", tag="all", whole="1", all="1", shown=shown)
    assert carriers(where, "all") == set(people)
    assert "everybody found by “p”" in staff.get("/people/acts").text
    # Somebody was taken out of the choice after all were meant: then all are not.
    answer = staff.post("/people/tagging?q=p", do="put_on", tag="one", all="1", who=shown[:1], shown=shown)
    assert answer.status_code == 303
    assert {str(one) for one in carriers(where, "one")} == set(shown[:1])


@pytest.mark.parametrize(
    ("form", "said", "name"),
    [
        ({"tag": "", "do": ""}, "press one of the buttons", "do"),
        ({"tag": "VIP"}, "Choose people first", "who"),
        ({"tag": ""}, "Write a tag.", "tag"),
        ({"tag": "a,b"}, "without commas", "tag"),
        ({"tag": "x" * 41}, "Keep this to 40 characters", "tag"),
        ({"tag": "none", "do": "take_off"}, "There is no tag like this", "tag"),
        ({"tag": "VIP", "do": "sell"}, "Choose what to do", "do"),
        ({"tag": "VIP", "do": "", "name": "Acme"}, "press one of the buttons", "do"),
        ({"tag": "VIP", "who": "nonsense"}, "Choose people from the list", "who"),
    ],
)
def test_what_does_not_fit_is_said_beside_it_and_the_choice_stays(staff, where, form, said, name):
    people = [str(one) for one in some(where, 3)]
    form = {"do": "put_on", "shown": people, "who": people[:2], **form}
    if said == "Choose people first":
        form.pop("who")
    answer = staff.post("/people/tagging?q=p", **form)
    assert answer.status_code == 422
    assert said in answer.text
    assert f'id="{name}-error"' in answer.text
    if form.get("who") == people[:2]:
        assert chosen(answer.text) == set(people[:2])
    assert f'value="{form["tag"]}"' in answer.text
    assert "bulk-open" in answer.text
    assert ('<details class="bulk-more" open>' in answer.text) is ("name" in form)
    assert tags.list_words(where.id) == []
    assert list(bulk.list_acts(where.id)) == []


def test_an_act_that_goes_on_is_shown_with_its_progress_and_can_be_stopped(staff, where, by_job):
    people = [str(one) for one in some(where, 4)]
    location = staff.post("/people/tagging", do="put_on", tag="VIP", who=people, shown=people).location
    act_id = UUID(location.rpartition("=")[2])
    one_slice(act_id)
    for path in (location, "/people/acts"):
        page = staff.get(path).text
        assert "The tag “VIP” is being put on 4 people." in page
        assert 'hx-trigger="every 2s"' in page
        assert "50.0% done" in page
    piece = staff.get(f"/people/acts/{act_id}").text
    assert "Stop and undo" in piece
    assert "<html" not in piece
    staff.post(f"/people/acts/{act_id}/undo")
    bulk_slices.run()
    assert carriers(where) == set()
    assert "hx-trigger" not in staff.get(f"/people/acts/{act_id}").text


def test_a_viewer_chooses_nobody_and_a_stranger_nothing(client, where):
    (who,) = some(where, 1)
    act_id = begin(where, PUT_ON, [who])
    viewer = Staff(client, make_member(where.id, Role.VIEWER, "vera@ostkai.example"))
    page = viewer.get("/people").text
    assert 'name="who"' not in page
    assert viewer.post("/people/tagging", do="take_off", tag="VIP", who=str(who)).status_code == 403
    assert "Undo" not in viewer.get("/people/acts").text.partition("<h1>")[2]
    assert viewer.post(f"/people/acts/{act_id}/undo").status_code == 403
    owner = Staff(client.application.test_client(), owner_of(where))
    form = {"do": "take_off", "tag": "VIP", "who": str(who)}
    assert owner.client.post("/people/tagging", data=form).status_code == 403, "without the token of a page of ours"
    assert owner.client.post(f"/people/acts/{act_id}/undo").status_code == 403
    assert carriers(where) == {who}


def test_the_words_of_an_act_hold_no_address():
    assert rules.whom("mara@example.org", "yes", "Coffees", "VIP") == (
        "everybody found by an address, with the permission yes, asked about Coffees, with the tag “VIP”"
    )
    assert rules.whom("", "", "", "") == "everybody"
