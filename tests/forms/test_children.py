"""Where a form asks for a birthday, whoever is too young names a parent or guardian, who is asked first."""

from __future__ import annotations

from html import unescape

import pytest
from sqlalchemy import select, text

from app.consent.models import ConsentRequest
from app.contacts.models import Contact
from app.kernel import clock
from app.kernel.db import session
from app.preferences import guardians
from tests.forms.test_editor import edit_url, staff  # noqa: F401  a fixture
from tests.support import signup
from tests.support.signup import hidden, messages, path_of, prepared

JSON = {"Accept": "application/json"}
ADA = "ada@example.org"


@pytest.fixture
def stage(session):
    return signup.asks_age(signup.stage(origins=("https://shop.example",)))


def years_ago(years: int, days: int = 0) -> str:
    """A birthday that many years before today, and some days earlier."""
    today = clock.now().date()
    born = today.replace(year=today.year - years, day=min(today.day, 28))
    return born.fromordinal(born.toordinal() - days).isoformat()


def post(client, stage, born: str, email="kim@example.org", **more):
    return client.post(stage.url, data=stage.fields(email, v="2.en", c_birthday=born, **more), headers=JSON)


def in_country(stage, code: str):
    session().execute(
        text("UPDATE workspaces SET country = :code WHERE id = :id"), {"code": code, "id": stage.place.id}
    )
    session().expire_all()


def test_every_way_to_show_the_form_asks_for_the_guardian_beside_the_birthday(client, stage, staff):  # noqa: F811
    shown = [
        client.get(stage.url).text,
        client.get(f"{stage.url}?frame=1").text,
        client.get(f"{stage.url}/fragment").text,
        unescape(staff.get(f"{edit_url(stage)}/embed").text),
    ]
    for page in shown:
        assert 'name="guardian" type="email"' in page
        assert page.index('name="c_birthday"') < page.index('name="guardian"')
        assert "under 16" in page
    assert "E-Mail-Adresse eines Elternteils" in client.get(f"{stage.url}?lang=de").text
    assert "parent’s or guardian’s address" in staff.get(edit_url(stage)).text
    other = signup.stage("Another brand")
    assert 'name="guardian"' not in client.get(other.url).text
    assert client.post(other.url, data=other.fields(guardian=ADA), headers=JSON).json["errors"]["guardian"]


@pytest.mark.parametrize(
    ("born", "told", "brand", "alone"),
    [
        (15, "", "", False), (16, "", "", True), (15, "", "FR", True), (14, "", "FR", False),
        (13, "gb", "DE", True), (13, "DE", "GB", False), (14, "BR", "GB", False), (14, "AT", "", True),
    ],
)  # fmt: skip
def test_the_country_told_decides_then_the_brands_then_the_strictest(client, stage, born, told, brand, alone):
    in_country(stage, brand)
    answer = post(client, stage, years_ago(born, 3), c_country=told)
    assert (answer.status_code == 200) is alone, answer.json
    assert ("guardian" in answer.json.get("errors", {})) is not alone
    assert len(messages("confirm")) == alone


def test_a_fault_stands_beside_the_field_and_what_was_typed_stays(client, stage):
    fields = stage.fields("kim.b@gmail.com", v="2.en", c_birthday=years_ago(12))
    for typed, said in (
        ("", "At your age we ask a parent or guardian first."),
        ("nonsense", "an @"),
        ("KIMB+mum@googlemail.com", "This is your own address."),
    ):
        page = unescape(client.post(stage.url, data={**fields, "guardian": typed}).text)
        assert said in page.partition('id="e-guardian"')[2][:200], typed
        assert 'href="#guardian"' in page
        assert f'name="guardian" type="email" value="{typed}"' in page
    assert signup.messages() == []
    assert session().execute(select(ConsentRequest)).first() is None


def test_the_guardian_gets_the_one_mail_and_the_page_says_so(client, stage):
    answer = client.post(stage.url, data=stage.fields("kim@example.org", v="2.en", c_birthday=years_ago(12), guardian=" Ada@Example.ORG "))
    page = unescape(client.get(answer.location).text)
    assert "<h1>Ask your parent or guardian</h1>" in page
    assert "Ada@Example.ORG" in page
    (message,) = messages()
    made = prepared(message, "confirm-guardian")
    assert made.to == "Ada@example.org"
    told = post(client, stage, years_ago(12), "jo@example.org", guardian="max@example.org").json
    assert "After their yes we send one to you" in told["detail"]
    link = path_of(made.values["links"]["confirm"])
    page = client.get(link).text
    clock.set_shift(10)
    client.post(link, data=hidden(page))
    (message,) = messages("confirm")
    own = prepared(message, "confirm")
    assert own.to == "kim@example.org"
    client.post(path_of(own.values["links"]["confirm"]))
    session().expire_all()
    kim = session().execute(select(Contact).where(Contact.id == message.contact_id)).scalar_one()
    assert kim.fields == {"birthday": years_ago(12)}
    assert ADA not in str(session().execute(text("SELECT values, post FROM submissions")).all()).lower()


def test_whoever_is_old_enough_needs_nobody_and_what_they_typed_there_is_not_kept(client, stage):
    assert post(client, stage, years_ago(30), guardian="not an address").status_code == 200
    assert post(client, stage, "", "b@example.org", guardian=ADA).status_code == 200
    assert [message.mailing_no for message in messages()] == [message.mailing_no for message in messages("confirm")]
    for (found,) in session().execute(select(ConsentRequest.id)):
        assert guardians.find(found) is None
    assert ADA not in str(session().execute(text("SELECT values, post FROM submissions")).all())
