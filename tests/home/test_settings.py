"""The settings."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select

from app.accounts import queries
from app.accounts.models import AuditEntry, Workspace
from app.accounts.rules.roles import Role
from app.consent import queries as consent
from app.consent.law import law_of
from app.content.mjml import EMAILS
from app.delivery import queries as delivery
from tests.home.test_first_run import BRAND, SENDER, post
from tests.support import accounts, images, make


@pytest.fixture
def owner(client):
    found = accounts.make_owner()
    accounts.sign_in(client, found)
    return found


def test_the_brand_is_changed_and_the_change_is_recorded(client, session, owner):
    answer = post(client, "/settings/brand", {**BRAND, "name": "Oxbow Roasters"}, "/settings")
    assert (answer.status_code, answer.location) == (303, "/settings")
    assert session.execute(select(Workspace.name)).scalar_one() == "Oxbow Roasters"
    entry = session.execute(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).scalar_one()
    assert entry.act == "workspace.changed"
    assert entry.actor_id == owner.user_id
    assert entry.detail["name"] == ["Oxbow Coffee", "Oxbow Roasters"]


def test_a_fault_of_the_brand_keeps_what_was_typed(client, owner):
    answer = post(
        client, "/settings/brand", {**BRAND, "name": "Oxbow Roasters", "colour": "red"}, "/settings"
    )
    assert answer.status_code == 422
    assert "Oxbow Roasters" in answer.text
    assert queries.list_workspaces()[0].name == "Oxbow Coffee"


def test_the_sender_is_changed_and_the_change_is_recorded(client, session, owner):
    answer = post(client, "/settings/sender", SENDER, "/settings")
    assert (answer.status_code, answer.location) == (303, "/settings?checked=1#sender")
    assert delivery.sender_of(owner.workspace_id).name == "Marta at Oxbow"
    acts = session.execute(select(AuditEntry.act)).scalars().all()
    assert "sender.changed" in acts


def test_a_stored_password_is_never_shown(client, smtp):
    owner = accounts.make_owner()
    accounts.sign_in(client, owner)
    values = {**SENDER, "transport": "smtp", "host": "127.0.0.1", "port": str(smtp.port), "security": "none"}
    assert post(client, "/settings/sender", values, "/settings").status_code == 303
    answer = post(
        client, "/settings/sender", {**values, "port": "x", "secret": "hunter2hunter2"}, "/settings"
    )
    assert answer.status_code == 422
    assert "hunter2hunter2" not in answer.text


def test_a_test_mail_can_be_sent_from_the_settings(client, owner):
    post(client, "/settings/sender", SENDER, "/settings")
    assert post(client, "/settings/test", {"to": owner.email}, "/settings").location == "/setup/test"
    answer = post(client, "/settings/test", {"to": "eve@evil.example"}, "/settings")
    assert answer.status_code == 422
    assert "who works here" in answer.text


def test_interests_are_added_changed_and_no_longer_offered(client, owner):
    known = {found.name for found in consent.list_interests(owner.workspace_id)}
    words = {"name": "Tastings", "description": "Thursdays in Bristol", "pace": "monthly"}
    assert post(client, "/settings/interests", words).status_code == 303
    made = next(found for found in consent.list_interests(owner.workspace_id) if found.name == "Tastings")
    path = f"/settings/interests/{made.id}"
    assert post(client, path, {**words, "pace": "weekly"}, "/settings/interests").status_code == 303
    assert "weekly" in client.get("/settings/interests").text
    assert post(client, f"{path}/archive", {}, "/settings/interests").status_code == 303
    assert {found.name for found in consent.list_interests(owner.workspace_id)} == known
    assert "Offer again" in client.get("/settings/interests").text
    assert post(client, f"{path}/restore", {}, "/settings/interests").status_code == 303
    assert "Tastings" in {found.name for found in consent.list_interests(owner.workspace_id)}


@pytest.mark.parametrize(
    ("values", "status", "words"),
    [
        ({"name": ""}, 422, "Give it the name"),
        ({"name": "Coffee\r\nletters"}, 422, "cannot be shown"),
        ({"name": "x" * 81}, 422, "Keep this to 80"),
        ({"name": "Tastings", "archived_at": "now"}, 422, "not known here"),
    ],
)
def test_a_fault_of_an_interest_stands_beside_its_field(client, owner, values, status, words):
    answer = post(
        client, "/settings/interests", {"description": "", "pace": "", **values}, "/settings/interests"
    )
    assert answer.status_code == status
    assert words in answer.text


def test_two_interests_of_one_name_are_refused(client, owner):
    words = {"name": "Tastings", "description": "", "pace": ""}
    post(client, "/settings/interests", words)
    answer = post(client, "/settings/interests", words)
    assert answer.status_code == 409
    assert "already" in answer.text


def test_members_without_the_right_have_their_own_page(client):
    owner = accounts.make_owner()
    accounts.sign_in(client, accounts.make_member(owner.workspace_id, Role.VIEWER))
    assert client.get("/settings").location == "/settings/you"
    assert client.get("/settings/interests").status_code == 403
    assert client.get("/settings/keys").status_code == 403
    token = accounts.token_of(client, "/settings/you")
    assert client.post("/settings/brand", data={"csrf": token, **BRAND}).status_code == 403


def test_the_country_of_the_brand_decides_whose_rules_hold(client, owner):
    page = "/settings/permission"
    assert "Other or unknown, because no country is chosen" in client.get(page).text
    assert post(client, page, {"country": "FR", "keeps_last_open": "1"}, page).status_code == 303
    assert "France, because your brand is at home there" in client.get(page).text
    assert law_of(owner.workspace_id, make.person(owner.workspace_id).id).rules.key == "fr"
    assert consent.keeps_last_open(owner.workspace_id)
    assert post(client, page, {"country": "QQ"}, page).status_code == 422
    assert consent.keeps_last_open(owner.workspace_id)
    assert post(client, page, {"country": ""}, page).status_code == 303
    assert not consent.keeps_last_open(owner.workspace_id)


def test_an_interest_says_what_it_is_about(client, owner):
    page = "/settings/interests"
    form = {"name": "Beans", "product_class": "coffee", "is_third_party": "1"}
    assert post(client, page, form, page).status_code == 303
    (made,) = (found for found in consent.list_interests(owner.workspace_id) if found.name == "Beans")
    assert (made.product_class, made.is_third_party) == ("coffee", True)
    assert 'value="coffee"' in client.get(page).text


def test_the_privacy_notice_is_shown_read_and_pasted(client, session, owner):
    page = "/settings/permission"
    assert "names no privacy notice" in client.get(page).text
    post(client, "/settings/brand", {**BRAND, "privacy_url": "https://oxbow.example/privacy"}, "/settings")
    assert "reads it within a minute" in client.get(page).text
    assert post(client, f"{page}/notice", {}, page).status_code == 303
    answer = post(client, f"{page}/notice/words", {"words": "too few"}, page)
    assert (answer.status_code, "hardly any words" in answer.text, "too few" in answer.text) == (422, True, True)
    words = "We keep your address until you leave. " * 5
    assert post(client, f"{page}/notice/words", {"words": words}, page).status_code == 303
    shown = client.get(page).text
    assert "Version 1, entered" in shown
    assert words.strip() in shown
    entry = session.execute(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).scalar_one()
    assert entry.act == "privacy_notice.pasted"


def test_only_who_may_change_settings_pastes_a_notice(client):
    owner = accounts.make_owner()
    accounts.sign_in(client, accounts.make_member(owner.workspace_id, Role.VIEWER))
    token = accounts.token_of(client, "/settings/you")
    for path in ("notice", "notice/words"):
        values = {"csrf": token, "words": "x " * 50}
        assert client.post(f"/settings/permission/{path}", data=values).status_code == 403


def test_the_look_of_letters_is_changed_with_a_logo_and_kept_through_other_changes(client, session, owner):
    def look(**form):
        token = accounts.csrf_of(client.get("/settings").text)
        return client.post("/settings/look", data={"csrf": token, **form})

    logo = (EMAILS / "img" / "logo.png").read_bytes()
    answer = look(heading_font="georgia", text_font="verdana", footer="HRB 1234", logo=(io.BytesIO(logo), "logo.png"))
    assert (answer.status_code, answer.location) == (303, "/settings#look")
    kept = session.execute(select(Workspace)).scalar_one()
    assert (kept.heading_font, kept.text_font, kept.footer) == ("georgia", "verdana", "HRB 1234")
    assert images.decoded(client.get(kept.logo).data).size == images.decoded(logo).size
    post(client, "/settings/brand", BRAND, "/settings")
    look(heading_font="serif", text_font="sans", footer="")
    session.expire_all()
    assert kept.logo
    assert kept.logo in client.get("/settings").text
    for wrong in ({"heading_font": "comic"}, {"footer": "x" * 501}, {"logo": (io.BytesIO(b"<svg/>"), "x.svg")}):
        assert look(**wrong).status_code in {415, 422}
    look(remove="1")
    session.expire_all()
    assert kept.logo == ""
