"""The call: what it takes, what it refuses and why, and what is kept of it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from app.consent import service as consent
from app.consent.rules import By, Proof, Reason
from app.consent.rules.suppressing import Listed
from app.contacts.addresses import normalise
from app.content.service import snippets
from app.delivery import timeline
from app.kernel import clock
from app.kernel.db import session, transaction
from app.preferences import data as preferences
from app.transactional import bindings, mails, module, queries, service
from app.transactional.rules import KEPT, PER_MINUTE
from tests.support import make, programs
from tests.transactional.conftest import DATA, PATH, SCOPES, Shop, receipt, rows, write

BY = By("system")
MESSAGES = "SELECT m.contact_id, m.data, m.domain_group FROM messages m JOIN mailings g ON g.no = m.mailing_no WHERE g.name = 'transactional'"


def faults(answer) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    assert answer.content_type == "application/problem+json"
    return answer.json["errors"]


def test_a_mail_is_taken_once_and_asked_for_as_often_as_one_likes(shop, where):
    first = shop.send("OK-1")
    assert first.status_code == 202
    assert first.json["state"] == "waiting"
    again = shop.send("OK-1", data=dict(reversed(DATA.items())))
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert shop.send("OK-2").json["id"] != first.json["id"]
    assert [tuple(row) for row in rows(MESSAGES)] == [(None, {"called": "Receipt"}, "example.org")] * 2
    assert rows("SELECT count(*) FROM contacts")[0][0] == 0, "nobody becomes a person by buying"
    told = shop.state(first.json["id"]).json
    assert (told["state"], told["template"], told["reason"], told["ended_at"]) == ("waiting", "receipt", "", None)


def test_a_key_of_another_mail_is_noticed(shop):
    assert shop.send("OK-1").status_code == 202
    assert "another mail" in faults(shop.send("OK-1", to="tom@example.org"))["Idempotency-Key"]
    assert len(rows(MESSAGES)) == 1


def test_a_call_without_a_key_is_refused(shop):
    for key in (None, "", "a b", "ä", "x" * 256):
        answer = shop.send(key if key is None else key.encode().decode("latin-1"))
        assert answer.status_code == 400, key
        assert "Idempotency-Key" in answer.json["detail"], key
    assert rows(MESSAGES) == []


def test_data_that_are_missing_or_unknown_are_named_and_nothing_is_taken(shop):
    told = faults(shop.send(data={"order": {"number": "OK-1", "nubmer": 2}, "items": []}))
    assert told["data.order.url"] == "The template shows this, so send it."
    assert "does not know this name. It knows: order.number, order.url, note, items" in told["data.order.nubmer"]
    assert rows(MESSAGES) == []
    # The key is still free for the right call.
    assert shop.send(data=DATA).status_code == 202


def test_what_does_not_fit_is_named(shop):
    for more, field in (
        ({"to": "mara"}, "to"), ({"to": "mara@example.org\r\nBcc: x@example.org"}, "to"), ({"to": 7}, "to"), ({"template": "invoice"}, "template"),
        ({"template": ""}, "template"), ({"data": [1]}, "data"), ({"data": {"note": "x" * 70_000}}, "data"), ({"data": float("nan")}, "data"),
        ({"sql": 1}, "sql"), ({"language": 7}, "language"),
    ):  # fmt: skip
        assert field in faults(shop.send(**more)), more
    assert rows(MESSAGES) == []


def test_an_unpublished_or_put_away_template_is_not_there(shop, where, template_id):
    with transaction():
        service.create(where.id, "Password", by=where.owner_id)
    assert "Published are: receipt." in faults(shop.send(template="password"))["template"]
    with transaction():
        service.set_archived(where.id, template_id, is_archived=True)
    assert "Published are: none yet." in faults(shop.send())["template"]


def test_what_is_published_counts_and_not_the_draft(shop, where, template_id):
    write(where, template_id, "<mj-text>{{ data.note }}</mj-text>")
    first = shop.send("a").json["id"]
    assert "data.note" not in mail_of(where, first).content.html
    with transaction():
        service.publish(where.id, template_id)
    assert "data.note" in faults(shop.send("b"))
    # What was taken before stays what it was.
    assert "OK-20418" in mail_of(where, first).content.html


def test_a_snippet_is_published_with_its_template_and_stays_as_it_was_then(shop, where, template_id):
    with transaction():
        hours = snippets.create_snippet(where.id, "Opening hours", "<p>Open till <strong>6</strong></p>")
    write(where, template_id, "<mj-text>{{ data.order.number }} {{ snippet.opening_hours }}</mj-text>")
    with transaction():
        service.publish(where.id, template_id)
        assert not service.is_changed(queries.get_template(where.id, template_id)[0], where.id)
    with transaction():
        snippets.save_snippet(where.id, hours.id, "Opening hours", "<p>Closed</p>", revision=1)
        assert service.is_changed(queries.get_template(where.id, template_id)[0], where.id)
    content = mail_of(where, shop.send("a").json["id"]).content
    assert "OK-20418 Open till <strong>6</strong>" in content.html
    assert "OK-20418 Open till 6" in content.text


def mail_of(where, mail_id: str):
    """What the workers would send."""
    from app.delivery.rules import SystemMessage

    row = queries.find_mail(where.id, UUID(mail_id))
    return mails._prepare(SystemMessage(where.id, row.contact_id, None, row.id, {}, row.created_at))


def test_a_person_is_greeted_and_finds_it_in_their_timeline(shop, where):
    mara = make.person(where.id, "mara@example.org", "Mara")
    # She was never asked for news, has left everything that is advertising, and still gets what she bought.
    consent.stop_everything(where.id, mara.id, by=BY, proof=Proof(), method="test")
    answer = shop.send(to="MARA@example.org")
    assert answer.status_code == 202
    assert rows(MESSAGES)[0][0] == mara.id
    assert timeline.entries(where.id, mara.id, None, 5)[0].title == "Receipt: waiting to be sent"
    said = mail_of(where, answer.json["id"])
    assert "Hello Mara" in said.content.text
    assert said.unsubscribe_url is None
    assert said.to == "MARA@example.org"


@pytest.mark.parametrize("reason", list(Reason))
def test_an_address_that_must_not_be_written_to_is_refused_whoever_it_belongs_to(shop, where, reason):
    known = make.person(where.id, "known@example.org")
    if reason is Reason.ERASED:
        preferences.erase(where.id, known.id, by=BY)
    else:
        consent.suppress(where.id, known.id, reason, by=BY)
    listed = [Listed(1, reason, address=normalise("nobody@example.org"))]
    consent.enter_list(where.id, listed, by=BY)
    for address in ("known@example.org", "nobody@example.org"):
        answer = shop.send(address, to=address)
        assert answer.status_code == 409, address
        assert answer.json["title"] == "This address must not be written to"
        assert f"({reason.value})" in answer.json["detail"]
        assert set(answer.json["errors"]) == {"to"}
    assert rows(MESSAGES) == []


def test_values_are_only_ever_words(shop, where):
    evil = "<script>alert(1)</script>\r\nBcc: x@example.org\n\n{{ contact.email }}"
    answer = shop.send(data=DATA | {"order": DATA["order"] | {"number": evil}, "note": '"><img src=x onerror=alert(1)>'})
    said = mail_of(where, answer.json["id"]).content
    assert "<script>" not in said.html
    assert "<img src=x" not in said.html
    assert "&lt;script&gt;" in said.html
    assert said.subject == "Order <script>alert(1)</script> Bcc: x@example.org {{ contact.email }}"
    told = faults(shop.send("b", data=DATA | {"order": DATA["order"] | {"number": "=?utf-8?q?=0d=0aBcc:?="}}))
    assert "mail programs read as something else" in told["data"]


def test_each_gets_the_language_that_there_is(shop, where):
    receipt(where, language="de", inner="<mj-text>Hallo</mj-text>", subject="Bestellung")
    carl = make.person(where.id, "carl@example.org")
    carl.language = "de"
    for to, language, subject in (
        ("mara@example.org", "", "Order OK-20418"), ("mara@example.org", "de-AT", "Bestellung"),
        ("carl@example.org", "", "Bestellung"), ("carl@example.org", "en", "Order OK-20418"), ("mara@example.org", "fr", "Order OK-20418"),
    ):  # fmt: skip
        answer = shop.send(f"{to}-{language}", to=to, language=language)
        assert mail_of(where, answer.json["id"]).content.subject == subject, (to, language)


def test_a_brand_without_an_address_sends_nothing(shop, where):
    session().execute(text("UPDATE workspaces SET postal_address = '' WHERE id = :id"), {"id": where.id})
    session().expire_all()
    answer = shop.send()
    assert answer.status_code == 422
    assert "postal address" in answer.json["detail"]


def test_other_workspaces_see_nothing_of_it(shop, client, where):
    mail_id = shop.send().json["id"]
    other = Shop(client, make.place())
    assert other.state(mail_id).status_code == 404
    assert "none yet" in faults(other.send())["template"]
    other_receipt = receipt(other.where)
    assert other_receipt
    # The same key is another mail there.
    assert other.send().json["id"] != mail_id


def test_rights_and_the_limit(shop, where, client, monkeypatch):
    for scopes, status in ((("campaigns.read",), 403), (("people.write",), 403)):
        assert programs.call(client, where.id, "POST", PATH, {}, scopes).status_code == status
    assert client.post(PATH, json={}).status_code == 401
    assert programs.call(client, where.id, "GET", f"{PATH}/{where.id}", None, ("people.read",)).status_code == 403
    assert programs.call(client, where.id, "GET", f"{PATH}/{where.id}", None, SCOPES).status_code == 404
    monkeypatch.setattr("app.transactional.api.PER_MINUTE", 1)
    assert [shop.send(key).status_code for key in ("a", "b")].count(429) >= 1
    assert PER_MINUTE == 3_000


def test_what_was_told_goes_with_the_mail_and_the_rest_after_thirty_days(shop, where):
    first, second = (UUID(shop.send(key).json["id"]) for key in ("a", "b"))
    from app.delivery.events import FinishedMessage, MessagesFinished

    def ended(mail_id, outcome, name="transactional"):
        row = FinishedMessage(1, where.id, None, mail_id, outcome, "", b"", "", clock.now())
        bindings.forget_told(MessagesFinished(1, "system", name, [row]))

    ended(first, "sent", "confirm")
    ended(first, "unknown")
    ended(second, "failed")
    kept = "SELECT data IS NOT NULL, address IS NOT NULL FROM transactional_mails ORDER BY id"
    assert [tuple(row) for row in rows(kept)] == [(True, True)] * 2
    ended(first, "sent")
    assert [tuple(row) for row in rows(kept)] == [(False, True), (True, True)]
    clock.set_shift(int((KEPT + timedelta(days=1)).total_seconds()))
    module._forget_old()
    assert [tuple(row) for row in rows(kept)] == [(False, False)] * 2
    assert "no longer kept" in mail_of(where, str(second)).reason
    # The key is still known.
    assert shop.send("a").json["id"] == str(first)


def test_erasing_a_person_takes_what_went_to_them_before_they_were_here(shop, where):
    before = shop.send("a", to="mara@example.org").json["id"]
    other = shop.send("b", to="tom@example.org").json["id"]
    mara = make.person(where.id, "mara@example.org")
    later = shop.send("c", to="mara@example.org").json["id"]
    assert len(module._export(where.id, mara.id)) == 2
    preferences.erase(where.id, mara.id, by=BY)
    assert {str(row.id) for row in rows("SELECT id FROM transactional_mails WHERE address IS NULL AND data IS NULL")} == {before, later}
    assert "no longer kept" in mail_of(where, before).reason
    assert mail_of(where, other).to == "tom@example.org"
