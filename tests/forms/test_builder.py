"""What a form may ask, how it looks, and where it is put: one definition, four embeds and an API."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app.contacts.models import Contact
from app.contacts.queries import list_fields
from app.forms import embeds, queries
from app.forms.models import FormCount, Submission
from app.forms.style import Policy, Style, Take
from app.kernel import assets
from app.kernel.db import session, transaction
from tests.forms.test_editor import edit_url, edited, save, staff  # noqa: F401  a fixture
from tests.support import signup
from tests.support.signup import MARA, hidden, messages, path_of, prepared

SHOP = "https://shop.example"
ASKED = {
    "field": ["first_name", "c_country", "c_household_size", "c_company_size", "c_birthday", "c_company"],
    "required": ["c_country"],
    "hide": ["c_company"],
    "label_c_country": "Where do you live?",
    "place_c_country": "1",
    "hint_c_country": "So we know your shop.",
    "value_c_company": "Fair 2026",
}


@pytest.fixture
def stage(session):
    return signup.stage(origins=(SHOP,))


def words(stage, language: str = "en"):
    form = queries.get_form(stage.place.id, stage.form.id)
    return next(row.words for row in queries.list_versions(form) if row.language == language)


def test_ready_questions_become_fields_and_are_asked_in_each_language(staff, stage):  # noqa: F811
    assert save(staff, stage, origins=SHOP, **ASKED).status_code == 303
    assert {field.key for field in list_fields(stage.place.id)} >= {"country", "company", "household_size"}
    assert words(stage).asked[0].name == "c_country"
    page = unescape(staff.get(f"{stage.url}?lang=en").text)
    assert "Where do you live?" in page
    assert "So we know your shop." in page
    assert '<option value="DE">Germany</option>' in page
    assert 'name="c_birthday" type="date"' in page
    assert '<input type="hidden" name="c_company" value="Fair 2026">' in page
    german = unescape(staff.get(f"{stage.url}?lang=de").text)
    assert "Wie viele Menschen leben in Ihrem Haushalt?" in german
    assert '<option value="DE">Deutschland</option>' in german


def test_what_was_asked_is_kept_after_the_yes_hidden_values_too(staff, stage):  # noqa: F811
    save(staff, stage, origins=SHOP, **ASKED)
    answers = {"v": "2.en", "c_country": "at", "c_household_size": "4", "c_company_size": "10–49"}
    assert staff.post(stage.url, data=stage.fields(v="2.en")).status_code == 422  # the country is missing
    made = signup.question(stage, staff, **answers, c_birthday="1990-02-28")
    staff.post(path_of(made.values["links"]["confirm"]))
    session().expire_all()
    (person,) = session().execute(select(Contact).where(Contact.workspace_id == stage.place.id)).scalars()
    assert person.fields == {
        "country": "AT", "household_size": "4", "company_size": "10–49", "birthday": "1990-02-28",
        "company": "Fair 2026",
    }  # fmt: skip


def test_a_field_that_does_not_fit_is_told_and_a_hidden_one_is_left_out(staff, stage):  # noqa: F811
    save(staff, stage, origins=SHOP, **{**ASKED, "hide": ["c_company_size"], "value_c_company_size": "many"})
    answer = staff.post(stage.url, data=stage.fields(v="2.en", c_country="Germany", c_company_size="lots"))
    assert answer.status_code == 422
    assert "Write the country&#39;s two letters" in answer.text
    assert staff.post(stage.url, data=stage.fields(v="2.en", c_country="DE")).status_code == 303


def test_a_preview_shows_what_is_not_saved_and_saves_nothing(staff, stage):  # noqa: F811
    page = staff.get(edit_url(stage)).text
    more = {**ASKED, "title": "Not saved yet", "accent_on": "1", "accent": "#aa0055", "corners": "round"}
    before = signup.everything()
    answer = staff.post(f"{edit_url(stage)}/preview", data=edited(stage, page, **more))
    assert answer.status_code == 200
    assert "Not saved yet" in answer.text
    assert "How many people work there?" in answer.text
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    (look,) = re.findall(r'href="(/f/look\.css[^"]+)"', answer.text)
    assert "--corner:16px" in staff.get(unescape(look)).text
    faulty = staff.post(f"{edit_url(stage)}/preview", data=edited(stage, page, title=""))
    assert (faulty.status_code, "Write a title." in faulty.text) == (422, True)
    assert signup.everything() == before


def test_a_look_is_kept_read_and_never_a_part_of_the_words(staff, stage):  # noqa: F811
    assert save(staff, stage, accent_on="1", accent="#FFEE00", font="serif", plain="1").status_code == 303
    form = queries.get_form(stage.place.id, stage.form.id)
    assert form.current_version == 1
    assert form.look == Style("#ffee00", "serif", "", plain=True)
    assert Style.from_json(form.look.to_json()) == form.look
    page = staff.get(stage.url).text
    css = staff.get(unescape(re.findall(r'href="(/f/look\.css[^"]+)"', page)[0]))
    assert "Georgia" in css.text
    assert (
        "#ffee00" not in css.text.partition("--brand-dark")[0]
    )  # yellow on white cannot be read: it is darker
    assert "immutable" in css.headers["Cache-Control"]
    assert save(staff, stage, accent_on="1", accent="red").status_code == 422
    for query in ("accent=red;}body{", "font=fancy", "corners=x"):
        assert staff.get(f"/f/look.css?{query}").status_code == 404


def test_the_page_after_the_post_is_the_forms_own_or_a_website_that_it_names(staff, stage, client):  # noqa: F811
    assert save(staff, stage, thanks_title="Almost there", thanks="Coffee soon.").status_code == 303
    page = client.get(client.post(stage.url, data=stage.fields(v="2.en")).location).text
    assert "<h1>Almost there</h1>" in page
    assert "Coffee soon." in page
    target = f"{SHOP}/thanks"
    assert save(staff, stage, after_url=target, origins="").status_code == 422
    assert save(staff, stage, after_url="https://evil.example/", origins=SHOP).status_code == 422
    assert save(staff, stage, after_url=target, origins=SHOP).status_code == 303
    assert client.post(stage.url, data=stage.fields(v="3.en")).location == target
    told = client.post(stage.url, data=stage.fields(v="3.en"), headers={"Accept": "application/json"}).json
    assert told["url"] == target
    # A website that is taken off the list is not led to any more, also from words that name it.
    save(staff, stage, after_url="", origins="")
    assert "/inbox?" in client.post(stage.url, data=stage.fields(v="3.en")).location


def test_the_mail_after_the_yes_says_what_the_form_promised(staff, stage, client):  # noqa: F811
    save(staff, stage, welcome="Your voucher: KAFFEE-10")
    made = signup.question(stage, client, v="2.en")
    client.post(path_of(made.values["links"]["confirm"]))
    (message,) = messages("welcome")
    assert prepared(message, "welcome").values["form"] == {"welcome": "Your voucher: KAFFEE-10"}
    acted = session().execute(text("SELECT kind, contact_id FROM signals")).all()
    assert acted == [("form", message.contact_id)]


def test_the_embed_page_offers_all_ways_from_one_definition(staff, stage):  # noqa: F811
    save(staff, stage, origins=SHOP, **ASKED)
    page = unescape(staff.get(f"{edit_url(stage)}/embed?lang=de").text)
    for part in ("<nod-form src=", "<iframe class=", "curl http", 'name="via" value="html"'):
        assert part in page, part
    assert (
        page.count("Wie viele Menschen leben in Ihrem Haushalt?") == 2
    )  # in the HTML and inside the component
    assert '"c_country": "…"' in page


def test_the_component_is_small_and_its_proof_is_of_its_bytes(staff, stage):  # noqa: F811
    script = assets.FOLDER / "built" / embeds.SCRIPT
    assert len(gzip.compress(script.read_bytes(), 9)) <= 6 * 1024
    page = unescape(staff.get(f"{edit_url(stage)}/embed").text)
    ((source, integrity),) = re.findall(r'src="([^"]+)" integrity="([^"]+)"', page)

    with staff.get(path_of(source)) as answer:
        assert integrity == "sha384-" + base64.b64encode(hashlib.sha384(answer.data).digest()).decode()
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_component_loads_the_form_as_it_is_today(client, stage):
    answer = client.get(f"{stage.url}/fragment?lang=de", headers={"Origin": SHOP})
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Origin" not in client.get(f"{stage.url}/fragment").headers
    found = hidden(answer.text)
    assert (found["v"], found["via"]) == ("1.de", "component")
    assert found["t"]
    assert "checked" not in answer.text.replace("checkbox", "")


def test_programs_sign_people_up_with_json(client, stage):
    body = {"v": "1.en", "via": "api", "email": MARA, "yes": True, "topic": stage.topics, "tracking": None}
    answer = client.post(stage.url, json=body)
    assert (answer.status_code, answer.json["status"]) == (200, "asked")
    assert len(messages("confirm")) == 1
    assert client.post(stage.url, json={**body, "yes": False}).json["errors"]["yes"]
    for odd in ([body], "x", {**body, "email": {"a": 1}}, {**body, "is_admin": True}):
        assert client.post(stage.url, json=odd).status_code in {400, 422}
    assert client.post(stage.url, data="{", content_type="application/json").status_code == 400
    assert len(messages("confirm")) == 1


def test_browsers_may_post_json_from_the_forms_websites_only(client, stage):
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = client.options(stage.url, headers={"Origin": SHOP, **ask})
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    other = client.options(stage.url, headers={"Origin": "https://evil.example", **ask})
    assert not [name for name, _ in other.headers if name.startswith("Access-Control")]


def test_answers_are_counted_by_where_they_came_from(client, stage, staff):  # noqa: F811
    client.get(stage.url)
    client.get(f"{stage.url}?frame=1")
    client.post(stage.url, data=stage.fields("one@example.org", via="html"), headers={"Origin": SHOP})
    client.post(
        stage.url, data=stage.fields("two@example.org", via="html"), headers={"Origin": "https://a.example"}
    )
    made = signup.question(stage, client, via="component", email="three@example.org")
    client.post(path_of(made.values["links"]["confirm"]))
    client.post(stage.url, data=stage.fields("four@example.org", via="<script>"))
    session().expire_all()
    rows = session().execute(select(FormCount).where(FormCount.form_id == stage.form.id)).scalars()
    assert {row.source: (row.views, row.submits, row.confirms) for row in rows} == {
        "page": (1, 1, 0), "frame": (1, 0, 0), "html shop.example": (0, 1, 0), "html": (0, 1, 0),
        "component": (0, 1, 1),
    }  # fmt: skip
    page = staff.get(f"{edit_url(stage)}/results?days=7").text
    assert "shop.example" in page
    assert "Figures per day" in page
    assert 'role="img"' in page
    other = signup.stage("Another brand")
    assert staff.get(f"{edit_url(other)}/results").status_code == 404
    assert staff.get(f"{edit_url(other)}/embed").status_code == 404
    assert staff.get(f"{edit_url(other)}/preview").status_code in {404, 405}


def test_an_answer_that_cannot_be_taken_any_more_holds_up_nobody(client, stage):
    from app.consent import service as consent
    from app.forms import intake

    client.has_workers = False
    client.post(stage.url, data=stage.fields("gone@example.org", topic=stage.topics[:1]))
    client.post(stage.url, data=stage.fields(topic=stage.topics[1:]))
    with transaction():
        consent.archive_interest(stage.place.id, stage.place.interests[0].id)
    intake.take_all()
    assert len(messages("confirm")) == 1
    rows = session().execute(select(Submission).order_by(Submission.created_at)).scalars().all()
    assert [row.post for row in rows] == [None, None]
    assert rows[0].values == {}


def test_a_policy_survives_the_way_through_json():
    policy = Policy(Take.REFUSE, Take.FLAG)
    assert Policy.from_json(policy.to_json()) == policy
    assert Policy.from_json({}) == Policy()


def test_right_to_left_pages_turn_by_themselves(client, stage):
    from app.kernel import i18n

    assert [i18n.direction(code) for code in ("ar", "he", "en", "pt")] == ["rtl", "rtl", "ltr", "ltr"]
    css = (Path(assets.FOLDER) / "public.css").read_text()
    assert not re.findall(
        r"[;{](?:margin|padding|border)-(?:left|right)|[;{](?:left|right):|text-align:(?:left|right)", css
    )
