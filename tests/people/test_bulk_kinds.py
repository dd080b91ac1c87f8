"""Companies and fields for many at once: as if each had been changed by hand, and given back where no hand came since."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.consent.rules import By
from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.groups import queries as groups
from app.groups import service as groups_service
from app.groups.rules import Details, Kind
from app.kernel.db import session as current
from app.kernel.db import transaction
from app.kernel.errors import BadInput
from app.merging import service as merging
from app.people import bulk, bulk_slices, service
from app.people.bulk import What, Whom
from app.people.rules import ActKind
from app.preferences import queries as preferences
from tests.people.test_bulk import by_job, kept_people, one_slice, some, take_back  # noqa: F401  a fixture among them
from tests.support import make
from tests.support.properties import examples

JOIN, LEAVE, SET, CLEAR = ActKind.JOIN, ActKind.LEAVE, ActKind.SET, ActKind.CLEAR
NAMES = ("Acme", "Besta")


def begin(where, kind, people, name="Acme", value=()):
    with transaction():
        return bulk.start(where.id, What(kind, name, value), Whom(people), by=where.owner_id)


def companies(where):
    return [groups_service.create(where.id, Kind.COMPANY, Details(name), by=acts.COMMAND) for name in NAMES]


def memberships(people):
    rows = current().execute(
        text("SELECT m.contact_id, g.name, m.role, m.joined_at FROM group_members m JOIN groups g ON g.id = m.group_id"
             " WHERE m.contact_id = ANY(:ids) AND m.kind = 'company'"), {"ids": people},
    )  # fmt: skip
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def stored(people, key="town"):
    rows = current().execute(text("SELECT id, fields -> :key FROM contacts WHERE id = ANY(:ids)"), {"ids": people, "key": key})
    return {row[0]: row[1] for row in rows if row[1] is not None}


def town(where, kind="text", **more):
    with transaction():
        return contacts_service.define_field(where.id, "Town", kind, key="town", **more)


_HAD = st.dictionaries(st.integers(0, 5), st.sampled_from([0, 1]))
_SETTINGS = {"max_examples": examples(8), "deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(**_SETTINGS)
@given(kind=st.sampled_from([JOIN, LEAVE]), had=_HAD, chosen=st.sets(st.integers(0, 5), min_size=1),
       after=st.dictionaries(st.integers(0, 5), st.sampled_from([None, 0, 1])), reached=st.integers(0, 3))  # fmt: skip
def test_companies_come_and_go_and_come_back(session, kind, had, chosen, after, reached):
    """Also where it was stopped on the way, and other hands did something in between."""
    where = make.place()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "AT_ONCE", 0)
        patch.setattr(bulk_slices, "SLICE", 2)
        people, both = some(where, 6), companies(where)
        for n, which in had.items():
            groups_service.join(where.id, Kind.COMPANY, both[which].id, people[n], role=f"Role {n}")
        before = memberships(people)
        act_id = begin(where, kind, [people[n] for n in chosen])
        for _ in range(reached):
            one_slice(act_id)
        seen = sorted(people[n] for n in chosen)[: 2 * reached]
        in_it = {who for who, (name, *_) in before.items() if name == "Acme"}
        changed = {who for who in seen if (who in in_it) == (kind is LEAVE)}
        told = memberships(people)
        assert {who for who, (name, *_) in told.items() if name == "Acme"} == (
            in_it | changed if kind is JOIN else in_it - changed
        )
        assert all(told.get(who) == before.get(who) for who in people if who not in changed)
        assert bulk.get_act(where.id, act_id).changed == len(changed)
        for n, which in after.items():
            if which is None:
                groups_service.leave(where.id, Kind.COMPANY, people[n])
            else:
                groups_service.join(where.id, Kind.COMPANY, both[which].id, people[n], role="By hand")
        by_hand = memberships(people)
        take_back(where, act_id)
        bulk_slices.run()
        free = {who for who in changed if who not in by_hand} if kind is LEAVE else changed - {people[n] for n in after}
        assert memberships(people) == {
            who: found for who in people if (found := before.get(who) if who in free else by_hand.get(who)) is not None
        }
        assert bulk.get_act(where.id, act_id).undone == len(free)
        assert kept_people() == 0


@settings(**_SETTINGS)
@given(kind=st.sampled_from([SET, CLEAR]), had=_HAD, chosen=st.sets(st.integers(0, 5), min_size=1),
       after=st.dictionaries(st.integers(0, 5), st.sampled_from(["", "Ulm", "Kiel"])), reached=st.integers(0, 3))  # fmt: skip
def test_values_come_and_go_and_come_back(session, kind, had, chosen, after, reached):
    where = make.place()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "AT_ONCE", 0)
        patch.setattr(bulk_slices, "SLICE", 2)
        people = some(where, 6)
        town(where)
        contacts_service.define_field(where.id, "Other", "text", key="other")
        for n, which in had.items():
            contacts_service.set_fields(where.id, people[n], {"town": ("Köln", "Kiel")[which], "other": "stays"})
        current().flush()
        before = stored(people)
        act_id = begin(where, kind, [people[n] for n in chosen], "town", ["Köln"])
        for _ in range(reached):
            one_slice(act_id)
        seen, new = sorted(people[n] for n in chosen)[: 2 * reached], "Köln" if kind is SET else None
        changed = {who for who in seen if before.get(who) != new}
        now = {who: new if who in changed else before.get(who) for who in people}
        current().expire_all()
        assert stored(people) == {who: value for who, value in now.items() if value}
        assert bulk.get_act(where.id, act_id).changed == len(changed)
        for n, value in after.items():
            contacts_service.set_fields(where.id, people[n], {"town": value})
            now[people[n]] = value or None
        current().flush()
        take_back(where, act_id)
        bulk_slices.run()
        back = {who for who in changed if now[who] == new}
        current().expire_all()
        ends = {who: before.get(who) if who in back else now[who] for who in people}
        assert stored(people) == {who: value for who, value in ends.items() if value}
        assert stored(people, "other") == {people[n]: "stays" for n in had}
        assert bulk.get_act(where.id, act_id).undone == len(back)
        assert kept_people() == 0


@pytest.mark.parametrize(
    ("kind", "choices", "written", "kept"),
    [
        ("number", (), ["3,5"], "3.5"), ("date", (), ["2026-11-27"], "2026-11-27"), ("boolean", (), ["no"], False),
        ("multi_choice", ("a", "b", "c, d"), ["a", "b"], ["a", "b"]), ("multi_choice", ("a", "b", "c, d"), ["b, a"], ["a", "b"]),
        ("multi_choice", ("a", "c, d"), ["c, d"], ["c, d"]), ("money", (), ["5 eur"], "5 EUR"), ("country", (), ["de"], "DE"),
    ],
)  # fmt: skip
def test_a_value_is_stored_as_the_person_s_page_would_and_given_back(session, where, kind, choices, written, kept):
    town(where, kind, choices=choices)
    people = some(where, 2)
    act_id = begin(where, SET, people, "town", written)
    assert stored(people) == dict.fromkeys(people, kept)
    take_back(where, act_id)
    assert stored(people) == {}
    current().expire_all()
    assert contacts.get_contact(where.id, people[0]).fields == {}


@pytest.mark.parametrize(
    ("kind", "name", "value", "fault"),
    [
        (SET, "town", ["x"], "value"), (SET, "town", [], "value"), (SET, "gone", ["1"], "field"), (CLEAR, "gone", [], "field"),
        (SET, "old", ["1"], "field"), (LEAVE, "Nobody", [], "name"), (JOIN, "\u202e\x07", [], "name"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_nothing_begins(session, where, kind, name, value, fault):
    town(where, "number")
    old = contacts_service.define_field(where.id, "Old", "number", key="old")
    contacts_service.archive_field(where.id, old.id)
    with pytest.raises(BadInput) as refused:
        begin(where, kind, some(where, 1), name, value)
    assert list(refused.value.fields) == [fault]
    assert list(bulk.list_acts(where.id)) == []


def test_nobody_elsewhere_and_nobody_erased_or_merged_is_changed(session, where):
    other = make.place("Other")
    stranger, erased, merged, survivor = make.person(other.id).id, *some(where, 3)
    (acme, _), by = companies(where), By("staff", str(where.owner_id))
    field = town(where)
    with transaction():
        service.erase(where.id, erased, by=by)
        merging.merge(where.id, survivor, merged, by=by)
        people = [stranger, erased, merged]
        assert groups_service.join_company(where.id, acme.id, people) == {}
        assert contacts_service.set_field_of_many(where.id, field.key, "Köln", people) == {}
        assert groups_service.join_company(other.id, acme.id, [stranger]) == {}, "another workspace's company"
        assert list(groups_service.join_company(where.id, acme.id, [survivor])) == [survivor]
        assert groups_service.leave_company(other.id, acme.id, [survivor]) == {}
    assert list(memberships([*people, survivor])) == [survivor]


def test_a_company_that_is_deleted_meanwhile_ends_the_act_and_its_people_go_to_none(session, where, by_job):  # noqa: F811
    acme, besta = companies(where)
    people = some(where, 3)
    for who in people:
        groups_service.join(where.id, Kind.COMPANY, besta.id, who, role="Buyer")
    act_id = begin(where, JOIN, people)
    one_slice(act_id)
    with transaction():
        groups_service.remove(where.id, Kind.COMPANY, besta.id, by=acts.COMMAND)
    bulk_slices.run()
    take_back(where, act_id)
    bulk_slices.run()
    assert memberships(people) == {}, "the company that they were in is not here any more"
    act_id = begin(where, JOIN, people)
    one_slice(act_id)
    with transaction():
        groups_service.remove(where.id, Kind.COMPANY, acme.id, by=acts.COMMAND)
    bulk_slices.run()
    found = bulk.get_act(where.id, act_id)
    assert (found.state, found.changed, "deleted meanwhile" in found.fault) == ("done", 2, True)


def test_whom_another_hand_took_out_and_put_in_anew_stays_in(session, where):
    acme, _ = companies(where)
    people = some(where, 2)
    act_id = begin(where, JOIN, people)
    with transaction():
        groups_service.leave(where.id, Kind.COMPANY, people[0])
        groups_service.join(where.id, Kind.COMPANY, acme.id, people[0])
    take_back(where, act_id)
    assert (list(memberships(people)), bulk.get_act(where.id, act_id).undone) == ([people[0]], 1)


def test_what_they_had_is_handed_out_and_erased_with_the_person(session, where):
    town(where)
    (who,) = some(where, 1)
    contacts_service.set_fields(where.id, who, {"town": "Kiel"})
    current().flush()
    begin(where, SET, [who], "town", ["Köln"])
    told = preferences.export(where.id, who)["people"][0]
    assert (told["act"], told["field"], told["value"], told["before"]) == ("set", "Town", "Köln", "Kiel")
    with transaction():
        service.erase(where.id, who, by=By("staff", str(where.owner_id)))
    assert kept_people() == 0


def test_slices_ask_as_often_for_many_as_for_few(session, where, count_statements, by_job, monkeypatch):  # noqa: F811
    monkeypatch.setattr(bulk_slices, "SLICE", 100)
    town(where)
    companies(where)
    for kind, name in ((JOIN, "Acme"), (LEAVE, "Acme"), (SET, "town"), (CLEAR, "town")):
        counts = []
        for size in (2, 12):
            people = some(where, size)
            if kind is LEAVE:
                bulk_slices.run()
                begin(where, JOIN, people)
            elif kind is CLEAR:
                begin(where, SET, people, "town", ["Ulm"])
            bulk_slices.run()
            act_id = begin(where, kind, people, name, ["Köln"])
            with count_statements() as statements:
                one_slice(act_id)
            assert bulk.get_act(where.id, act_id).changed == size
            counts.append(len(statements))
            bulk_slices.run()
        assert counts[0] == counts[1], kind


# --- The pages ---------------------------------------------------------------------------------------------------


def act(staff, people, **form):
    return staff.post("/people/tagging", who=people, shown=people, **form)


@pytest.mark.parametrize("do", ["join", ""], ids=["button", "Enter"])
def test_the_list_puts_people_into_a_company_and_takes_it_back(staff, where, do):
    people = [str(one) for one in some(where, 2)]
    location = act(staff, people, do=do, tag=" ", name="Acme & Co").location
    assert "The company “Acme & Co” is that of 2 people now." in unescape(staff.get(location).text)
    assert groups.find_by_name(where.id, Kind.COMPANY, "acme & co") is not None
    page = staff.get(act(staff, people[:1], do="leave", name="ACME & co").location).text
    assert "is no longer that of 1 person" in page
    undo = unescape(re.search(r'action="(/people/acts/[^"]+/undo[^"]*)"', page)[1])
    assert "is that of 1 person again" in staff.get(staff.post(undo).location).text
    assert [one.act for one in accounts.list_audit(where.id)[:2]] == ["people.grouping_undone", "people.grouped"]


def test_the_list_sets_a_field_and_says_who_was_changed_since(staff, where):
    town(where)
    ids = some(where, 3)
    people = [str(one) for one in ids]
    with transaction():
        contacts_service.set_fields(where.id, ids[0], {"town": "Köln"})
    location = act(staff, people, do="set", field="town", value="Köln").location
    assert "“Town” is “Köln” for 2 people now. 1 person had that before." in staff.get(location).text
    with transaction():
        current().expire_all()
        contacts_service.set_fields(where.id, ids[1], {"town": "Ulm"})
    act_id = location.rpartition("=")[2]
    staff.post(f"/people/acts/{act_id}/undo")
    assert "“Town” is as it was before for 1 person. 1 person was changed by somebody since, and stays so." in staff.get(
        "/people/acts"
    ).text
    assert stored(ids) == {ids[0]: "Köln", ids[1]: "Ulm"}
    assert "“Town” is empty for 2 people now." in staff.get(act(staff, people, do="clear", field="town").location).text


@pytest.mark.parametrize(
    ("form", "said", "name"),
    [
        ({"do": "join", "name": ""}, "Write a company.", "name"),
        ({"do": "leave", "name": "Nobody"}, "There is no company like this", "name"),
        ({"do": "set", "field": "", "value": "x"}, "Choose a field.", "field"),
        ({"do": "set", "field": "town", "value": ""}, "Write a value.", "value"),
        ({"do": "set", "field": "town", "value": "many"}, "Write a number", "value"),
        ({"do": "set", "field": "'; DROP", "value": "1"}, "Choose one of your fields.", "field"),
    ],
)
def test_a_fault_is_told_beside_its_input_with_what_was_written(staff, where, form, said, name):
    town(where, "number")
    people = [str(one) for one in some(where, 2)]
    answer = act(staff, people, **form)
    assert answer.status_code == 422
    assert said in unescape(answer.text)
    assert f'id="{name}-error"' in answer.text
    assert '<details class="bulk-more" open>' in answer.text
    if form.get("value"):
        assert f'name="value" type="text" value="{form["value"]}"' in answer.text or name == "field"
    assert list(bulk.list_acts(where.id)) == []


def test_the_input_for_a_value_is_that_of_its_kind(staff, where):
    town(where, "choice", choices=("Köln", "Ulm"))
    contacts_service.define_field(where.id, "Brews", "multi_choice", key="brews", choices=("Filter", "Moka"))
    contacts_service.define_field(where.id, "Birthday", "date", key="birthday")
    assert '<option value="Ulm">Ulm</option>' in staff.get("/people/acts/value?field=town").text
    assert 'type="checkbox" name="value" value="Moka"' in staff.get("/people/acts/value?field=brews").text
    assert 'name="value" type="date"' in staff.get("/people/acts/value?field=birthday").text
    assert 'name="value" type="text"' in staff.get("/people/acts/value?field=none").text
