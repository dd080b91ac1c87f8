"""A letter tried with everybody before it is sent: what is found, of whom, and that nobody is left out or tried twice."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.campaigns import findings, queries, rehearsal, rehearsing, service, trials, variants
from app.campaigns.trials import Wanted
from app.consent import queries as consent
from app.consent.rules import By, Level
from app.contacts import queries as contact_queries
from app.contacts import service as contacts
from app.content import queries as letters
from app.content import service as content
from app.delivery import compose, schedule
from app.delivery import queries as delivery
from app.delivery import service as delivery_service
from app.delivery.editions import Edition
from app.delivery.outbox import Head, Held
from app.delivery.rules import Kind, Lane
from app.delivery.transports import exchange
from app.delivery.transports.settings import SmtpSettings
from app.delivery.writing import Writer
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Problem
from app.kernel.ids import uuid7
from app.people import service as people_service
from app.segments import service as segments
from app.tracking import service as tracking
from tests.campaigns.conftest import draft, launched
from tests.people.conftest import Staff, owner_of
from tests.support import make, reading
from tests.support.accounts import make_member
from tests.support.letters import source
from tests.support.mailing import Setting, crowd
from tests.support.outbox import place_with_sender
from tests.support.properties import examples

HELLO = "<mj-text>Hello {{ contact.first_name }}</mj-text>"
ENCODED = "=?utf-8?q?x?="
"""What no header may carry, as a reader would take it for something else."""
NOT_BO = (
    '<mj-section><mj-column><mj-text>{% if contact.first_name != "Bo" %}<a href="{{ links.unsubscribe }}">Leave</a>'
    " {{ brand.postal_address }}{% endif %}</mj-text></mj-column></mj-section>"
)
"""A way out that not everybody has."""


def tried(made):
    with transaction():
        rehearsal.ask(made.where.id, made.campaign.id, by=made.where.owner_id)
    rehearsing.run()
    return seen(made)


def seen(made):
    session().expire_all()
    return rehearsal.look(queries.get_campaign(made.where.id, made.campaign.id))


def found(made) -> dict[tuple[str, str, str], int]:
    return {(one.label, one.kind.value, one.about): one.people for one in seen(made).tally.findings}


def titles(made) -> list[tuple[str, str]]:
    return [(check.severity, check.title) for check in rehearsal.checks_of(seen(made))]


def called(where, *names: str):
    """Confirmed people of these first names."""
    people = [make.person(where.id, first_name=name) for name in names]
    for who in people:
        make.confirmed(where, who)
    return people


def rewrite(made, inner: str, subject: str = "Three new coffees", footer: str = '<mj-include path="footer" />') -> None:
    with transaction():
        content.save_draft(made.where.id, made.campaign.letter_id, subject, "Plum and cocoa", source(inner, footer=footer))


def count(sql: str) -> int:
    return session().execute(text(f"SELECT count(*) FROM {sql}")).scalar_one()


def test_an_empty_name_without_a_default_is_counted_with_some_of_the_people(where, staff):
    called(where, "Mara", "Ben", "Mara")
    nameless = called(where, "", "")
    made = draft(where, inner=HELLO)
    after = tried(made)
    assert (after.is_over, after.is_stale, after.people, after.tried) == (True, False, 5, 5)
    assert found(made) == {("", "blank", "contact.first_name"): 2}
    assert titles(made) == [("warn", "Tried with everybody: 1 thing to look at")]
    page = staff.get(f"{made.path}/review").text
    assert "“contact.first_name” is empty for 2 of 5" in page
    assert all(f"/people/{who.id}" in page for who in nameless)


def test_a_default_and_an_if_say_what_stands_there(where):
    called(where, "Mara", "")
    inner = (
        '<mj-text>{{ contact.first_name|default("there") }}{{ contact.last_name|default("") }}'
        "{% if contact.first_name %}{{ contact.first_name|upper }}{% else %}you{% endif %}</mj-text>"
    )
    made = draft(where, inner=inner)
    tried(made)
    assert titles(made) == [("pass", "Tried with everybody: each of the 2 copies can be made and says what it should")]
    # What an "if" lets be seen is looked at where it is seen, and only there.
    rewrite(made, "<mj-text>{% if not contact.first_name %}Dear {{ contact.last_name }}{% endif %}</mj-text>")
    tried(made)
    assert found(made) == {("", "blank", "contact.last_name"): 1}


def test_everybody_is_tried_with_the_text_of_their_language(where, staff):
    read_in(called(where, "", "", "", "Ben"), "de", "de-AT", "fr", "de")
    made = draft(where, inner="<mj-text>Hello</mj-text>")
    with transaction():
        german = content.add_translation(where.id, made.campaign.letter_id, "de")
        content.save_draft(where.id, german.id, "Drei neue Kaffees", "Pflaume", source("<mj-text>Hallo {{ contact.first_name }}</mj-text>"))
    after = tried(made)
    assert (after.people, after.tally.made) == (4, {"": 1, "Deutsch": 3})
    assert found(made) == {("Deutsch", "blank", "contact.first_name"): 2}
    assert "Deutsch: “contact.first_name” is empty for 2 of 3" in staff.get(f"{made.path}/review").text
    with transaction():
        content.save_draft(where.id, german.id, "Drei neue Kaffees", "Pflaume", source("<mj-text>Hallo</mj-text>"))
    assert seen(made).is_stale


def read_in(people, *languages: str) -> None:
    for who, language in zip(people, languages, strict=True):
        session().execute(text("UPDATE contacts SET language = :language WHERE id = :id"), {"language": language, "id": who.id})


def test_whoever_no_mail_may_be_written_to_counts_for_the_text_that_they_read_and_keeps_nobody_else_waiting(where):
    people = called(where, "Mara", "Ben", ENCODED, ENCODED)
    read_in(people, "de", "de-AT", "de", "fr")
    made = draft(where, inner=HELLO)
    with transaction():
        for language in ("de", "fr"):
            content.add_translation(where.id, made.campaign.letter_id, language)
    tally = tried(made).tally
    # Nobody reads the main letter, and the one who reads French could get none: neither keeps the others' mail back.
    assert (tally.made, tally.failing) == ({"Deutsch": 3, "Français": 1}, {"Deutsch": 1, "Français": 1})
    assert [severity for severity, _ in titles(made)] == ["warn", "warn"]
    # A text of which no copy can be made does.
    with transaction():
        french = letters.find_translation(where.id, made.campaign.letter_id, "fr")
        content.save_draft(where.id, french.id, "Bonjour", "Prune", source("<mj-text>Bonjour</mj-text>", footer=NOT_BO))
        session().execute(text("UPDATE contacts SET first_name = 'Bo' WHERE id = :id"), {"id": people[3].id})
    tried(made)
    assert sorted(titles(made)) == [("stop", "Français: no copy of it could be sent"), ("warn", "Deutsch: 1 of 3 copies could not be sent")]


def test_links_that_lack_a_value_and_mails_that_are_clipped_are_counted(where):
    with transaction():
        contacts.define_field(where.id, "Voucher", "text")
    people = called(where, "Mara", "Ben", "Zoë")
    for who, code in zip(people, ("A-1", "", "x" * 110_000), strict=True):
        session().execute(
            text("UPDATE contacts SET fields = CAST(:fields AS jsonb) WHERE id = :id"),
            {"fields": json.dumps({"voucher": code} if code else {}), "id": who.id},
        )
    link = "https://shop.test/?code={{ contact.fields.voucher }}"
    made = draft(where, inner=f'<mj-text><a href="{link}">Yours</a></mj-text>')
    tried(made)
    assert found(made) == {("", "link", link): 1, ("", "clipped", ""): 1}


def test_copies_that_cannot_be_sent_warn_with_their_number_and_block_where_all_fail(where, staff):
    called(where, "Mara", "Ben", ENCODED)
    made = draft(where, inner=HELLO)
    tried(made)
    words = "A mail header cannot be written like this. Write the characters themselves instead of “=?…?=”."
    assert found(made) == {("", "address", words): 1}
    assert titles(made) == [("warn", "1 of 3 copies could not be sent")]
    # The subject is of the letter: whoever is called so fails by it, and a sample of three would not show it.
    with transaction():
        session().execute(text("UPDATE contacts SET first_name = '', last_name = :name"), {"name": ENCODED})
    tried(made)
    assert titles(made) == [("stop", "No copy of it could be sent")]
    with pytest.raises(BadInput, match="No copy of it could be sent"):
        launched(made)
    assert 'aria-describedby="blocked"' in staff.get(f"{made.path}/review").text


def test_what_was_told_is_what_becomes_of_the_messages(where):
    """The same people, launched and made by the senders' own code."""
    people = called(where, "Mara", "Bo", "Bo", "", ENCODED, "Ann")
    session().execute(text("UPDATE contacts SET last_name = :name WHERE id = :id"), {"name": ENCODED, "id": people[0].id})
    made = draft(where)
    rewrite(made, "<mj-text>Hello</mj-text>", "Hello {{ contact.last_name }}", NOT_BO)
    tried(made)
    assert (seen(made).tally.made, seen(made).tally.failing) == ({"": 6}, {"": 4})
    number = launched(made)
    schedule.run()
    ends = senders_make(where.id, number)
    assert (len(ends), sum(not isinstance(one, compose.Letter) for one in ends)) == (6, 4)


def senders_make(workspace_id, number):
    """What senders make of each message of a mailing."""
    version_id = session().execute(text("SELECT content_version_id FROM mailings WHERE no = :no"), {"no": number}).scalar_one()
    head = Head(number, workspace_id, Kind.BULK, "", Lane.BULK, None, version_id)
    rows = session().execute(text("SELECT * FROM messages WHERE mailing_no = :no"), {"no": number}).mappings()
    batch = [
        Held(head, row["n"], 0, row["contact_id"], None, row["permission_id"], row["reach_id"], row["contact_id"], "", {},
             clock.now(), 0, 0, 0, 0, None, None)
        for row in rows
    ]  # fmt: skip
    with transaction():
        return [one for _, one in Writer().write(head, batch, lambda _: None)]


def test_a_letter_is_made_once_for_each_value_of_its_tags(where, monkeypatch):
    crowd(Setting(where, uuid7()), 120, tracking=Level.INDIVIDUAL)
    session().execute(text("UPDATE contacts SET first_name = CASE WHEN last_name < '5' THEN 'Mara' ELSE 'Ben' END"))
    made = draft(where, inner=HELLO)
    asked = []
    real = delivery_service.Rehearsal.copy
    monkeypatch.setattr(
        delivery_service.Rehearsal, "copy", lambda self, reader, ground: asked.append(reader.first_name) or real(self, reader, ground)
    )
    monkeypatch.setattr(rehearsing, "SLICE", 25)
    assert tried(made).tried == 120
    assert Counter(asked) == {"Mara": 1, "Ben": 1}
    # Whoever is told by something that is each reader's own is tried one by one.
    asked.clear()
    rewrite(made, "<mj-text>{{ contact.email }}</mj-text>")
    tried(made)
    assert len(asked) == 120


@pytest.mark.parametrize(("tag", "later"), [("date", timedelta(days=40)), ("time", timedelta(minutes=5))])
def test_the_moment_of_the_yes_is_told_apart_where_the_letter_asks_for_it_and_counts_as_long_as_it_is(where, monkeypatch, tag, later):
    early, late = called(where, "Mara", "Mara")
    # Nothing that was said is ever changed: the other moment is that of another event.
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + later)
    make.confirmed(where, late)
    said = {
        who.id: content.reader_values(
            content.Reader(), accounts.brand(where.id), topic="", permission_at=said_at(who), links={}
        )["permission"][tag]
        for who in (early, late)
    }  # fmt: skip
    assert len(set(said.values())) == 2
    made = draft(where)
    rewrite(made, "<mj-text>Hello</mj-text>", footer=NOT_BO.replace('contact.first_name != "Bo"', f'permission.{tag} != "{said[late.id]}"'))
    tried(made)
    assert seen(made).tally.failing == {"": 1}
    assert rehearsal.cases_of(where.id, made.campaign.id) == {0: [late.id]}


def test_copies_are_told_apart_by_how_far_each_reader_lets_us_see(where):
    """Links that tell of clicks are longer: a letter just below what Gmail shows is above it with them."""
    people = called(where, *["Mara"] * 5)
    for who, level in zip(people[1:], (Level.INDIVIDUAL, Level.AGGREGATE, Level.DATE, Level.INDIVIDUAL), strict=True):
        reading.allow(where, who, level)
    session().execute(text("UPDATE permissions SET state = 'no' WHERE purpose = 'tracking' AND contact_id = :id"), {"id": people[4].id})
    links = "".join(f'<a href="https://s.test/{n}">{n}</a> ' for n in range(60))
    made = draft(where, inner=f"<mj-text>{links}</mj-text>")
    rewrite(made, f"<mj-text>{links}{'x' * (102 * 1024 - 1_000 - octets_of(made))}</mj-text>")
    tried(made)
    assert found(made) == {("", "clipped", ""): 2}
    assert rehearsal.cases_of(where.id, made.campaign.id) == {0: sorted(one.id for one in people[1:3])}


def octets_of(made) -> int:
    """Of the copy of somebody who lets us see nothing."""
    version = content.draft_version(letters.get_letter(made.where.id, made.campaign.letter_id))
    play = delivery_service.Rehearsal(made.where.id, version, accounts.brand(made.where.id), delivery.sender_of(made.where.id))
    ground = consent.Ground(made.where.interests[0].id, "News", clock.now(), Level.NONE)
    return play.copy(content.Reader(), ground).octets


def test_copies_are_told_apart_by_the_interest_that_they_are_about(where):
    first = where.interests[0]
    *_, other = called(where, "Mara", "Mara", "Mara")
    left = {"id": other.id, "interest": first.id}
    session().execute(text("UPDATE permissions SET state = 'no' WHERE contact_id = :id AND interest_id = :interest"), left)
    made = draft(where, interests=2)
    rewrite(made, "<mj-text>Hello</mj-text>", footer=NOT_BO.replace('contact.first_name != "Bo"', f'topic.name == "{first.name}"'))
    tried(made)
    assert seen(made).tally.failing == {"": 1}
    assert rehearsal.cases_of(where.id, made.campaign.id) == {0: [other.id]}


def said_at(who):
    query = "SELECT e.received_at FROM permissions p JOIN consent_events e ON e.id = p.event_id WHERE p.contact_id = :id AND p.purpose = 'marketing'"
    return session().execute(text(query), {"id": who.id}).scalars().first()


# --- The same, one by one ------------------------------------------------------------------------------------------

FOOTER = '<mj-include path="footer" />'
LETTERS = (
    ("Hello", HELLO, FOOTER),
    (
        "Hello {{ contact.last_name }}",
        "<mj-text>{% if contact.first_name %}{{ contact.first_name }}{% else %}{{ contact.fields.town }}{% endif %}</mj-text>",
        FOOTER,
    ),
    (
        "Hello",
        '<mj-text><a href="https://shop.test/{{ contact.fields.town|lower }}">{{ contact.email }}</a> {{ permission.date|upper }}</mj-text>',
        FOOTER,
    ),
    ("Hello", "<mj-text>Hello</mj-text>", NOT_BO),
    (
        "{% for brew in contact.fields.brews %}{{ brew }}{% else %}any{% endfor %}",
        (
            '<mj-text>{% for brew in contact.fields.brews %}{% if brew == "V60" %}{{ contact.first_name }}{% else %}'
            '{{ contact.last_name }}{% endif %}{% if loop.index > 2 %}{{ contact.fields.town }}{% endif %}{% endfor %}</mj-text>'
        ),
        FOOTER,
    ),
)
NAMES = st.sampled_from(["", " ", "Bo", "Mara", "Zoë", "<b>", ENCODED])
TOWNS = st.sampled_from([None, "", "Kiel", 7, "y" * 60_000])
BREWS = st.sampled_from([None, [], ["V60"], ["Moka"], ["V60", "Moka"], ["V60, Moka"], ["V60", "V60", ENCODED]])
PEOPLE = st.lists(st.tuples(NAMES, NAMES, TOWNS, BREWS, st.sampled_from(Level)), min_size=8, max_size=8)


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, len(LETTERS) - 1), people=PEOPLE)
def test_what_is_found_by_groups_is_what_each_copy_by_itself_would_show(eight, which, people):
    made, ids = eight
    subject, inner, footer = LETTERS[which]
    rewrite(made, inner, subject, footer)
    for contact_id, (first, last, town, brews, level) in zip(ids, people, strict=True):
        values = {"id": contact_id, "first": first, "last": last, "level": level.value}
        told = {"town": town, "brews": brews}
        fields = json.dumps({key: value for key, value in told.items() if value is not None})
        session().execute(
            text("UPDATE contacts SET first_name = :first, last_name = :last, fields = CAST(:fields AS jsonb) WHERE id = :id"),
            {**values, "fields": fields},
        )
        session().execute(
            text("UPDATE permissions SET level = :level WHERE contact_id = :id AND purpose = 'tracking'"), values
        )
    tried(made)
    failing, lacks = one_by_one(made, which)
    tally = seen(made).tally
    assert tally.made == {"": 8}
    assert tally.failing.get("", 0) == failing
    told = Counter({one.about if one.kind == "blank" else one.kind.value: one.people for one in tally.findings})
    assert Counter({name: n for name, n in told.items() if name not in {"fault", "address"}}) == lacks
    assert told["fault"] + told["address"] == failing


@pytest.fixture
def eight(where):
    with transaction():
        contacts.define_field(where.id, "Town", "text")
        contacts.define_field(where.id, "Brews", "multi_choice", choices=["V60", "Moka"])
    ids = crowd(Setting(where, uuid7()), 8, tracking=Level.INDIVIDUAL)
    return draft(where), ids


def one_by_one(made, which: int) -> tuple[int, Counter]:
    """How many copies fail, and what the others lack: each made by the senders' code with its reader's own values."""
    workspace_id = made.where.id
    version = content.draft_version(letters.get_letter(workspace_id, made.campaign.letter_id))
    brand = accounts.brand(workspace_id)
    number = session().execute(text("SELECT coalesce(max(mailing_no), 1000) + 1 FROM tracked_mailings")).scalar_one()
    with transaction():
        tracking.register(number, workspace_id, content.link_targets(version, brand))
    head = Head(number, workspace_id, Kind.BULK, "", Lane.BULK, None, version.id)
    edition = Edition(head, brand, delivery.sender_of(workspace_id), SmtpSettings("nod.invalid", 25), None, version)
    rows = session().execute(
        text("SELECT p.contact_id, p.id, r.id FROM permissions p JOIN reach r ON r.contact_id = p.contact_id"
             " WHERE p.workspace_id = :id AND p.purpose = 'marketing' AND p.interest_id = :interest"),
        {"id": workspace_id, "interest": made.where.interests[0].id},
    ).all()  # fmt: skip
    people = contact_queries.find_readers(workspace_id, [row[0] for row in rows])
    grounds = consent.find_grounds(workspace_id, [row[1] for row in rows])
    failing, lacks = 0, Counter()
    for n, (contact_id, permission_id, reach_id) in enumerate(rows, 1):
        held = Held(head, n, 0, contact_id, None, permission_id, reach_id, contact_id, "", {}, clock.now(), 0, 0, 0, 0, None, None)
        person = people[contact_id]
        try:
            written = compose.draft_letter(edition, held, person, grounds[permission_id])
            page = written.write().html
            letter = compose.write(held, written)
        except Problem:
            failing += 1
            continue
        assert exchange.refuse(exchange.Mail(letter.envelope_from, letter.to, letter.data)) is None
        lacks.update(holes_of(which, person))
        lacks["clipped"] += len(page.encode()) > 102 * 1024
    return failing, +lacks


def holes_of(which: int, person) -> list[str]:
    """What the copy lacks, read off the letter by eye."""
    first, town = person.first_name, person.fields.get("town", "")
    if which == 0:
        return [] if first.strip() else ["contact.first_name"]
    if which == 1:
        shown = ("contact.first_name", first) if first else ("contact.fields.town", town)
        said = [("contact.last_name", person.last_name), shown]
        return [name for name, value in said if not str(value).strip()]
    if which == 4:
        return holes_of_loop(person)
    return ["link"] if which == 2 and not str(town).strip() else []


def holes_of_loop(person) -> list[str]:
    chosen = person.fields.get("brews") or []
    shown = {"contact.first_name": person.first_name} if "V60" in chosen else {}
    shown |= {"contact.last_name": person.last_name} if set(chosen) - {"V60"} else {}
    shown |= {"contact.fields.town": person.fields.get("town", "")} if len(chosen) > 2 else {}
    lacking = [name for name, value in shown.items() if not str(value).strip()]
    return lacking if chosen else ["contact.fields.brews"]


def test_what_nobody_chose_of_several_is_counted_and_what_stands_there_instead_is_none(where, staff):
    with transaction():
        contacts.define_field(where.id, "Brews", "multi_choice", choices=["V60", "Moka"])
    several, _nothing, one = called(where, "Mara", "Ben", "Tom")
    with transaction():
        contacts.set_fields(where.id, several.id, {"brews": ["V60", "Moka"]})
        contacts.set_fields(where.id, one.id, {"brews": ["Moka"]})
    loop = "<mj-text>{% for brew in contact.fields.brews %}{{ brew }}{% endfor %}</mj-text>"
    made = draft(where, inner=loop)
    tried(made)
    assert found(made) == {("", "blank", "contact.fields.brews"): 1}
    assert "“contact.fields.brews” is empty for 1 of 3" in staff.get(f"{made.path}/review").text
    rewrite(made, loop.replace("{% endfor", "{% else %}any way{% endfor"))
    tried(made)
    assert found(made) == {}


def test_a_finding_that_is_many_in_one_counts_each_person_once():
    tally = findings.Tally()
    for n in range(findings.MOST):
        tally.add("", [(findings.Kind.BLANK, f"contact.fields.f{n}")], 1)
    places = tally.add("", [(findings.Kind.LINK, "https://a.test/{{ a }}"), (findings.Kind.LINK, "https://b.test/{{ b }}")], 1)
    assert len(places) == 1
    assert findings.title_of(tally.findings[places[0]], tally) == "A link lacks a value for 1 of 61: others"


# --- The job -------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The worker is gone."""


def killed_in_slice(number, made, monkeypatch) -> list[int]:
    """Ask for it, and lose the worker in this slice; gives how many had been tried at each slice, also of those to come."""
    slices, real = [], rehearsal.keep_cases

    def keep(row, wanted):
        real(row, wanted)
        slices.append(row.tried)
        if len(slices) == number:
            raise Killed

    monkeypatch.setattr(rehearsal, "keep_cases", keep)
    with transaction():
        rehearsal.ask(made.where.id, made.campaign.id)
    with pytest.raises(Killed):
        rehearsing.run()
    return slices


def test_a_worker_that_is_killed_is_followed_by_one_that_goes_on_behind_it(where, monkeypatch):
    crowd(Setting(where, uuid7()), 60)
    session().execute(text("UPDATE contacts SET first_name = '' WHERE last_name LIKE '%7'"))
    made = draft(where, inner=HELLO)
    monkeypatch.setattr(rehearsing, "SLICE", 10)
    slices = killed_in_slice(3, made, monkeypatch)
    half = seen(made)
    assert (half.is_over, half.people, half.tried) == (False, 60, 20)
    rehearsing.run()
    # The third slice was lost with its worker and is done again; the two before it are not.
    assert slices == [0, 10, 20, 20, 30, 40, 50, 60]
    after = seen(made)
    assert (after.is_over, after.tried, after.tally.made) == (True, 60, {"": 60})
    assert found(made) == {("", "blank", "contact.first_name"): count("contacts WHERE first_name = ''")}
    assert count("campaign_rehearsal_people") == 0


def test_a_letter_that_changes_meanwhile_is_tried_from_the_first_person_on(where, monkeypatch):
    crowd(Setting(where, uuid7()), 30)
    session().execute(text("UPDATE contacts SET first_name = ''"))
    made = draft(where, inner=HELLO)
    monkeypatch.setattr(rehearsing, "SLICE", 10)
    killed_in_slice(2, made, monkeypatch)
    rewrite(made, "<mj-text>Hello {{ contact.last_name }}</mj-text>")
    rehearsing.run()
    assert (seen(made).tried, seen(made).tally.made, found(made)) == (30, {"": 30}, {("", "blank", "contact.last_name"): 1})


def test_it_can_be_called_off_and_asked_for_again(where, staff, readers):
    made = draft(where, inner=HELLO)
    review = f"{made.path}/review"
    assert "Try it with everybody" in staff.get(review).text
    answer = staff.post(f"{made.path}/tried", page=review)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{review}#tried")
    page = staff.get(f"{made.path}/tried").text
    assert "Nod is noting who would get it." in page
    assert "every 2s" in page
    staff.post(f"{made.path}/tried/off", page=review)
    assert seen(made) is None
    rehearsing.run()
    assert seen(made) is None
    staff.post(f"{made.path}/tried", page=review)
    rehearsing.run()
    page = staff.get(f"{made.path}/tried").text
    assert "Tried with 3 people." in page
    assert "every 2s" not in page
    assert 'hx-swap-oob="true"' in page, "the checks change with it"


def test_what_was_found_is_of_this_letter_for_this_audience_and_for_a_day(where, readers, staff, monkeypatch):
    made = draft(where)
    tried(made)
    assert titles(made)[0][0] == "pass"
    rewrite(made, HELLO)
    assert titles(made) == [("warn", "Not tried with everybody as it is now")]
    assert "as it was" in staff.get(f"{made.path}/review").text
    tried(made)
    with transaction():
        service.choose(where.id, made.campaign.id, "Autumn letter", [found.id for found in where.interests[:2]])
    assert titles(made) == [("warn", "Not tried with everybody as it is now")]
    tried(made)
    assert titles(made)[0][0] == "pass"
    later = clock.now() + timedelta(days=1, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert titles(made) == [("warn", "Not tried with everybody as it is now")]


def test_only_whom_a_launch_would_reach_is_tried_and_nothing_else_is_written(where, readers):
    left = make.person(where.id, first_name="")
    make.confirmed(where, left)
    with transaction():
        session().execute(text("UPDATE reach SET objected_at = now() WHERE contact_id = :id"), {"id": left.id})
    made = draft(where, inner=HELLO)
    before = {table: count(table) for table in ("messages", "mailings", "letter_versions", "consent_events", "tracked_mailings")}
    assert tried(made).people == 3
    assert found(made) == {}
    assert {table: count(table) for table in before} == before


def test_the_people_of_a_segment_only_are_tried(where, readers):
    made = draft(where)
    with transaction():
        tree = {"match": "all", "rules": [{"field": "contacts.first_name", "op": "is", "value": "Reader1"}]}
        only = segments.create(where.id, "One", tree, by=acts.COMMAND).id
        service.choose(where.id, made.campaign.id, "Autumn letter", [where.interests[0].id], only)
    assert tried(made).people == 1
    with transaction():
        segments.change(where.id, only, "One", tree | {"match": "none"}, version=1, by=acts.COMMAND)
    assert seen(made).is_stale
    assert tried(made).people == 2


def test_each_variant_is_tried_and_named(where, readers):
    nameless = called(where, "")[0]
    made = draft(where)
    with transaction():
        trials.keep(
            where.id, made.campaign.id, sample=100, wait_hours=4, holdout=0, by=where.owner_id,
            wanted=[Wanted(), Wanted(subject="Hello {{ contact.first_name }}")],
        )  # fmt: skip
    tried(made)
    assert seen(made).tally.made == {"A": 4, "B": 4}
    assert found(made) == {("B", "blank", "contact.first_name"): 1}
    (told,) = rehearsal.export(where.id, nameless.id)
    assert (told["campaign"], told["found"], told["about"]) == ("Autumn letter", "blank", "contact.first_name")
    assert rehearsal.export(where.id, readers[0].id) == []
    with transaction():
        people_service.erase(where.id, nameless.id, by=By("staff", str(where.owner_id)))
    assert rehearsal.cases_of(where.id, made.campaign.id) == {}


def test_a_fault_of_ours_ends_it_with_words_and_keeps_nobody_else_waiting(where, readers, monkeypatch):
    broken, sound = draft(where).campaign.id, draft(where, "Second").campaign.id
    real = rehearsing._gather

    def gather(row, campaign):
        if campaign.id == broken:
            raise ZeroDivisionError
        real(row, campaign)

    monkeypatch.setattr(rehearsing, "_gather", gather)
    with transaction():
        rehearsal.ask(where.id, broken)
        rehearsal.ask(where.id, sound)
    rehearsing.run()
    (check,) = rehearsal.checks_of(rehearsal.look(queries.get_campaign(where.id, broken)))
    assert check.title == "It could not be tried with everybody"
    assert check.says == "It stopped at something that Nod does not understand (ZeroDivisionError)."
    assert rehearsal.look(queries.get_campaign(where.id, sound)).tried == 3


def test_a_fault_is_told_of_the_rehearsal_that_failed_and_of_no_later_one(where, readers, monkeypatch):
    """Whoever asks for another one waits for the row, and may get it as soon as it is let go."""
    made = draft(where, inner=HELLO)
    real, held = rehearsing.release, []

    def gather(_row, _campaign):
        raise ZeroDivisionError

    def release():
        real()
        if not held:
            held.append(seen(made).fault)

    monkeypatch.setattr(rehearsing, "_gather", gather)
    monkeypatch.setattr(rehearsing, "release", release)
    with transaction():
        rehearsal.ask(where.id, made.campaign.id)
    rehearsing.run()
    assert held == ["It stopped at something that Nod does not understand (ZeroDivisionError)."]


def test_each_variant_in_its_own_languages_is_tried_and_what_changes_in_one_makes_it_stale(where):
    read_in(called(where, "", "Ben", "Cleo"), "de", "de", "fr")
    made = draft(where, inner="<mj-text>Hello</mj-text>")
    with transaction():
        trials.keep(
            where.id, made.campaign.id, sample=100, wait_hours=4, holdout=0, by=where.owner_id,
            wanted=[Wanted(), Wanted(has_own_letter=True)],
        )  # fmt: skip
        own = variants.find_trial(where.id, made.campaign.id).variants[1].letter_id
        german = content.add_translation(where.id, own, "de")
        content.save_draft(where.id, german.id, "Drei Kaffees", "Pflaume", source("<mj-text>Hallo {{ contact.first_name }}</mj-text>"))
    assert tried(made).tally.made == {"A": 3, "B, Deutsch": 2, "B": 1}
    assert found(made) == {("B, Deutsch", "blank", "contact.first_name"): 1}
    # Somebody who reads another language from now on is tried with that text the next time.
    session().execute(text("UPDATE contacts SET language = 'fr' WHERE first_name = ''"))
    assert tried(made).tally.made == {"A": 3, "B, Deutsch": 1, "B": 2}
    assert found(made) == {}
    with transaction():
        content.save_draft(where.id, german.id, "Drei Kaffees", "Pflaume", source("<mj-text>Hallo</mj-text>"))
    assert seen(made).is_stale
    tried(made)
    with transaction():
        content.remove_translation(where.id, german.id)
    assert seen(made).is_stale
    assert tried(made).tally.made == {"A": 3, "B": 3}


def test_a_letter_that_does_not_compile_is_refused_with_the_reason(where, readers, staff):
    made = draft(where, inner="<mj-text>Hello {{ contact.nobody }}</mj-text>")
    answer = staff.post(f"{made.path}/tried", page=f"{made.path}/review")
    assert answer.status_code == 422
    assert "contact.nobody" in answer.text
    assert seen(made) is None


def test_other_workspaces_and_those_who_only_read_cannot_ask(where, readers, client, app):
    made = draft(where)
    tried(made)
    other = place_with_sender()
    called(other, "")
    stranger = Staff(client, owner_of(other))
    for path in ("tried", "tried/off"):
        assert stranger.post(f"{made.path}/{path}").status_code == 404
    assert stranger.get(f"{made.path}/tried").status_code == 404
    assert seen(made).people == 3, "nobody of another workspace is among them"
    reader = Staff(app.test_client(), make_member(where.id, Role.VIEWER))
    assert reader.post(f"{made.path}/tried").status_code == 403
    assert reader.get(f"{made.path}/tried").status_code == 200
    assert "Try it" not in reader.get(f"{made.path}/review").text


def test_a_million_in_which_one_fails(where):
    """The one who cannot be written to is found among the many who can, wherever they stand."""
    ids = sorted(crowd(Setting(where, uuid7()), 200))
    made = draft(where, inner=HELLO)
    for place in (0, 137, 199):
        with transaction():
            session().execute(text("UPDATE contacts SET first_name = 'Mara', last_name = ''"))
            session().execute(text("UPDATE contacts SET last_name = :name WHERE id = :id"), {"name": ENCODED, "id": ids[place]})
        tried(made)
        assert seen(made).tally.failing == {"": 1}
        assert rehearsal.cases_of(where.id, made.campaign.id) == {0: [ids[place]]}
