"""Companies: found by name and domain, their people and sums, whom they suggest, and what programs do with them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.consent.rules import By
from app.contacts import service as contacts
from app.engagement.models import EngagementScore
from app.groups import queries, rules, service
from app.groups.rules import Details, Kind
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from app.people import queries as people
from app.people import service as people_service
from app.segments import queries as segments
from tests.support import make
from tests.support.accounts import make_member, sign_in


def company(where, name="Acme", *domains, **more):
    with transaction():
        return service.create(where.id, Kind.COMPANY, Details(name, domains=domains, **more), by=acts.COMMAND)


def put(where, group, *who, role=""):
    with transaction():
        for person in who:
            service.join(where.id, Kind(group.kind), group.id, person.id, role=role)


def members(where, group):
    return {row.address for row in queries.list_members(where.id, group.id).rows}


def counted(where, field, op, value=None):
    rule = {"field": field, "op": op} | ({"value": value} if value else {})
    return segments.count(where.id, segments.read(where.id, {"match": "all", "rules": [rule]}))


@pytest.mark.parametrize(
    ("typed", "read"),
    [("acme.example", ("acme.example",)), ("https://www.Acme.example/about", ("acme.example",)),
     ("@acme.example; büro.example acme.example", ("acme.example", "xn--bro-hoa.example"))],
)  # fmt: skip
def test_domains_are_read_as_people_write_them(typed, read):
    assert rules.read_domains(rules.split_domains(typed)) == read


@pytest.mark.parametrize(
    ("typed", "words"),
    [("nonsense", "is no domain"), ("1.2.3.4", "is no domain"), ("gmail.com", "Anybody may have a mailbox"),
     (" ".join(f"d{n}.example" for n in range(11)), "at most 10")],
)  # fmt: skip
def test_what_is_no_domain_of_a_company_is_refused(typed, words):
    with pytest.raises(ValueError, match=words):
        rules.read_domains(rules.split_domains(typed))


def test_the_pages_make_a_company_and_find_it(staff, where):
    assert "No company yet" in staff.get("/companies").text
    form = {"name": "Acme  GmbH", "domains": "acme.example", "website": "acme.example", "country": "DE", "size": "50", "about": "Met\nin Kiel"}
    answer = staff.post("/companies/new", **form)
    assert answer.status_code == 303
    page = staff.get(answer.headers["Location"]).text
    for words in ("Acme GmbH", "https://acme.example", "Germany", "Met\nin Kiel", "Nobody is in it yet"):
        assert words in page
    for query, found in (("ACME g", True), ("acme.example", True), ("%", False), ("other", False)):
        assert ("Acme GmbH" in staff.get("/companies", query_string={"q": query}).text) is found, query
    assert staff.get("/companies/suggest?name=acm").text.strip() == '<option value="Acme GmbH"></option>'
    url = answer.headers["Location"]
    assert 'value="acme.example"' in staff.get(f"{url}/edit").text
    assert staff.post(f"{url}/edit", **(form | {"name": "Acme AG", "domains": ""})).status_code == 303
    assert "Acme AG" in staff.get(url).text
    assert staff.post(f"{url}/delete").status_code == 303
    assert staff.get(url).status_code == 404
    assert [found.act for found in accounts.list_audit(where.id)[:3]] == ["company.deleted", "company.changed", "company.created"]


def test_what_does_not_fit_is_said_beside_its_input_and_kept(staff, where):
    answer = staff.post("/companies/new", name="", domains="gmail.com", country="XX", website="javascript:alert(1)")
    assert answer.status_code == 422
    assert 'value="gmail.com"' in answer.text
    assert "Give it a name" in answer.text
    answer = staff.post("/companies/new", name="Acme", domains="gmail.com", country="XX")
    for words in ("Anybody may have a mailbox at gmail.com", "Choose a country"):
        assert words in answer.text
    company(where, "Acme", "acme.example")
    answer = staff.post("/companies/new", name="ACME")
    assert (answer.status_code, "There is a company called “ACME” already" in answer.text) == (409, True)
    answer = staff.post("/companies/new", name="Other", domains="acme.example")
    assert (answer.status_code, "Another company has one of these domains" in answer.text) == (409, True)
    assert [row.name for row in queries.list_groups(where.id, Kind.COMPANY).rows] == ["Acme"]


def test_pages_of_the_list_and_of_people_go_on_and_back(where):
    for name in "abcde":
        company(where, name)
    first = queries.list_groups(where.id, Kind.COMPANY, limit=2)
    second = queries.list_groups(where.id, Kind.COMPANY, cursor=first.next_cursor, limit=2)
    third = queries.list_groups(where.id, Kind.COMPANY, cursor=second.next_cursor, limit=2)
    back = queries.list_groups(where.id, Kind.COMPANY, cursor=third.previous_cursor, limit=2)
    assert ["".join(row.name for row in page.rows) for page in (first, second, third, back)] == ["ab", "cd", "e", "cd"]
    assert (first.previous_cursor, third.next_cursor) == (None, None)
    group = company(where, "all")
    crowd = [make.person(where.id, f"p{n}@example.org") for n in range(3)]
    put(where, group, *crowd)
    page = queries.list_members(where.id, group.id, limit=2)
    rest = queries.list_members(where.id, group.id, page.next_cursor, limit=2)
    again = queries.list_members(where.id, group.id, rest.previous_cursor, limit=2)
    assert [len(found.rows) for found in (page, rest, again)] == [2, 1, 2]
    assert [row.contact_id for row in again.rows] == [row.contact_id for row in page.rows]


@pytest.mark.parametrize("cursor", ["nonsense", "W2ZhbHNlLCJhIiwiYiJd", "WzEsMl0"])
def test_a_cursor_that_is_not_whole_is_refused(staff, where, cursor):
    group = company(where)
    assert staff.get(f"/companies?page={cursor}").status_code == 400
    assert staff.get(f"/companies/{group.id}?page={cursor}").status_code == 400


def test_its_page_sums_up_its_people(staff, where, mara):
    nils = make.person(where.id, "nils@example.org", "Nils")
    make.confirmed(where, mara)
    group = company(where)
    put(where, group, mara, nils, role="Buyer")
    seen_at = clock.now() - timedelta(days=3)
    with transaction():
        session().add(EngagementScore(contact_id=mara.id, rules_no=1, workspace_id=where.id, s=1.0, human_signals=1, last_signal_at=seen_at))
    assert queries.sums(where.id, group.id) == queries.Sums(2, 1, seen_at)
    page = staff.get(f"/companies/{group.id}").text
    assert "3 days ago" in page
    assert page.count("Buyer") == 2


def test_people_come_in_by_their_address_and_go_out(staff, where, mara):
    group, other = company(where), company(where, "Other")
    put(where, other, mara)
    path = f"/companies/{group.id}"
    for typed, words in (("", "Write somebody"), ("nobody@example.org", "Nobody here has this address"), ("odd", "has an @")):
        answer = staff.post(f"{path}/people", person=typed)
        assert (answer.status_code, words in answer.text) == (422, True), typed
    assert "mara@example.org" in staff.get("/companies/people/suggest?person=mar").text
    assert staff.post(f"{path}/people", person="Mara@example.org", role="Buyer").status_code == 303
    assert (members(where, group), members(where, other)) == ({"mara@example.org"}, set()), "one at most"
    assert staff.post(f"/companies/{other.id}/people/{mara.id}/remove").status_code == 303
    assert members(where, group) == {"mara@example.org"}, "taken out of where they are not"
    assert staff.post(f"{path}/people/{mara.id}/remove").status_code == 303
    assert members(where, group) == set()


def test_people_at_its_domain_are_suggested_until_they_are_in_one(staff, where):
    group, other = company(where, "Acme", "acme.example"), company(where, "Other")
    ann, ben, cid = (make.person(where.id, f"{name}@acme.example", name) for name in ("ann", "ben", "cid"))
    make.person(where.id, "dan@not-acme.example")
    make.person(make.place("Strangers").id, "eve@acme.example")
    put(where, other, cid)
    path = f"/companies/{group.id}"
    page = staff.get(path).text
    assert [who in page for who in ("ann@acme", "ben@acme", "cid@acme", "dan@", "eve@")] == [True, True, False, False, False]
    person = staff.get(f"/people/{ann.id}").text
    assert "Their address is at" in person
    assert staff.post(f"{path}/suggested", contact_id=str(ann.id)).status_code == 303
    assert "Their address is at" not in staff.get(f"/people/{ann.id}").text
    assert staff.post(f"{path}/suggested/all").status_code == 303
    assert members(where, group) == {"ann@acme.example", "ben@acme.example"}
    assert "May belong to it" not in staff.get(path).text
    assert ben.id in {row.contact_id for row in queries.list_members(where.id, group.id).rows}


def test_a_persons_page_puts_them_into_one_found_or_made_by_name(staff, where, mara):
    known = company(where, "Acme")
    path = f"/companies/of/{mara.id}"
    assert staff.post(path, name="ACME", role="Buyer").status_code == 303
    assert members(where, known) == {"mara@example.org"}
    page = staff.get(f"/people/{mara.id}").text
    assert "Buyer" in page
    assert staff.post(path, name="New one").status_code == 303
    assert [row.name for row in queries.list_groups(where.id, Kind.COMPANY).rows] == ["Acme", "New one"]
    answer = staff.post(path, name="Third", role="x" * 81)
    assert (answer.status_code, 'value="Third"' in answer.text) == (422, True)
    assert staff.post(f"{path}/leave").status_code == 303
    assert queries.belonging(where.id, mara.id) == []


def test_segments_choose_by_company(where, mara):
    nils = make.person(where.id, "nils@example.org", "Nils")
    make.person(where.id, "ada@example.org", "Ada")
    put(where, company(where, "Acme GmbH", country="DE"), mara, role="Buyer")
    put(where, company(where, "Bolt"), nils)
    assert [counted(where, "groups.company", op, "acme gmbh") for op in ("is", "is_not")] == [1, 2]
    assert counted(where, "groups.company", "contains", "CME") == 1
    assert [counted(where, "groups.company", op) for op in ("is_known", "is_not_known")] == [2, 1]
    assert [counted(where, "groups.company_country", op, "DE") for op in ("is", "is_not")] == [1, 2]
    assert counted(where, "groups.company_country", "is_known") == 1
    assert counted(where, "groups.role", "is", "buyer") == 1


def test_who_asks_for_their_data_gets_it_and_erasing_takes_them_out(staff, where, mara):
    group = company(where)
    put(where, group, mara, role="Buyer")
    told = people.export(where.id, mara.id)["groups"]["company"]
    assert (told["name"], told["role"]) == ("Acme", "Buyer")
    with transaction():
        people_service.erase(where.id, mara.id, by=By("system"))
    assert (members(where, group), queries.sums(where.id, group.id).people) == (set(), 0)
    with pytest.raises(Conflict):
        put(where, group, mara)
    assert 'id="groups"' not in staff.get(f"/people/{mara.id}").text
    assert staff.post(f"/companies/of/{mara.id}", page="/settings/you", name="Acme").status_code == 409


def test_who_may_only_read_sees_it(client, where, mara):
    group = company(where, "Acme", "example.org")
    put(where, group, mara)
    make.person(where.id, "nils@example.org", "Nils")
    assert sign_in(client, make_member(where.id, Role.VIEWER)).status_code == 303
    page = client.get(f"/companies/{group.id}").text
    assert "mara@example.org" in page
    for words in ("Take out", "Add somebody", "Delete", "May belong", ">Edit<"):
        assert words not in page
    assert "New company" not in client.get("/companies").text
    assert "Put into a company" not in client.get(f"/people/{mara.id}").text


def test_another_workspace_has_its_own(where, mara):
    group, other = company(where), make.place("Other")
    with pytest.raises(NotFound):
        service.join(other.id, Kind.COMPANY, group.id, mara.id)
    with pytest.raises(NotFound):
        service.join(where.id, Kind.HOUSEHOLD, group.id, mara.id)
    company(other, "Acme", "acme.example")
    assert [row.name for row in queries.list_groups(other.id, Kind.COMPANY).rows] == ["Acme"]


def test_programs_make_find_change_and_fill_companies(where, mara, program):
    made = program("POST", "/companies", name="Acme", domains=["https://acme.example"], country="DE")
    assert (made.status_code, made.json["domains"], made.json["people"]) == (201, ["acme.example"], 0)
    one = f"/companies/{made.json['id']}"
    assert program("POST", "/companies", name="acme").status_code == 409
    assert program("POST", "/companies", name="x", domains=["web.de"]).json["errors"].keys() == {"domains"}
    assert program("PUT", one, name="Acme AG", size="50").json["size"] == "50"
    assert program("PUT", f"{one}/people/{mara.id}", role="Buyer").json["role"] == "Buyer"
    assert program("PUT", f"{one}/people/{mara.id}", role="Head").status_code == 200
    assert [(row["email"], row["role"]) for row in program("GET", f"{one}/people").json["people"]] == [("mara@example.org", "Head")]
    listed = program("GET", "/companies?q=acme").json
    assert [(row["name"], row["people"]) for row in listed["companies"]] == [("Acme AG", 1)]
    assert program("DELETE", f"{one}/people/{mara.id}").status_code == 204
    assert program("GET", one).json["people"] == 0
    assert program("POST", "/companies", name="x", scopes=["people.read"]).status_code == 403
    assert program("POST", "/households", name="Family Lund").status_code == 201
    assert program("POST", "/households", name="x", domains=["acme.example"]).status_code == 422


def test_the_same_company_is_made_once_by_two_files(where):
    with transaction():
        for import_id in (where.id, where.owner_id):
            service.ensure_companies(where.id, {"acme": "Acme", "bolt": "Bolt"}, import_id=import_id)
        service.forget_import(where.owner_id)
    assert session().execute(text("SELECT count(*) FROM groups")).scalar_one() == 2
    with transaction():
        service.forget_import(where.id)
    assert session().execute(text("SELECT count(*) FROM groups")).scalar_one() == 0


def test_a_household_has_its_own_words_number_and_letters(staff, where, mara):
    nils, ada = (make.person(where.id, f"{name}@example.org", name.title()) for name in ("nils", "ada"))
    assert "No household yet" in staff.get("/households").text
    for who in (mara, nils):
        assert staff.post(f"/households/of/{who.id}", name="Family Yıldız").status_code == 303
    page = staff.get(f"/people/{mara.id}").text
    assert "Family Yıldız" in page
    assert f'href="/people/{nils.id}"' in page
    assert [counted(where, "groups.household", op, "2") for op in ("at_least", "is")] == [2, 2]
    assert counted(where, "groups.household", "is_not_known") == 1
    (household,) = queries.list_groups(where.id, Kind.HOUSEHOLD).rows
    path = f"/households/{household.id}"
    assert staff.post(f"{path}/postal", postal="Mara Lund\r\nSpeicherweg 4\r\n24103 Kiel").status_code == 303
    from app.contacts import queries as contact_queries

    assert contact_queries.find_address(where.id, nils.id, "post").address == "Mara Lund\nSpeicherweg 4\n24103 Kiel"
    assert "Speicherweg 4\n24103 Kiel</textarea>" in staff.get(path).text
    with transaction():
        contacts.set_postal(where.id, nils.id, "Elsewhere 1")
    assert "different postal addresses" in staff.get(path).text
    answer = staff.post(f"{path}/postal", postal="\n".join("1234567"))
    assert (answer.status_code, "at most 6 lines" in answer.text) == (422, True)
    assert ada.id not in {row.contact_id for row in queries.list_members(where.id, household.id).rows}


def test_a_household_is_small_and_goes_with_the_last_of_its_people(where, mara, monkeypatch):
    with transaction():
        first = service.find_or_create(where.id, Kind.HOUSEHOLD, "Family Lund", by=acts.COMMAND)
    put(where, first, mara)
    monkeypatch.setattr(service, "MAX_HOUSEHOLD", 1)
    nils = make.person(where.id, "nils@example.org")
    with pytest.raises(BadInput):
        put(where, first, nils)
    session().rollback()
    with transaction():
        people_service.erase(where.id, mara.id, by=By("system"))
    left = {row.name for row in queries.list_groups(where.id, Kind.HOUSEHOLD).rows}
    assert left == set(), "its name is that of who was erased"
