"""A file of people: looked at, checked, taken, taken back."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from app.consent import history
from app.consent import service as consent
from app.consent.rules import By, Proof, Reason
from app.consent.rules.suppressing import Listed
from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.contacts.addresses import normalise
from app.imports import permitting, staging, taking
from app.kernel import outgoing
from app.kernel.db import session, transaction
from app.kernel.errors import Conflict
from app.kernel.outgoing import Answer
from tests.imports.conftest import PAGE, Importer
from tests.support import make


def person(where, key: str):
    session().expire_all()
    return contacts.find_by_key(where.id, key)


def test_a_file_is_guessed_checked_and_taken(staff, where):
    url = staff.give("E-Mail;Vorname;Nachname;Sprache\nMara@Example.org;Mära;Yıldız;de\n\nno address;X;Y;en\nben@example.org;Ben;;fr_FR\nmara@example.ORG;Twice;;\n")
    page = staff.get(url).text
    assert "Mära" in page
    assert staff.check(url).status_code == 303
    page = staff.get(url).text
    assert "Bring in 2 people" in page
    assert "stands in the file twice" in page
    assert person(where, "mara@example.org") is None, "a check changes nothing"
    assert staff.take(url) == {"new": 2}
    mara = person(where, "mara@example.org")
    assert (mara.first_name, mara.last_name, mara.language, mara.name_folded) == ("Mära", "Yıldız", "de", "mara yildiz")
    assert person(where, "ben@example.org").language == "fr"
    left = staff.get(f"{url}/left-out.csv").text
    assert '"no address","X","Y","en","2","' in left
    assert '"mara@example.ORG","Twice","","","4","stands in the file twice"' in left
    page = " ".join(staff.get(url).text.split())
    assert "What became of it" in page
    assert "stands in the file twice" in page, "what was left out by the check is told and to be had here, too"
    assert "left-out.csv" in page


@pytest.fixture
def mara(where):
    who = make.person(where.id, "mara@example.org", "Mara")
    with transaction():
        contacts_service.define_field(where.id, "City", "text", key="city")
        contacts_service.define_field(where.id, "Beans", "choice", key="beans", choices=["dark", "light"])
        contacts_service.set_fields(where.id, who.id, {"city": "Kiel"})
    return who


HEAD = "email,first name,last name,City,Beans\n"


@pytest.mark.parametrize(
    ("known", "verdict", "name", "fields"),
    [
        ("update", "changed", "Maria Alt", {"city": "Bremen", "beans": "dark"}),
        ("fill", "changed", "Mara Alt", {"city": "Kiel", "beans": "dark"}),
        ("skip", "is here already", "Mara", {"city": "Kiel"}),
    ],
)
def test_who_is_here_already_is_changed_filled_in_or_left(staff, where, mara, known, verdict, name, fields):
    counts = staff.bring(f"{HEAD}mara@example.org,Maria,Alt,Bremen,dark\nnew@example.org,,,,light\n", known=known)
    assert {word: counts[word] for word in ("new", verdict)} == {"new": 1, verdict: 1}
    found = person(where, "mara@example.org")
    assert (found.name, found.fields, found.name_folded) == (name, fields, name.lower())
    again = staff.bring(f"{HEAD}mara@example.org,Maria,Alt,Bremen,dark\n", known=known)
    assert again.get("unchanged") == (None if known == "skip" else 1)


def test_an_empty_cell_takes_nothing_away(staff, where, mara):
    assert staff.bring(f"{HEAD}mara@example.org,,,,\n") == {"unchanged": 1}
    assert person(where, "mara@example.org").fields == {"city": "Kiel"}


def test_a_cell_that_does_not_fit_leaves_its_row_out_and_says_why(staff, where, mara):
    long = "x" * 90
    counts = staff.bring(f"{HEAD}a@example.org,A,B,,medium\nb@example.org,{long},,,\nc@example.org,C,D,,light\n")
    assert counts["new"] == 1
    assert counts["Beans: Choose one of the values offered."] == 1
    assert any("at most 80 characters" in word for word in counts)
    assert person(where, "a@example.org") is None


def claimed(where, **more):
    return {
        "has_permission": "claimed", "interest": str(where.interests[0].id), "words": "Yes, write to me.",
        "source": "the shop in Kiel", "said_on": "2026-05-01", "declaration": "They signed our book.", **more,
    }  # fmt: skip


def test_a_declared_yes_is_a_claim_of_this_row_of_this_file(staff, where, mara):
    url = staff.give("email,optin_time,optin_ip\nmara@example.org,2025-03-04 10:00:00,192.0.2.7\nnew@example.org,,\n")
    staff.check(url, **claimed(where))
    assert staff.take(url)["yes"] == 2
    event = history.list_history(where.id, mara.id)[0]
    file = staff.found(url)
    assert event.body["import"]["sha256"] == file.sha256
    assert event.body["import"]["row"] == 1
    assert event.body["import"]["said_at"].startswith("2025-03-04T10:00:00")
    assert event.personal["source"] == "the shop in Kiel"
    assert make.standing(where, mara)["New coffees"] == "yes"
    verdict = next(found for found in history.verdicts(where.id, mara.id) if found.word == "yes")
    assert "because a file says that the person said yes on 4 March 2025, brought in on" in verdict.sentence
    assert "no answer to a question of ours" in verdict.sentence, "nobody pressed a button of ours"
    assert {("Basis", "Consent, claimed by a file"), ("Declared", "They signed our book.")} <= set(verdict.facts)
    assert "2 people may be written to because of this file" in staff.get(url).text


def test_no_file_turns_a_no_into_a_yes(staff, where, mara, session):
    left, never = make.person(where.id, "left@example.org"), make.person(where.id, "never@example.org")
    make.confirmed(where, left)
    with transaction():
        consent.withdraw(where.id, left.id, [where.interests[0].id], by=By("person"), proof=Proof())
        consent.suppress(where.id, never.id, Reason.NEVER, by=By("staff", "7"))
        consent.enter_list(where.id, [Listed(1, Reason.COMPLAINT, normalise("gone@example.org"))], by=By("staff", "7"))
    counts = staff.bring(
        "email,first name\nleft@example.org,New\nnever@example.org,New\ngone@example.org,New\nmara@example.org,New\n",
        **claimed(where),
    )
    assert counts["must not be written to"] == 2, "their rows change nothing at all"
    assert (person(where, "never@example.org").first_name, person(where, "gone@example.org")) == ("Mara", None)
    assert (counts["yes"], counts["no yes: has a no here"]) == (1, 1)
    assert make.standing(where, left)["New coffees"] == "no"


PAST = {
    "yes@example.org": "has or had a permission here", "no@example.org": "has a no here", "asked@example.org": "is being asked",
    "stopped@example.org": "must not be written to", "late@example.org": "lacks when and where the person said yes",
    "ahead@example.org": "lacks when and where the person said yes", "new.late@example.org": "lacks when and where the person said yes",
    "here@example.org": "", "new@example.org": "",
}  # fmt: skip


def test_a_check_tells_whom_the_file_gives_a_permission_and_why_not_the_others(staff, where, monkeypatch):
    """By slices of two, so that the sums are of more than one."""
    monkeypatch.setattr(staging, "TAKE_AT_ONCE", 2)
    people = {key: make.person(where.id, key) for key in PAST if "new" not in key}
    make.asked(where, people["asked@example.org"])
    for key in ("yes@example.org", "no@example.org", "stopped@example.org"):
        make.confirmed(where, people[key])
    with transaction():
        consent.withdraw(where.id, people["no@example.org"].id, [where.interests[0].id], by=By("person"), proof=Proof())
        consent.stop_everything(where.id, people["stopped@example.org"].id, by=By("person"), proof=Proof())
        consent.enter_list(where.id, [Listed(1, Reason.COMPLAINT, normalise("gone@example.org"))], by=By("staff", "7"))
    at = {"late@example.org": "", "new.late@example.org": "", "ahead@example.org": "2199-01-01"}
    url = staff.give("email,optin_time\n" + "".join(f"{key},{at.get(key, '2025-05-01')}\n" for key in [*PAST, "gone@example.org"]))
    staff.check(url, **claimed(where, said_on="2025-05-01"))
    # A day for all is a day of those, too, whose row has none: without one they lack it.
    assert dict(staff.found(url).checked)["yes"] == 4
    staff.post(f"{url}/back", page=url)
    events = session().execute(text("SELECT count(*) FROM consent_events")).scalar_one()
    staff.check(url, **claimed(where, said_on=""))
    assert session().execute(text("SELECT count(*) FROM consent_events")).scalar_one() == events, "a check writes nothing"
    assert not session().execute(text("SELECT count(*) FROM consent_texts WHERE body = 'Yes, write to me.'")).scalar_one()
    checked = dict(staff.found(url).checked)
    wanted = {f"no yes: {why}": list(PAST.values()).count(why) for why in PAST.values() if why} | {"yes": 2}
    assert {word: n for word, n in checked.items() if "yes" in word} == wanted
    page = " ".join(staff.get(url).text.split())
    assert "2 people could be written to because of this file" in page
    assert "1 person: has a no here" in page
    assert "1 person: must not be written to" in page
    taken = staff.take(url)
    assert taken == {word: n for word, n in checked.items() if word != "must not be written to"}
    page = " ".join(staff.get(url).text.split())
    assert "2 people may be written to because of this file" in page
    assert page.count("has a no here") == 1, "what the check foretold is not told again as left out"


def test_a_plan_that_does_not_fit_is_refused_in_words(staff, where):
    url = staff.give("email,first name\na@example.org,A\n")
    answer = staff.check(url, column=["", "first_name"])
    assert answer.status_code == 422
    assert "Choose the column that holds the email addresses." in answer.text
    answer = staff.check(url, column=["email", "email"])
    assert "Two columns hold the same" in answer.text
    answer = staff.check(url, has_permission="claimed", source="the shop")
    for words in ("Choose at least one interest", "Write the words that people agreed to", "Declare where", "Write when"):
        assert words in answer.text
    assert "the shop" in answer.text, "what was typed is kept"
    assert staff.found(url).state == "uploaded"
    assert staff.check(url, **claimed(where, said_on="2199-01-01")).status_code == 422


def test_columns_can_be_chosen_anew_and_a_file_forgotten(staff, where):
    url = staff.give("email,first name\na@example.org,A\n")
    staff.check(url)
    assert staff.post(f"{url}/take", page=url).status_code == 303
    assert staff.post(f"{url}/back", page=PAGE).status_code == 409, "it is being taken"
    other = staff.give("email\nb@example.org\n")
    staff.check(other)
    assert staff.post(f"{other}/back", page=other).status_code == 303
    assert staff.found(other).state == "uploaded"
    assert staff.post(f"{other}/discard", page=other).status_code == 303
    assert staff.get(other).status_code == 404
    assert session().execute(text("SELECT count(*) FROM import_chunks c JOIN imports i ON i.id = c.import_id"
                                  " WHERE i.id <> :id"), {"id": staff.found(url).id}).scalar_one() == 0  # fmt: skip


def test_an_import_belongs_to_its_workspace(staff, where, app, session):
    url = staff.give("email\na@example.org\n")
    other = Importer(app.test_client(), make.place())
    assert other.get(url).status_code == 404
    for act in ("columns", "take", "undo", "discard", "back", "layout"):
        assert other.post(f"{url}/{act}", page=PAGE, column=["email"], encoding="utf-16").status_code == 404
    assert other.get(f"{url}/left-out.csv").status_code == 404
    assert "people.csv" not in other.get(PAGE).text


def test_who_is_not_signed_in_sends_no_large_file(staff, app, where):
    stranger = app.test_client()
    body = b"x" * (3 * 1024 * 1024)
    answer = stranger.post(PAGE, data=body, content_type="multipart/form-data; boundary=part")
    assert answer.status_code in {401, 413}
    large = "email,first name\n" + "".join(f"p{n}@example.org,{'x' * 60}\n" for n in range(40_000))
    assert staff.found(staff.give(large)).octets > 2 * 1024 * 1024


def test_the_other_encoding_is_one_choice_away(staff):
    url = staff.give("email,name\na@example.org,Jürgen Ost\n".encode("cp1252"))
    assert "Jürgen Ost" in staff.get(url).text
    assert staff.post(f"{url}/layout", page=url, encoding="cp1250").status_code == 303
    assert staff.found(url).layout["encoding"] == "cp1250"


def chosen(page: str, name: str) -> str:
    """What a list of a page has chosen."""
    options = page.partition(f'name="{name}"')[2].partition("</select>")[0]
    return (re.search(r'value="([^"]*)" selected', options) or ["", ""])[1]


def test_delimiter_and_quotes_can_be_chosen_and_the_first_rows_follow(staff, where):
    """A semicolon parts more than a comma here, and no program can know that it does not."""
    content = "email,likes;of;people\nmara@example.org,'a;b;c'\nben@example.org,'d;e;f'\n"
    url = staff.give(content)
    page = staff.get(url).text
    assert "As guessed: Semicolon" in page
    assert "It was read as UTF-8, semicolon, double quotes." in page
    assert staff.post(f"{url}/layout", page=url, delimiter="comma", quotes="none").status_code == 303
    page = staff.get(url).text
    assert "&#39;a;b;c&#39;" in page
    assert (chosen(page, "encoding"), chosen(page, "delimiter"), chosen(page, "quotes")) == ("", "comma", "none")
    assert staff.post(f"{url}/layout", page=url, delimiter="comma").status_code == 303
    page = staff.get(url).text
    assert "a;b;c" in page
    assert "&#39;a;b;c" not in page
    assert "As guessed: Single" in page
    answer = staff.post(f"{url}/layout", page=url, delimiter="comma", quotes="wavy")
    assert (answer.status_code, "Choose one of those offered." in answer.text) == (422, True)
    assert chosen(answer.text, "delimiter") == "comma", "what was chosen is kept"
    assert staff.check(url).status_code == 303
    assert staff.take(url) == {"new": 2}


def test_another_delimiter_keeps_what_was_declared_and_guesses_the_columns_anew(staff, where):
    url = staff.give("email;first name\nmara@example.org;Mara\n")
    staff.check(url, **claimed(where))
    staff.post(f"{url}/back", page=url)
    assert staff.post(f"{url}/layout", page=url, delimiter="tab").status_code == 303
    page = staff.get(url).text
    assert page.count('name="column"') == 1
    assert "They signed our book." in page
    assert staff.post(f"{url}/layout", page=url).status_code == 303
    staff.check(url)
    assert staff.take(url) == {"new": 1}


def test_a_file_can_be_fetched_from_a_public_web_server_only(staff, where, monkeypatch):
    asked = []

    def resolve(host, port, **_):
        asked.append(host)
        address = "10.0.0.7" if host == "inside.example" else "93.184.216.34"
        return [(2, 1, 6, "", (address, port))]

    def refuse(*_args, **_more):
        raise AssertionError("a packet left")

    monkeypatch.setattr(outgoing.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(outgoing.socket, "create_connection", refuse)
    for url in ("https://inside.example/p.csv", "http://open.example/p.csv", "https://open.example:5432/", "file:///etc/passwd"):
        answer = staff.post(PAGE, page=PAGE, url=url)
        assert answer.status_code == 422
        assert "field" in answer.text
        assert url in answer.text, "what was typed is kept"
    monkeypatch.setattr(outgoing, "get", lambda url, *, most: Answer(200, b"email\nweb@example.org\n"))
    answer = staff.post(PAGE, page=PAGE, url="https://open.example/exports/people.csv?key=7")
    assert answer.status_code == 303
    assert staff.found(answer.headers["Location"]).name == "people.csv"
    monkeypatch.setattr(outgoing, "get", lambda url, *, most: Answer(403, b""))
    assert "answered 403" in staff.post(PAGE, page=PAGE, url="https://open.example/p.csv").text
    assert "Choose a file, or say" in staff.post(PAGE, page=PAGE).text


def test_a_file_that_cannot_go_on_says_so_and_keeps_nobody_up(staff, where, mara, monkeypatch):
    monkeypatch.setattr(staging, "TAKE_AT_ONCE", 1)
    url = staff.give("email\na@example.org\nb@example.org\n")
    staff.check(url, **claimed(where))
    real, taken = permitting.permit, []

    def refuse_second(*args):
        taken.append(1)
        if len(taken) == 2:
            raise Conflict("This interest is gone.")
        return real(*args)

    monkeypatch.setattr(permitting, "permit", refuse_second)
    other = staff.give("email\nother@example.org\n")
    staff.check(other)
    assert staff.post(f"{other}/take", page=other).status_code == 303
    staff.take(url)
    page = staff.get(url).text
    assert "It stopped: This interest is gone. What came before it was taken" in page
    assert "Take this import back" in page
    assert (person(where, "a@example.org") is None, person(where, "b@example.org")) == (False, None)
    assert staff.found(other).state == "done", "another file goes on"
    assert staff.found(url).state == "done"


def test_the_planner_learns_of_many_new_people_at_once(staff, monkeypatch):
    monkeypatch.setattr(taking, "LEARN_FROM", 3)
    known = text("SELECT reltuples FROM pg_class WHERE oid = CAST(:name AS regclass)")
    head = "email,first name\n"
    staff.bring(head + "one@example.org,One\ntwo@example.org,Two\n")
    before = session().execute(known, {"name": "contacts"}).scalar_one()
    staff.bring(head + "".join(f"more{n}@example.org,More\n" for n in range(3)))
    there = session().execute(text("SELECT count(*) FROM contacts")).scalar_one()
    assert before != there == session().execute(known, {"name": "contacts"}).scalar_one()
    assert session().execute(known, {"name": "addresses"}).scalar_one() >= 5
