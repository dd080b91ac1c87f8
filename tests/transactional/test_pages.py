"""The pages: the list that teaches, a template from nothing to published, and what came of its mails."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import text

from app.accounts.rules.roles import Role
from app.delivery.rules import MessageState
from app.kernel import languages
from app.kernel.db import session, transaction
from app.transactional import queries, rules, service
from tests.people.conftest import Staff
from tests.support import make
from tests.support.accounts import make_member
from tests.transactional.conftest import PATH, Shop, receipt, rows


def test_nothing_yet_teaches(staff):
    page = staff.get("/transactional").text
    assert "No template yet" in page
    assert "/transactional/new" in page
    assert 'href="/transactional"' in staff.get("/campaigns").text
    assert "No mail yet" in staff.get("/transactional/report").text


def test_from_nothing_to_the_call(staff, where, client):
    made = staff.post("/transactional/new", page="/transactional/new", name="Your Bestellung & größe")
    assert made.status_code == 303
    path = made.location
    template_id = path.rpartition("/")[2]
    template, letter = queries.get_template(where.id, template_id)
    assert (template.slug, letter.purpose, letter.name) == ("your-bestellung-grosse", "transactional", "Your Bestellung & größe")

    def revision() -> str:
        return str(rows("SELECT revision FROM letters WHERE id = :id", id=letter.id)[0][0])

    page = staff.get(path).text
    assert "Not published yet" in page
    assert f"/letters/{letter.id}?back=/transactional/{template_id}" in page
    editor = staff.get(f"/letters/{letter.id}?back={path}").text
    assert f'href="{path}"' in editor, "the editor leads back"
    assert "Plain footer" in editor
    # Without a subject it cannot be published, and the page says so.
    refused = staff.post(f"{path}/publish", page=path)
    assert refused.status_code == 422
    assert "Write a subject" in refused.text
    wrong = staff.post(f"{path}/names", page=path, lines="Order = 1", revision=revision())
    assert wrong.status_code == 422
    assert "Order = 1" in wrong.text, "nothing that was written is lost"
    kept = staff.post(f"{path}/names", page=path, lines="order.number = it's OK-1", revision=revision())
    assert kept.location == f"{path}?done=kept"
    stale = staff.post(f"{path}/names", page=path, lines="a = 1", revision="1")
    assert stale.status_code == 409
    editor = staff.get(f"/letters/{letter.id}?block=b2").text
    assert 'data-tag="data.order.number"' in editor
    assert 'data-tag="links.unsubscribe"' not in editor
    staff.post(f"/letters/{letter.id}/lines", page=path, subject="Order {{ data.order.number }}", preheader="Yours", revision=revision())
    preview = staff.get(f"/letters/{letter.id}").text
    assert "Order it&#39;s OK-1" in preview
    assert staff.post(f"{path}/publish", page=path).location == f"{path}?done=published"
    page = staff.get(f"{path}?done=published").text
    assert "version 1 published" in page
    assert "it\\u0027s OK-1" in page, "a quote in an example ends no string of the shell"
    shop = Shop(client, where)
    assert shop.send(template=template.slug, data={"order": {"number": "OK-1"}}).status_code == 202
    staff.post(f"{path}/names", page=path, lines="order.number = OK-2", revision=revision())
    assert "The draft has changed since" in staff.get(path).text
    assert staff.post(f"{path}/test", page=path).location == f"{path}?done=tested"
    assert [row.name for row in rows("SELECT g.name FROM messages m JOIN mailings g ON g.no = m.mailing_no WHERE m.user_id IS NOT NULL")] == ["transactional_test"]
    staff.post(f"{path}/archive", page=path)
    assert "Put away: 1" in staff.get("/transactional").text
    assert shop.send("b", template=template.slug, data={"order": {"number": "OK-1"}}).status_code == 422
    staff.post(f"{path}/restore", page=path)
    assert shop.send("b", template=template.slug, data={"order": {"number": "OK-1"}}).status_code == 202


def test_the_test_mail_shows_the_examples(where, template_id):
    from app.delivery.rules import SystemMessage
    from app.kernel import clock
    from app.transactional import mails

    version = queries.get_template(where.id, template_id)[0].version_id
    said = mails._prepare_test(SystemMessage(where.id, None, where.owner_id, uuid4(), {"version_id": str(version)}, clock.now()))
    assert said.content.subject == "[TEST] Order OK-1"
    assert said.to == where.owner_email


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"name": ""}, "Write a name"), ({"name": "x", "slug": "Two Words"}, "small letters"), ({"name": "日本"}, "small letters"),
        ({"name": "Other", "slug": "receipt"}, "already"), ({"name": "x", "language": "xx"}, "languages"),
    ],
)  # fmt: skip
def test_a_template_that_does_not_fit_is_told_why(staff, template_id, form, says):
    refused = staff.post("/transactional/new", page="/transactional/new", **form)
    assert refused.status_code in {409, 422}
    assert says in refused.text
    assert len(rows("SELECT 1 FROM transactional_templates")) == 1
    assert len(rows("SELECT 1 FROM letters")) == 1, "nor a letter without one"


def test_the_report_says_what_became_of_each_and_why(staff, shop, where, template_id):
    other = receipt(where, name="Password")
    mara = make.person(where.id, "mara@example.org")
    ends = [("sent", 250, "2.0.0", "250 2.0.0 Ok"), ("failed", 550, "5.1.1", "550 5.1.1 No such user"), ("suppressed", None, None, "erased"), ("unknown", None, None, ""), ("pending", None, None, "")]
    for n, (state, code, status, reply) in enumerate(ends):
        answer = shop.send(f"k{n}", to="mara@example.org" if n == 0 else f"buyer{n}@example.org")
        with transaction():
            session().execute(
                text("UPDATE messages SET state = :state, reply_code = :code, reply_status = :status, reply_text = :reply WHERE dedupe_key = :id"),
                {"state": state, "code": code, "status": status, "reply": reply, "id": answer.json["id"]},
            )  # fmt: skip
    shop.send("other", template="password")
    page = staff.get(f"/transactional/report?template={template_id}").text
    assert "1 accepted, 2 not delivered in thirty days" in page
    for words in ("unknown address", "550 5.1.1 No such user", f"/people/{mara.id}", "buyer3@example.org", "In doubt", "erased"):
        assert words in page
    assert "5 mails on this page" in page
    assert "6 mails on this page" in staff.get("/transactional/report").text
    assert "1 mail on this page" in staff.get(f"/transactional/report?template={template_id}&state=failed").text
    assert "Nothing stands here" in staff.get(f"/transactional/report?template={other}&state=failed").text
    assert staff.get("/transactional/report?state=nonsense").status_code == 400
    assert staff.get("/transactional/report?template=nonsense").status_code == 400
    assert staff.get("/transactional/report?page=nonsense").status_code == 400
    listed = staff.get("/transactional").text
    assert 'data-label="Accepted">1<' in listed
    assert 'data-label="Not delivered">2<' in listed
    states = {MessageState(row.state) for row in rows("SELECT state FROM messages")}
    assert len(states) == 5


def test_pages_of_the_report_turn(staff, shop, where, template_id, monkeypatch):
    monkeypatch.setattr(queries, "PAGE_ROWS", 2)
    for n in range(5):
        shop.send(f"k{n}", to=f"buyer{n}@example.org")

    def addresses(page):
        return [row.address[:6] for row in page.rows]

    first = queries.list_rows(where.id, None, None)
    second = queries.list_rows(where.id, None, None, first.next_cursor)
    third = queries.list_rows(where.id, None, None, second.next_cursor)
    assert sorted(addresses(first) + addresses(second) + addresses(third)) == [f"buyer{n}" for n in range(5)]
    assert third.next_cursor is None
    assert addresses(queries.list_rows(where.id, None, None, third.previous_cursor)) == addresses(second)


def test_another_workspace_has_none_of_it(staff, where, template_id):
    elsewhere = receipt(make.place())
    assert staff.get(f"/transactional/{elsewhere}").status_code == 404
    assert staff.get(f"/transactional/report?template={elsewhere}").status_code == 404
    assert "Receipt" in staff.get("/transactional").text
    assert str(elsewhere) not in staff.get("/transactional").text


def test_who_only_looks_changes_nothing(where, client, template_id):
    viewer = Staff(client, make_member(where.id, Role.VIEWER))
    page = viewer.get(f"/transactional/{template_id}").text
    assert "Publish</button>" not in page
    for path in ("publish", "names", "test", "archive", "restore"):
        assert viewer.post(f"/transactional/{template_id}/{path}").status_code == 403
    assert client.post(f"{PATH}").status_code == 401


def test_names_and_days():
    assert rules.slug_of("  Größe & Ärger -- 2 ") == "grosse-arger-2"
    assert languages.wanted("de-AT", "", "en") == ["de-at", "de", "en"]
    assert rules.subject_fault("") != ""
    assert service.DESIGN == "transactional"
