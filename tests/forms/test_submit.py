"""What a post to a form does, and does not."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from app.contacts.models import Contact, ContactAddress
from app.forms import intake
from app.forms.models import FormCount, Submission
from app.kernel import clock
from app.kernel.db import session
from tests.support import signup
from tests.support.signup import MARA, hidden, messages, statements


@pytest.fixture
def stage(session):
    return signup.stage()


def people() -> list[str]:
    return list(
        session().execute(select(ContactAddress.address).order_by(ContactAddress.created_at)).scalars()
    )


def test_a_post_asks_the_person_with_one_mail(client, stage):
    answer = client.post(stage.url, data=stage.fields())
    assert answer.status_code == 303
    assert answer.location.startswith(f"{stage.url}/inbox?")
    (message,) = messages()
    assert people() == [MARA]
    assert signup.states(message.contact_id) == {"New coffees": "asked", "Brewing letters": "asked"}


def test_the_ledger_holds_what_was_shown_and_typed(client, stage):
    client.post(
        stage.url, data=stage.fields("  Mara.Lindqvist@EXAMPLE.org "), headers={"User-Agent": "Firefox"}
    )
    body, personal = (
        session()
        .execute(
            text("SELECT e.body, p.body FROM consent_events e JOIN consent_personal p ON p.event_id = e.id")
        )
        .one()
    )
    assert stage.form.id.hex in body.decode().replace("-", "")
    assert '"version":1' in body.decode().replace(" ", "")
    assert "  Mara.Lindqvist@EXAMPLE.org " in personal.decode()
    assert "Firefox" in personal.decode()


def test_the_next_page_shows_the_address_without_carrying_it_in_the_url(client, stage):
    answer = client.post(stage.url, data=stage.fields())
    assert "mara" not in answer.location
    assert MARA in client.get(answer.location).text
    assert MARA not in client.get(f"{stage.url}/inbox").text
    clock.set_shift(3700)
    assert MARA not in client.get(answer.location).text


def test_the_same_page_posted_twice_counts_once(client, stage):
    fields = stage.fields(once="0199d2f4-7c1e-7b30-9a52-6f0d3c41e8a7")
    answers = [client.post(stage.url, data=fields) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {303}
    assert len(messages()) == 1


def test_a_corrected_address_from_the_same_page_counts_anew(client, stage):
    once = "0199d2f4-7c1e-7b30-9a52-6f0d3c41e8a7"
    client.post(stage.url, data=stage.fields("mara@exmaple.org", once=once))
    client.post(stage.url, data=stage.fields(MARA, once=once))
    assert people() == ["mara@exmaple.org", MARA]


def test_a_pasted_form_may_be_posted_again_later(client, stage):
    for _ in range(2):
        client.post(stage.url, data=stage.fields())
    assert len(messages()) == 2


def test_a_filled_honeypot_gets_the_same_answer_and_writes_nothing(client, stage):
    real = client.post(stage.url, data=stage.fields())
    before = signup.everything()
    bot = client.post(stage.url, data=stage.fields("bot@example.org", website="https://spam.example"))
    assert (bot.status_code, bot.text.count("\n")) == (real.status_code, real.text.count("\n"))
    assert signup.everything() == before


def test_a_post_faster_than_two_seconds_is_asked_once_more_and_writes_nothing(client, stage):
    fields = hidden(client.get(stage.url).text)
    before = signup.everything()
    answer = client.post(stage.url, data=stage.fields(t=fields["t"]))
    assert answer.status_code == 422
    assert f'value="{MARA}"' in answer.text
    assert signup.everything() == before
    again = hidden(answer.text)
    clock.set_shift(3)
    assert client.post(stage.url, data=stage.fields(t=again["t"])).status_code == 303
    assert len(messages()) == 1


def test_a_quick_correction_counts_from_the_first_page(client, stage):
    fields = hidden(client.get(stage.url).text)
    clock.set_shift(30)
    corrected = hidden(client.post(stage.url, data=stage.fields("mara", t=fields["t"])).text)
    assert client.post(stage.url, data=stage.fields(t=corrected["t"])).status_code == 303
    assert len(messages()) == 1


def test_a_page_older_than_a_day_is_shown_again_with_what_was_typed(client, stage):
    fields = hidden(client.get(stage.url).text)
    clock.set_shift(25 * 3600)
    answer = client.post(stage.url, data=stage.fields(t=fields["t"], first_name="Mara"))
    assert answer.status_code == 422
    assert f'value="{MARA}"' in answer.text
    assert 'value="Mara"' in answer.text
    assert not messages()
    again = hidden(answer.text)
    clock.set_shift(25 * 3600 + 3)
    assert client.post(stage.url, data=stage.fields(t=again["t"])).status_code == 303


def test_a_time_signed_for_another_form_is_refused(client, stage, session):
    other = signup.stage("Another brand")
    foreign = hidden(client.get(other.url).text)["t"]
    clock.set_shift(5)
    assert client.post(stage.url, data=stage.fields(t=foreign)).status_code == 422


def test_faults_stand_beside_their_fields_and_in_a_summary(client, stage):
    answer = client.post(stage.url, data={"v": "1.en", "email": "mara.lindqvist", "first_name": "Mara"})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    for place in ("email", "yes", "topics"):
        assert f'href="#{place}"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert not people()


def test_programs_get_the_faults_as_json(client, stage):
    answer = client.post(
        stage.url, data={"v": "1.en", "email": "nobody"}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {"email", "yes", "topic"}


def test_programs_get_json_and_no_address_in_it(client, stage):
    answer = client.post(stage.url, data=stage.fields(), headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert answer.json["status"] == "asked"
    assert "mara" not in answer.text


def test_no_box_is_ticked_on_a_page_that_is_loaded(client, stage):
    page = client.get(stage.url).text
    assert "checked" not in page


def test_one_interest_needs_no_topic_to_be_ticked(client, session):
    from app.forms import queries

    stage = signup.stage()
    (only,) = [
        listed.form for listed in queries.list_forms(stage.place.id) if listed.form.name == "Newsletter"
    ]
    page = client.get(f"/f/{only.public_id}").text
    assert 'name="topic"' not in page
    answer = client.post(f"/f/{only.public_id}", data={"v": "1.en", "email": MARA, "yes": "1"})
    assert answer.status_code == 303


def test_an_unknown_form_and_a_closed_one_are_not_here(client, stage):
    from app.forms import service

    assert client.get("/f/nothing1").status_code == 404
    assert client.post("/f/nothing1", data=stage.fields()).status_code == 404
    service.close(stage.place.id, stage.form.id)
    session().flush()
    assert client.get(stage.url).status_code == 404
    assert client.post(stage.url, data=stage.fields()).status_code == 404


def test_the_language_is_the_one_asked_for_then_the_browsers_then_the_forms(client, stage):
    assert 'lang="de"' in client.get(f"{stage.url}?lang=de").text
    assert (
        '<html lang="de"' in client.get(stage.url, headers={"Accept-Language": "fr, de;q=0.8, en;q=0.5"}).text
    )
    assert '<html lang="en"' in client.get(stage.url, headers={"Accept-Language": "fr"}).text
    page = client.post(f"{stage.url}", data=stage.fields(v="1.de", yes=""))
    assert '<html lang="de"' in page.text


def test_faults_are_told_in_the_language_of_the_form(client, stage):
    page = client.post(stage.url, data=stage.fields("mara", v="1.de", yes="", topic=[])).text
    assert "Eine E-Mail-Adresse hat in der Mitte ein @" in page
    assert "missing" not in page
    for english in ("Tick", "Choose", "This "):
        assert english not in page


def test_error_pages_speak_the_browsers_language(client, session):
    page = client.get("/f/nothing1", headers={"Accept-Language": "de"}).text
    assert '<html lang="de"' in page
    assert "Diese Seite gibt es hier nicht" in page


def test_what_was_told_beside_the_address_waits_for_the_yes(client, stage, session):
    made = signup.question(stage, client, first_name="Mara")
    contact = session.execute(select(Contact)).scalars().one()
    assert contact.first_name == ""
    client.post(signup.path_of(made.values["links"]["confirm"]))
    session.expire_all()
    assert session.execute(select(Contact)).scalars().one().first_name == "Mara"
    assert session.execute(select(Submission)).scalars().all() == []


def test_a_stranger_cannot_rename_somebody_who_is_known(client, stage, session):
    client.post(signup.path_of(signup.question(stage, client, first_name="Mara").values["links"]["confirm"]))
    client.post(stage.url, data=stage.fields(first_name="Fool"))
    session.expire_all()
    assert session.execute(select(Contact)).scalars().one().first_name == "Mara"


def test_views_answers_and_yeses_are_counted(client, stage, session):
    client.get(stage.url)
    client.head(stage.url)
    client.get(f"{stage.url}?preview=1")
    made = signup.question(stage, client)
    client.post(signup.path_of(made.values["links"]["confirm"]))
    session.expire_all()
    counts = session.execute(select(FormCount).where(FormCount.form_id == stage.form.id)).scalars().one()
    assert (counts.views, counts.submits, counts.confirms) == (1, 1, 1)


def test_a_form_asks_for_the_fields_of_its_version_and_no_others(client, session):
    stage = signup.stage(fields=())
    answer = client.post(
        stage.url, data=stage.fields(first_name="Mara"), headers={"Accept": "application/json"}
    )
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {"first_name"}


def test_a_post_costs_five_statements_and_taking_it_a_bounded_number(app, client, stage):
    client.post(stage.url, data=stage.fields("warm@example.org"))
    client.has_workers = False
    with statements(app) as seen:
        assert client.post(stage.url, data=stage.fields()).status_code == 303
    assert len(real(seen)) <= 5, "\n\n".join(seen)
    with statements(app) as seen:
        intake.take_all()
    assert len(real(seen)) <= 27, "\n\n".join(seen)


def real(seen: list[str]) -> list[str]:
    return [line for line in seen if not line.startswith(("SAVEPOINT", "RELEASE"))]
