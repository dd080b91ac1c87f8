"""Adding a person by hand: it permits nothing, and asking is a mail that they answer themselves."""

from __future__ import annotations

from html import unescape

import pytest
from sqlalchemy import func, select, text

from app.consent import history, queries
from app.consent import service as consent
from app.consent.models import ConsentRequest
from app.consent.rules import By, Proof, Reason
from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.contacts.addresses import normalise
from app.contacts.models import Contact
from app.delivery import queries as delivery
from app.kernel.db import transaction
from app.kernel.errors import Conflict, TooMany
from app.people import rules, service
from app.people.service import Profile
from tests.support import make

NEW = "/people/new"


def add(staff, **form):
    return staff.post(NEW, page=NEW, **{"email": "Nils@Example.org", "first_name": "Nils", **form})


def nils(where):
    return contacts.find_by_key(where.id, "nils@example.org")


def word(where, who):
    return rules.answer(history.verdicts(where.id, who.id))[0]


def count(session, model):
    return session.execute(select(func.count()).select_from(model)).scalar_one()


def test_adding_somebody_permits_nothing_and_sends_nothing(staff, where):
    assert "Adding somebody is not a yes" in staff.get(NEW).text
    answer = add(staff, last_name="Quill", language="de")
    assert answer.status_code == 303
    who = nils(where)
    assert answer.headers["Location"] == f"/people/{who.id}"
    assert (who.name, who.language) == ("Nils Quill", "de")
    assert word(where, who) == "no"
    assert queries.list_permissions(where.id, who.id) == []
    assert delivery.messages_of(where.id, who.id) == []
    assert history.list_history(where.id, who.id) == []


def test_asking_sends_one_question_and_still_permits_nothing(staff, where):
    coffees = where.interests[0]
    assert add(staff, interest=[str(coffees.id)]).status_code == 303
    who = nils(where)
    assert word(where, who) == "asked"
    request = queries.find_newest_request(where.id, who.id)
    (mail,) = delivery.messages_of(where.id, who.id)
    assert mail.name == "confirm"
    asked = history.list_history(where.id, who.id)[0]
    assert asked.body["actor"] == {"kind": "staff", "id": str(where.owner_id)}
    shown = queries.get_text(where.id, request.shown["texts"][0]["id"])
    assert shown.body == "Yes, Ostkai Coffee Roasters may email me about New coffees."
    with transaction():
        consent.confirm(request.id, by=By(), proof=Proof())
    assert word(where, who) == "yes"


def test_the_mail_that_goes_out_is_the_question(staff, where):
    from app.delivery import mails
    from app.delivery.rules import Prepared, SystemMessage

    add(staff, interest=[str(where.interests[0].id)])
    request = queries.find_newest_request(where.id, nils(where).id)
    prepared = mails.get("confirm").prepare(
        SystemMessage(where.id, nils(where).id, None, request.id, {}, request.created_at)
    )
    assert isinstance(prepared, Prepared)
    assert prepared.to == "Nils@example.org"
    assert "/c/" in prepared.values["links"]["confirm"]


SAID = {
    "en": (
        "somebody at Ostkai Coffee Roasters entered this address by hand. They ask whether you want:",
        ("typed", "form on", "Not you?", "30 days"),
        "Shown to you here. Version ",
        "somebody at Ostkai Coffee Roasters wanted to ask you for your yes.",
    ),
    "de": (
        "hat jemand bei Ostkai Coffee Roasters diese Adresse von Hand eingetragen. Die Frage ist, ob Sie das möchten:",
        ("Formular", "nicht Sie?", "30 Tagen"),
        "Ihnen hier gezeigt. Fassung ",
        "wollte jemand bei Ostkai Coffee Roasters Sie um Ihr Ja bitten.",
    ),
}


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_question_of_staff_says_who_asks_and_claims_no_form(client, staff, where, language):
    from app.content.systemmail import render_system
    from tests.support.signup import messages, path_of, prepared

    says, never, shown, again = SAID[language]
    topic = where.interests[0]
    add(staff, language=language, interest=[str(topic.id)])
    made = prepared(messages("confirm")[0], "confirm")
    assert made.language == language
    assert not made.extra_headers, "no form caused it"
    mail = render_system(made.template, made.language, made.values)
    for part in (mail.text, " ".join(unescape(mail.html).split())):
        assert says in part
        assert topic.name in part
        for word in never:
            assert word not in part + mail.preheader + mail.subject
    page = client.get(path_of(made.values["links"]["confirm"])).text
    assert shown in page
    for word in ("30 ", "Not you?", "nicht Sie?", "ostkai.example on"):
        assert word not in page
    client.post(path_of(made.values["links"]["confirm"]))
    with transaction():
        service.ask(
            where.id,
            nils(where).id,
            [topic.id],
            by=By("staff", str(where.owner_id)),
            page_url="https://ostkai.example/",
        )
    known = prepared(messages("confirm")[-1], "confirm")
    assert known.template == "already-subscribed"
    assert not known.extra_headers
    mail = render_system(known.template, known.language, known.values)
    for part in (mail.text, " ".join(unescape(mail.html).split())):
        assert again in part
        for word in never:
            assert word not in part


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"email": ""}, "Write their address."),
        ({"email": "nils"}, "has an @ in the middle"),
        ({"email": "a@b@c.example"}, "single @"),
        ({"email": '"a b"@example.org'}, ""),
        ({"first_name": "x" * 81}, "Keep this to 80 characters"),
        ({"interest": ["nonsense"]}, "Choose from the list"),
        ({"interest": ["00000000-0000-7000-8000-000000000000"]}, "Choose"),
        ({"c_none": "x"}, "There is no such field"),
        ({"permission": "yes"}, "not known here"),
    ],
)
def test_a_fault_is_told_and_nobody_is_half_made(session, staff, where, form, words):
    before = count(session, Contact)
    answer = add(staff, **form)
    assert answer.status_code == 422
    page = unescape(answer.text)
    assert words in page
    assert "to correct" in page
    assert count(session, Contact) == before


def test_what_was_typed_stands_in_the_form_again(staff, where):
    page = add(staff, email="nils", interest=[str(where.interests[1].id)]).text
    assert 'value="Nils"' in page
    assert f'value="{where.interests[1].id}" checked' in page
    assert f'value="{where.interests[0].id}" checked' not in page


def test_somebody_known_is_not_added_twice(staff, where, mara):
    answer = add(staff, email="MARA@example.org", first_name="Other")
    assert answer.status_code == 422
    assert "This person is here already" in answer.text
    assert contacts.get_contact(where.id, mara.id).first_name == "Mara"
    with pytest.raises(Conflict), transaction():
        service.add(where.id, normalise("mara@example.org"), Profile())


def test_custom_fields_can_be_filled_at_once(session, staff, where):
    with transaction():
        contacts_service.define_field(where.id, "Town", "text")
        contacts_service.define_field(where.id, "Cups", "number")
    before = count(session, Contact)
    assert add(staff, c_town="Kiel", c_cups="lots").status_code == 422
    assert count(session, Contact) == before
    assert add(staff, c_town="Kiel", c_cups="3").status_code == 303
    assert nils(where).fields == {"town": "Kiel", "cups": "3"}


def ask(where, who, interests=None):
    with transaction():
        ids = interests or [where.interests[0].id]
        return service.ask(where.id, who.id, ids, by=By("staff", str(where.owner_id)), page_url="")


@pytest.mark.parametrize("reason", list(Reason))
def test_nobody_out_of_reach_is_asked(session, where, mara, reason):
    with transaction():
        consent.suppress(where.id, mara.id, reason, by=By("system"))
    with pytest.raises(Conflict):
        ask(where, mara)
    assert count(session, ConsentRequest) == 0


def test_nobody_who_stopped_everything_is_asked(where, mara):
    make.confirmed(where, mara)
    with transaction():
        consent.stop_everything(where.id, mara.id, by=By(), proof=Proof())
    with pytest.raises(Conflict):
        ask(where, mara)


def test_an_address_that_complained_before_is_never_from_the_first_moment(session, staff, where, mara):
    with transaction():
        consent.suppress(where.id, mara.id, Reason.COMPLAINT, by=By("system"))
        service.erase(where.id, mara.id, by=By("system"))
    before = count(session, Contact)
    answer = add(staff, email="mara@example.org", interest=[str(where.interests[0].id)])
    assert answer.status_code == 409
    assert "must not be written to" in answer.text
    assert count(session, Contact) == before
    assert add(staff, email="mara@example.org").status_code == 303
    again = contacts.find_by_key(where.id, "mara@example.org")
    assert word(where, again) == "never"


def test_a_mailbox_is_asked_five_times_a_day_at_most_whoever_asks(where, mara):
    for _ in range(5):
        ask(where, mara)
    with pytest.raises(TooMany):
        ask(where, mara)


def test_the_question_speaks_the_persons_language():
    assert rules.question("Ostkai", ["A"], "en") == "Yes, Ostkai may email me about A."
    assert (
        rules.question("Ostkai", ["A", "B", "C"], "de")
        == "Ja, Ostkai darf mir E-Mails schicken zu: A, B und C."
    )
    assert rules.question("Ostkai", ["A", "B"], "fr") == "Yes, Ostkai may email me about A and B."


def test_staff_have_no_way_to_a_yes(app, staff, where, session):
    """Post to every route of people with all that a yes would need; no permission comes of it."""
    who = make.person(where.id, "quiet@example.org")
    wanted = {
        "state": "yes", "permission": "yes", "word": "yes", "interest": str(where.interests[0].id),
        "basis": "consent", "confirmed": "1", "email": "quiet@example.org", "detail": "said so",
    }  # fmt: skip
    for rule in app.url_map.iter_rules():
        if (
            rule.endpoint.startswith("people.")
            and "POST" in rule.methods
            and "contact_id" in rule.arguments | {"contact_id"}
        ):
            values = dict.fromkeys(rule.arguments, str(who.id))
            staff.post(rule.build(values)[1], **wanted)
    said_yes = session.execute(text("SELECT count(*) FROM permissions WHERE state = 'yes'")).scalar_one()
    assert said_yes == 0
