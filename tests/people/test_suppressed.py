"""Who must not be written to: one-way reasons, lists that come and go as files, and nothing that brings anybody back."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.queries import suppressed
from app.consent.rules import Basis, By, Proof, Reason
from app.consent.rules.grounds import Act, Claim
from app.consent.rules.suppressing import read
from app.contacts import service as contacts
from app.contacts.addresses import normalise
from app.kernel import clock, csvs
from app.kernel.db import transaction
from app.people import service as people
from tests.support import make
from tests.support.accounts import csrf_of

PAGE = "/people/suppressed"


def enter(staff, **form):
    return staff.post(PAGE, page=PAGE, **form)


def reach(session, who):
    session.expire_all()
    query = text("SELECT suppressed_reason FROM reach WHERE contact_id = :id AND channel = 'email'")
    return session.execute(query, {"id": who.id}).scalar_one_or_none()


def grant(where, who):
    """What an import or a program would enter."""
    claim = Claim(
        Basis.CONSENT, Act.DECLARATION, clock.now() - timedelta(days=1), reference="row 7", text="Yes.", is_doubly=True
    )
    with transaction():
        return consent.grant(
            where.id, who.id, where.interests[0].id, claim, by=By("api_key", "7"), method="import", evidence="claimed"
        )


def known(where, address: str):
    key = consent.address_hash(normalise(address).key)
    return consent_queries.find_suppression(where.id, key)


def test_a_list_counts_at_once_for_people_and_for_addresses_nobody_has(staff, where, session):
    assert "Nobody is on this list" in staff.get(PAGE).text
    mara, jo = make.person(where.id, "mara@example.org"), make.person(where.id, "jo@example.org")
    make.confirmed(where, mara)
    answer = enter(
        staff, addresses="Mara@Example.org, spam\njo@example.org\nnobody@example.org, unsubscribed\nno address\n", reason="bounce"
    )
    assert answer.status_code == 200
    assert "2 people are not written to" in answer.text
    assert "1 address that nobody here has" in answer.text
    assert "Line 4: " in answer.text
    assert (reach(session, mara), reach(session, jo)) == ("complaint", "bounce")
    assert known(where, "nobody@example.org").reason == "never"
    page = staff.get(PAGE).text
    assert "mara@example.org" in page
    assert "nobody@example.org" not in page
    assert "Nobody’s, hash" in page
    assert "mara@example.org" not in staff.get(f"{PAGE}?reason=never").text
    assert "Nobody@example.org is on the list: Never write" in staff.get(f"{PAGE}?q=Nobody@example.org").text
    assert "tom@example.org is not on the list" in staff.get(f"{PAGE}?q=tom@example.org").text
    assert "is no whole address" in staff.get(f"{PAGE}?q=tom").text


@pytest.mark.parametrize("reason", [Reason.COMPLAINT, Reason.NEVER])
def test_nothing_undoes_a_one_way_reason(staff, where, session, reason):
    mara = make.person(where.id, "mara@example.org")
    with transaction():
        consent.suppress(where.id, mara.id, reason, by=By("system"))
    enter(staff, addresses="mara@example.org", reason="bounce")
    with pytest.raises(consent.PersonSaidNo):
        grant(where, mara)
    make.confirmed(where, mara)
    assert reach(session, mara) == reason
    assert known(where, "mara@example.org").reason == reason
    with transaction():
        people.erase(where.id, mara.id, by=By("staff", str(where.owner_id)))
    assert known(where, "mara@example.org").reason == reason
    assert known(where, "mara@example.org").contact_id is None
    again = make.person(where.id, "Mara@example.org")
    with pytest.raises(consent.PersonSaidNo):
        grant(where, again)
    make.confirmed(where, again)
    assert reach(session, again) == reason


def test_who_was_erased_comes_back_by_their_own_act_only(where, session):
    mara = make.person(where.id, "mara@example.org")
    with transaction():
        people.erase(where.id, mara.id, by=By("staff", str(where.owner_id)))
    again = make.person(where.id, "mara@example.org")
    with pytest.raises(consent.PersonSaidNo):
        grant(where, again)
    make.confirmed(where, again, interests=1)
    assert known(where, "mara@example.org") is None
    assert reach(session, again) is None
    with transaction():
        consent.withdraw(where.id, again.id, [where.interests[0].id], by=By(), proof=Proof())
    with pytest.raises(consent.PersonSaidNo):
        grant(where, again)


def test_an_address_that_is_entered_before_anybody_has_it_stays_refused(staff, where, session):
    enter(staff, addresses="mara@example.org,complaint\njo@example.org,bounce", reason="never")
    enter(staff, addresses="mara@example.org,bounce\njo@example.org,bounce", reason="never")
    for address in ("mara@example.org", "jo@example.org"):
        with pytest.raises(consent.PersonSaidNo):
            grant(where, make.person(where.id, address))
    with transaction():
        who, _ = contacts.find_or_create(where.id, normalise("mara@example.org"))
    make.confirmed(where, who)
    assert reach(session, who) == "complaint"


def test_what_is_exported_can_be_entered_again_and_runs_nowhere(staff, where, client, session):
    formula = make.person(where.id, "=cmd@example.org")
    with transaction():
        consent.suppress(where.id, formula.id, Reason.COMPLAINT, by=By("system"))
    enter(staff, addresses="gone@example.org", reason="never")
    answer = staff.get(f"{PAGE}.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="suppressed.csv"'
    assert '"\'=cmd@example.org"' in answer.text
    assert "gone@" not in answer.text
    listed, unread = read(csvs.read(answer.data, 100), Reason.BOUNCE)
    assert unread == []
    assert {(one.address.address if one.address else one.hash, one.reason) for one in listed} == {
        ("=cmd@example.org", Reason.COMPLAINT),
        (consent.address_hash("gone@example.org"), Reason.NEVER),
    }
    before = staff.get(f"{PAGE}.csv").data
    session.execute(text("DELETE FROM suppressions WHERE contact_id IS NULL"))
    token = csrf_of(client.get(PAGE).text)
    file = {"csrf": token, "reason": "bounce", "addresses": "", "file": (io.BytesIO(answer.data), "list.csv")}
    assert client.post(PAGE, data=file, content_type="multipart/form-data").status_code == 200
    assert known(where, "gone@example.org").reason == "never"
    assert len(staff.get(f"{PAGE}.csv").data.splitlines()) == len(before.splitlines())


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "Write at least one address"),
        ("m@example.org".encode("utf-16"), "in UTF-8"),
        (b"a\x00@example.org", "in UTF-8"),
        (b"x" * 3000, "too long"),
        (b"a@example.org\n" * 10_001, "at most 10,000 lines"),
        (b'"' + b"a" * 140_000, "Line 1"),
    ],
)
def test_a_file_that_is_none_says_what_to_do(staff, where, client, raw, said):
    token = csrf_of(client.get(PAGE).text)
    file = {"csrf": token, "reason": "never", "addresses": "", "file": (io.BytesIO(raw), "list.csv")}
    answer = client.post(PAGE, data=file, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert said in answer.text


def test_a_cell_that_could_begin_a_formula_is_text():
    for cell in ("=1+1", "+1", "-1", "@x", "\t=1", "\r1", "＝1", " =1", '"=1', ";=1", "'=1"):
        assert csvs.safe(cell)[0] == "'", cell
        assert csvs.unsafe(csvs.safe(cell)) == cell
    for cell in ("mara@example.org", "", "'tis", "O'Neill"):
        assert csvs.safe(cell) == csvs.unsafe(cell) == cell


def test_pages_go_back_and_forth(staff, where, monkeypatch):
    monkeypatch.setattr(suppressed, "ROWS", 2)
    for n in range(5):
        with transaction():
            consent.suppress(where.id, make.person(where.id, f"p{n}@example.org").id, Reason.NEVER, by=By("system"))
    first = suppressed.list_suppressed(where.id)
    second = suppressed.list_suppressed(where.id, cursor=first.next_cursor)
    third = suppressed.list_suppressed(where.id, cursor=second.next_cursor)
    assert [len(page.rows) for page in (first, second, third)] == [2, 2, 1]
    assert third.next_cursor is None
    assert suppressed.list_suppressed(where.id, cursor=third.previous_cursor).rows == second.rows
    assert staff.get(f"{PAGE}?page=nonsense").status_code == 400
    assert suppressed.list_suppressed(make.place("Other").id).rows == []
