"""Erasing: nothing of the person is left anywhere, and the proof still holds."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from app.consent import history
from app.consent import service as consent
from app.consent.rules import By, Proof, Reason
from app.consent.verify import verify
from app.contacts import queries as contacts_queries
from app.contacts import service as contacts
from app.contacts.addresses import normalise
from app.delivery import service as delivery
from app.forms import queries as forms_queries
from app.forms import service as forms
from app.forms.service import Post
from app.kernel import module
from app.kernel.db import Base, session, transaction
from app.kernel.errors import Conflict, NotFound
from app.people import service
from tests.support import make

ADDRESS, FIRST, LAST, TOWN = "Quillon.Zapff@Rare-Word.example", "Quillon", "Zapff", "Zzyzxtown"
IP, AGENT, NOTE = "203.0.113.77", "PeculiarBrowser/9.9", "xylophone note"
TRACES = ("quillon", "zapff", "rare-word", "zzyzxtown", IP, "peculiarbrowser", "xylophone", "secret-campaign")


def dump(url: str) -> str:
    """Every row of every table as text; bytes as the characters they stand for."""
    lines = []
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(sql.SQL("SELECT t.*::text FROM {} t").format(sql.Identifier(table)))
            lines += [f"{table}: {row[0]}" for row in rows]
        readable = connection.execute(
            "SELECT convert_from(body, 'UTF8') FROM consent_events"
            " UNION ALL SELECT convert_from(body, 'UTF8') FROM consent_personal"
        )
        lines += [f"readable: {row[0]}" for row in readable]
    return "\n".join(lines).lower()


def traces(live) -> list[str]:
    return [
        line
        for line in dump(live.config["NOD"].database_url).splitlines()
        if any(word in line for word in TRACES)
    ]


def sign_up(where, **more):
    """Sign up with the workspace's first form, as a visitor would."""
    form = forms_queries.list_forms(where.id)[0].form
    version = forms_queries.list_versions(form)[0]
    post = Post(
        address=normalise(ADDRESS),
        interests=version.words.interests,
        tracking=True,
        proof=Proof(ip=IP, user_agent=AGENT, http_method="POST"),
        page_url=f"https://ostkai.example/shop?email={ADDRESS}",
        referrer=f"https://ostkai.example/secret-campaign?to={ADDRESS}" if more else "",
        profile={"first_name": FIRST, "last_name": LAST},
    )
    with transaction():
        forms.submit(form, version, post)
        return contacts_queries.find_by_key(where.id, normalise(ADDRESS).key)


def newest_request(where, who):
    from app.consent import queries

    return queries.find_newest_request(where.id, who.id)


@pytest.fixture
def place(live):
    return make.place()


@pytest.fixture
def somebody(place):
    """A person with traces in every room: profile, ledger, mails, an open answer of a form."""
    who = sign_up(place)
    with transaction():
        consent.confirm(newest_request(place, who).id, by=By(), proof=Proof(ip=IP, user_agent=AGENT))
        contacts.define_field(place.id, "Town", "text")
        contacts.set_fields(place.id, who.id, {"town": TOWN})
        delivery.send_system(
            place.id, "preferences-link", dedupe=who.id, contact_id=who.id, data={"note": NOTE}
        )
        session().execute(
            text("UPDATE messages SET state = 'sent', reply_text = :said"), {"said": f"250 ok for {ADDRESS}"}
        )
        consent.suppress(place.id, who.id, Reason.BOUNCE, by=By("system"), detail=NOTE)
    sign_up(place)
    return who


def test_no_table_holds_a_trace_of_somebody_erased(live, place, somebody):
    before = traces(live)
    found = {line.partition(":")[0] for line in before}
    assert {"contacts", "addresses", "submissions", "messages", "readable"} <= found, found
    with transaction():
        assert service.erase(place.id, somebody.id, by=By("staff", str(place.owner_id)))
    assert traces(live) == []


def test_the_ledger_still_proves_itself_and_says_who_erased(live, place, somebody):
    with transaction():
        consent.seal_now()
    with transaction():
        service.erase(place.id, somebody.id, by=By("staff", str(place.owner_id)))
        entries = history.list_history(place.id, somebody.id)
        assert (entries[0].kind, entries[0].body["actor"]) == (
            "erased",
            {"kind": "staff", "id": str(place.owner_id)},
        )
        assert [entry.kind for entry in entries].count("erased") == 1
        assert not any(entry.personal for entry in entries)
    with transaction():
        consent.seal_now()
        report = verify()
    assert report.holds, report.faults
    assert report.erased_people == 1


def test_erasing_twice_changes_nothing_more(live, place, somebody):
    with transaction():
        assert service.erase(place.id, somebody.id, by=By("system"))
    with transaction():
        assert not service.erase(place.id, somebody.id, by=By("system"))
        assert [entry.kind for entry in history.list_history(place.id, somebody.id)].count("erased") == 1


def test_when_one_room_fails_nobody_is_half_erased(live, place, somebody, monkeypatch):
    def fail(_workspace, _contact):
        raise RuntimeError("this room burns")

    broken = module.Module("zoo", personal_data=(module.PersonalData("zoo", (), dict, fail),))
    monkeypatch.setattr(module, "_installed", {"zoo": broken, **module._installed})
    before = len(traces(live))
    with pytest.raises(RuntimeError), transaction():
        service.erase(place.id, somebody.id, by=By("system"))
    assert len(traces(live)) == before


def test_rooms_are_emptied_from_above_to_below(live, place, somebody, monkeypatch):
    order = []

    def noted(name):
        data = module.PersonalData(name, (), dict, lambda *_: order.append(name))
        return module.Module(name, personal_data=(data,))

    monkeypatch.setattr(
        module, "_installed", {**module._installed, "shop": noted("shop"), "cinema": noted("cinema")}
    )
    with transaction():
        service.erase(place.id, somebody.id, by=By("system"))
    assert order == ["cinema", "shop"]


def gate(place, who) -> int:
    from app.consent import queries
    from app.kernel import clock

    statement = (
        "SELECT count(*) FROM permissions p JOIN reach r USING (workspace_id, contact_id, channel) "
        f"WHERE p.contact_id = :who AND p.purpose = 'marketing' AND {queries.gate_sql()}"
    )
    with transaction() as current:
        return current.execute(text(statement), {"who": who.id, "now": clock.now()}).scalar_one()


def test_somebody_erased_may_come_back_by_their_own_act(live, place, somebody):
    with transaction():
        service.erase(place.id, somebody.id, by=By("system"))
    again = sign_up(place)
    assert again.id != somebody.id
    assert gate(place, again) == 0
    with transaction():
        consent.confirm(newest_request(place, again).id, by=By(), proof=Proof())
    assert gate(place, again) == 1


@pytest.mark.parametrize("reason", [Reason.COMPLAINT, Reason.NEVER])
def test_a_complaint_outlives_the_person_and_their_new_sign_up(live, place, somebody, reason):
    with transaction():
        consent.suppress(place.id, somebody.id, reason, by=By("system"))
        service.erase(place.id, somebody.id, by=By("system"))
    again = sign_up(place)
    with transaction():
        consent.confirm(newest_request(place, again).id, by=By(), proof=Proof())
    assert gate(place, again) == 0


def test_an_open_question_of_somebody_erased_cannot_be_answered(live, place, somebody):
    request = newest_request(place, somebody)
    with transaction():
        service.erase(place.id, somebody.id, by=By("system"))
    with pytest.raises(consent.RequestOver), transaction():
        consent.confirm(request.id, by=By(), proof=Proof(ip=IP))
    assert traces(live) == []


def test_nothing_is_written_on_somebody_erased(live, place, somebody):
    with transaction():
        service.erase(place.id, somebody.id, by=By("system"))
    by = By("staff", str(place.owner_id))
    for act in (
        lambda: service.change(place.id, somebody.id, service.Profile(FIRST)),
        lambda: service.never_write(place.id, somebody.id, by=by),
        lambda: service.ask(place.id, somebody.id, [place.interests[0].id], by=by, page_url=""),
    ):
        with pytest.raises(Conflict), transaction():
            act()


def test_nobody_of_another_workspace_can_be_erased(live, place, somebody):
    other = make.place("Other")
    with pytest.raises(NotFound), transaction():
        service.erase(other.id, somebody.id, by=By("system"))


def test_every_table_that_points_to_a_person_belongs_to_some_rooms_personal_data(app):
    pointing = {
        name
        for name, table in Base.metadata.tables.items()
        if "contact_id" in table.columns
        or any(key.column.table.name == "contacts" for key in table.foreign_keys)
    }
    assert len(pointing) >= 7
    named = [table for found in module.installed() for data in found.personal_data for table in data.tables]
    assert pointing | {"contacts"} <= set(named)
    assert len(named) == len(set(named)), "one table, one owner"


# --- The page ---------------------------------------------------------------------------------------------------


def test_the_page_asks_for_the_word_and_then_shows_what_stays(session, staff, where, mara):
    make.confirmed(where, mara)
    path = f"/people/{mara.id}/erase"
    assert "What stays" in staff.get(path).text
    for word in ("", "Erase", "delete", "erase it"):
        answer = staff.post(path, page=path, word=word)
        assert answer.status_code == 422
        session.expire_all()
        assert contacts_queries.get_contact(where.id, mara.id).erased_at is None
    answer = staff.post(path, page=path, word=" erase ")
    assert answer.status_code == 303
    page = staff.get(answer.headers["Location"]).text
    assert "This person was erased" in page
    assert "mara" not in page.lower()
    assert "Only a keyed hash of the address is left" in page
    assert "Measuring opens and clicks" not in page
    assert staff.get(path).status_code == 409
    assert staff.get(f"/people/{mara.id}/edit").status_code == 409
    assert "mara@example.org" not in staff.get("/people").text


def test_the_record_of_acts_names_who_erased_whom_without_a_name(staff, where, mara):
    from app.accounts import queries as accounts

    path = f"/people/{mara.id}/erase"
    staff.post(path, page=path, word="erase")
    newest = accounts.list_audit(where.id)[0]
    assert (newest.act, newest.actor_id) == ("person.erased", where.owner_id)
    assert "mara" not in str(newest.detail).lower()


def test_erasing_needs_the_token_of_our_page(staff, mara):
    assert staff.client.post(f"/people/{mara.id}/erase", data={"word": "erase"}).status_code == 403


def test_never_is_offered_as_long_as_somebody_could_come_back(staff, where, mara):
    make.confirmed(where, mara)
    consent.stop_everything(where.id, mara.id, by=By(), proof=Proof())
    assert "Never write again" in staff.get(f"/people/{mara.id}").text
    consent.suppress(where.id, mara.id, Reason.BOUNCE, by=By("system"))
    assert "Never write again" in staff.get(f"/people/{mara.id}").text
    consent.suppress(where.id, mara.id, Reason.COMPLAINT, by=By("system"))
    assert "Never write again" not in staff.get(f"/people/{mara.id}").text


def test_never_is_one_way_and_keeps_its_reason_with_the_person(staff, where, mara):
    path = f"/people/{mara.id}/never"
    assert "take this back" in staff.get(path).text
    assert staff.post(path, page=path, detail="Asked us by phone").status_code == 303
    page = staff.get(f"/people/{mara.id}").text
    assert "Entered as “never write” on" in page
    assert "Never write again" not in page
    entry = history.list_history(where.id, mara.id)[0]
    assert entry.personal["detail"] == "Asked us by phone"
    assert "phone" not in str(entry.body)
    assert entry.body["actor"] == {"kind": "staff", "id": str(where.owner_id)}
    make.confirmed(where, mara)
    assert {found.word.value for found in history.verdicts(where.id, mara.id)} == {"never"}


def test_the_command_erases_in_every_room(live, place, somebody):
    runner = live.test_cli_runner()
    told = runner.invoke(args=["people", "erase", str(place.id), str(somebody.id), "--yes"])
    assert told.exit_code == 0, told.output
    assert not traces(live)
    told = runner.invoke(args=["people", "erase", str(place.id), str(somebody.id), "--yes"])
    assert "erased before" in told.output
