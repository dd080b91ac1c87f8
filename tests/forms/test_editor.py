"""The forms of a workspace, for its staff."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from app.forms import queries
from app.forms.models import Form, FormVersion
from app.kernel.db import session
from tests.support import accounts, make, signup


@pytest.fixture
def stage(session):
    return signup.stage()


@pytest.fixture
def staff(client, stage):
    """The owner's browser."""
    place = stage.place
    accounts.sign_in(client, accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD))
    return client


def edit_url(stage) -> str:
    return f"/forms/{stage.form.id}"


def edited(stage, page: str, **more) -> dict:
    words = queries.list_versions(stage.form)[0].words
    return {
        "csrf": accounts.csrf_of(page),
        "language": "en",
        "name": "Shop footer",
        "title": words.title,
        "intro": words.intro,
        "button": "",
        "field": ["first_name"],
        "interest": stage.topics,
        "consent_text": words.consent,
        "consent_hint": words.consent_hint,
        "tracking_on": "1",
        "tracking_text": words.tracking,
        "tracking_hint": words.tracking_hint,
        "notice": words.notice,
        "privacy_url": "",
        "origins": "",
        **more,
    }


def save(staff, stage, **more):
    page = staff.get(edit_url(stage)).text
    answer = staff.post(edit_url(stage), data=edited(stage, page, **more))
    session().expire_all()
    return answer


def test_a_new_brand_has_a_form_that_takes_people(client, session):
    place = make.place()
    (form,) = session.execute(select(Form).where(Form.workspace_id == place.id)).scalars()
    assert client.get(f"/f/{form.public_id}").status_code == 200


def test_the_list_shows_forms_with_what_they_brought(staff, stage):
    staff.post(stage.url, data=stage.fields())
    page = staff.get("/forms").text
    assert "Shop footer" in page
    assert "New coffees, Brewing letters" in page


def test_a_new_form_is_online_at_once(staff, stage):
    answer = staff.post("/forms", data={"csrf": accounts.csrf_of(staff.get("/forms").text), "name": "Fair"})
    assert answer.status_code == 303
    form = session().execute(select(Form).where(Form.name == "Fair")).scalars().one()
    assert staff.get(f"/f/{form.public_id}").status_code == 200


def test_a_form_without_a_name_is_refused_in_place(staff, stage):
    answer = staff.post("/forms", data={"csrf": accounts.csrf_of(staff.get("/forms").text), "name": " "})
    assert answer.status_code == 422
    assert "Write a name." in answer.text


def test_saving_the_same_words_makes_no_version(staff, stage):
    assert save(staff, stage).status_code == 303
    assert queries.get_form(stage.place.id, stage.form.id).current_version == 1


def test_new_words_are_a_new_version_and_the_old_one_stays(staff, stage):
    answer = save(staff, stage, consent_text="Yes, write to me.")
    assert answer.status_code == 303, answer.text
    form = queries.get_form(stage.place.id, stage.form.id)
    assert form.current_version == 2
    old = queries.find_version(form, 1, "en")
    assert old is not None
    assert "what I ticked above" in old.words.consent
    assert "Yes, write to me." in staff.get(f"{stage.url}?lang=en").text
    assert "Version 2" in staff.get(edit_url(stage)).text


def test_a_pasted_form_keeps_its_old_words_as_proof(staff, stage):
    save(staff, stage, consent_text="Yes, write to me.")
    staff.post(stage.url, data=stage.fields(v="1.en"))
    body = session().execute(text("SELECT body FROM consent_events WHERE kind = 'requested'")).scalar_one()
    assert b'"version":1' in body.replace(b" ", b"")
    assert queries.find_version(stage.form, 1, "en").consent_text_id.hex in body.decode().replace("-", "")


def test_what_a_form_asks_is_the_same_in_each_language(staff, stage):
    save(staff, stage, interest=stage.topics[:1], field=["first_name", "last_name"], required=["last_name"])
    versions = queries.list_versions(queries.get_form(stage.place.id, stage.form.id))
    assert {row.language for row in versions} == {"en", "de"}
    assert len({(row.words.asked, row.words.interests) for row in versions}) == 1


def test_a_language_is_added_by_writing_its_words(staff, stage, session):
    form = next(found.form for found in queries.list_forms(stage.place.id) if found.form.name == "Newsletter")
    url = f"/forms/{form.id}"
    page = staff.get(f"{url}?lang=de").text
    assert "Neues von" in page
    (topic,) = [str(found) for found in queries.list_versions(form)[0].words.interests]
    data = edited(stage, page, name="Newsletter", language="de", title="Neues", interest=[topic])
    assert staff.post(url, data=data).status_code == 303
    assert '<html lang="de"' in staff.get(f"/f/{form.public_id}?lang=de").text


def test_faults_keep_what_was_written(staff, stage):
    answer = save(staff, stage, title="", intro="Something new", interest=[])
    assert answer.status_code == 422
    assert "Something new" in answer.text
    assert queries.get_form(stage.place.id, stage.form.id).current_version == 1


def test_a_closed_form_opens_again(staff, stage):
    page = staff.get(edit_url(stage)).text
    state = {"csrf": accounts.csrf_of(page)}
    assert staff.post(f"{edit_url(stage)}/state", data={**state, "live": "0"}).status_code == 303
    assert staff.get(stage.url).status_code == 404
    staff.post(f"{edit_url(stage)}/state", data={**state, "live": "1"})
    assert staff.get(stage.url).status_code == 200


def test_the_html_to_paste_works_as_it_is(staff, stage):
    from html import unescape

    page = unescape(staff.get(f"{edit_url(stage)}/embed").text)
    html = page[page.index('<form class="nod"') : page.index("</form>", page.index('<form class="nod"'))]
    assert "<script" not in html
    assert "style" not in html
    assert signup.hidden(html)["v"] == "1.en"
    assert 'name="t"' not in html
    assert html.count('type="checkbox"') == 4
    assert "checked" not in html.replace("checkbox", "")


def test_a_version_cannot_be_changed_by_the_application(stage, session):
    row = session.execute(select(FormVersion)).scalars().first()
    for statement in (
        "UPDATE form_versions SET sha256 = ''",
        "DELETE FROM form_versions",
        "TRUNCATE form_versions",
    ):
        with pytest.raises(ProgrammingError), session.begin_nested():
            session.execute(text(statement))
    assert row is not None


def test_another_workspaces_form_is_not_here(staff, stage):
    other = signup.stage("Another brand")
    assert staff.get(edit_url(other)).status_code == 404
    page = staff.get(edit_url(stage)).text
    assert staff.post(edit_url(other), data=edited(stage, page)).status_code == 404
    assert (
        staff.post(f"{edit_url(other)}/state", data={"csrf": accounts.csrf_of(page), "live": "0"}).status_code
        == 404
    )


def test_another_workspaces_interest_cannot_be_offered(staff, stage):
    other = signup.stage("Another brand")
    answer = save(staff, stage, interest=other.topics)
    assert answer.status_code == 422
