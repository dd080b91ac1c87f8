"""Another address, one's own data, and erasure: each behind one more mail."""

from __future__ import annotations

import json
import re

from sqlalchemy import text

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import By, Reason
from app.consent.service import suppress
from app.contacts import queries as contacts
from app.delivery.rules import Skip
from app.kernel import clock
from app.kernel.db import session, transaction
from app.preferences import links
from tests.support import make
from tests.support.signup import everything, hidden, messages, path_of, prepared


def address(place, who):
    session().expire_all()
    return contacts.find_address(place.id, who.id).address


def wish(client, private, new):
    answer = client.post(f"{private}/address", data={"email": new})
    assert answer.status_code == 200, answer.text
    return answer


def asked(index=-1):
    return prepared(messages("address-change")[index], "address-change")


def test_the_old_address_stays_until_the_new_one_says_yes(client, place, mara, private):
    wish(client, private, "Mara@New.example")
    mail = asked()
    assert mail.to == "Mara@new.example"
    assert "mara@example.org" not in str(mail.values["request"])
    link = path_of(mail.values["links"]["confirm"])
    before = everything()
    for method in ("GET", "HEAD"):
        assert client.open(link, method=method).status_code == 200
    assert everything() == before
    page = client.get(link)
    held = client.post(link, data=hidden(page.text))
    assert "One more tap" in held.text
    assert address(place, mara) == "mara@example.org"
    clock.set_shift(5)
    assert "comes here now" in client.post(f"{link}/again", data=hidden(held.text)).text
    assert address(place, mara) == "Mara@new.example"
    assert set(make.standing(place, mara).values()) == {"yes"}
    entry = history.list_history(place.id, mara.id)[0]
    assert entry.sentence == "Confirmed a new address"
    assert entry.personal["address_before"] == "mara@example.org"
    assert "example" not in json.dumps(entry.body["purpose"])
    assert client.get(link).status_code == 200
    assert isinstance(asked(), Skip)


def test_a_machine_in_the_hidden_link_costs_one_more_tap(client, place, mara, private):
    wish(client, private, "mara@new.example")
    mail = asked()
    client.get(path_of(mail.values["links"]["decoy"]))
    link = path_of(mail.values["links"]["confirm"])
    page = client.get(link)
    clock.set_shift(60)
    assert "One more tap" in client.post(link, data=hidden(page.text)).text
    assert address(place, mara) == "mara@example.org"


def test_somebody_elses_mailbox_is_never_taken_and_nobody_learns_of_it(client, place, mara, private):
    jo = make.person(place.id, "jo@example.org")
    known = wish(client, private, "jo@example.org").text
    unknown = wish(client, private, "xy@example.org").text
    assert known.replace("jo@", "xy@") == unknown
    link = path_of(asked(0).values["links"]["confirm"]) if not isinstance(asked(0), Skip) else None
    assert link is None, "a newer wish ends the older one"
    clock.set_shift(2 * 86400)
    private = "/my/" + links.private(links.Person(place.id, mara.id), clock.now() + links.PRIVATE_FOR)
    wish(client, private, "jo@example.org")
    page = client.get(link := path_of(asked().values["links"]["confirm"]))
    clock.set_shift(2 * 86400 + 9)
    assert "in use already" in client.post(link, data=hidden(page.text)).text
    assert (address(place, mara), address(place, jo)) == ("mara@example.org", "jo@example.org")


def test_a_link_that_is_over_changes_nothing(client, place, mara, private):
    wish(client, private, "mara@new.example")
    link = path_of(asked().values["links"]["confirm"])
    clock.set_shift(8 * 86400)
    assert client.get(link).status_code == 410
    assert client.post(link).status_code == 410
    assert address(place, mara) == "mara@example.org"


def test_three_wishes_a_day_and_one_a_mailbox(client, place, mara, private):
    for new in ("a@new.example", "a@new.example", "b@new.example", "c@new.example", "d@new.example"):
        wish(client, private, new)
    assert len(messages("address-change")) == 2
    assert client.post(f"{private}/address", data={"email": "no address"}).status_code == 422


def test_a_new_address_is_free_of_the_old_ones_bounce_and_not_of_a_complaint(client, place, mara, private):
    other = make.person(place.id, "once@example.org")
    with transaction():
        suppress(place.id, mara.id, Reason.BOUNCE, by=By("system"))
        suppress(place.id, other.id, Reason.COMPLAINT, by=By("system"))
    session().execute(text("DELETE FROM addresses WHERE contact_id = :id"), {"id": other.id})
    wish(client, private, "mara@new.example")
    link = path_of(asked().values["links"]["confirm"])
    client.post(link)
    assert consent.find_reach(place.id, mara.id).suppressed_at is None
    wish(client, private, "once@example.org")
    client.post(path_of(asked().values["links"]["confirm"]))
    session().expire_all()
    assert consent.find_reach(place.id, mara.id).suppressed_reason == "complaint"


def test_data_are_handed_out_behind_a_fresh_mail_only(client, place, mara, private):
    assert "Look in your inbox" in client.post(f"{private}/data").text
    mail = prepared(messages("export-ready")[0], "export-ready")
    assert mail.to == "mara@example.org"
    link = path_of(mail.values["links"]["export"])
    page = client.get(link).text
    assert "mara" not in page.lower()
    handed = client.post(link)
    assert handed.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
    everything_known = json.loads(handed.text)
    assert "mara@example.org" in str(everything_known["contacts"])
    assert len(everything_known["consent"]) >= 2
    clock.set_shift(3601)
    assert client.post(link).status_code == 410


def test_erasing_takes_one_more_mail_and_one_press(client, place, mara, private):
    client.post(f"{private}/erase")
    link = path_of(prepared(messages("erase-confirm")[0], "erase-confirm").values["links"]["erase"])
    before = everything()
    for method in ("GET", "HEAD", "OPTIONS"):
        assert client.open(link, method=method).status_code == 200
    assert everything() == before
    assert "is erased" in client.post(link).text
    session().expire_all()
    assert contacts.find_address(place.id, mara.id) is None
    assert history.list_history(place.id, mara.id)[0].actor == "person"
    assert client.post(link).status_code == 404
    assert client.post(f"{private}/data").status_code in {200, 404}
    assert not re.search("mara", client.get(private).text)


def test_a_forwarded_mail_opens_neither(client, place, mara, private):
    """Case 28 and 46: the tokens of a newsletter, and of the private page itself, hand out and erase nothing."""
    reach = consent.find_reach(place.id, mara.id)
    soon = clock.now() + links.PRIVATE_FOR
    person = links.Person(place.id, mara.id)
    tokens = [
        links.preferences(reach.id), links.unsubscribe(links.Kind.REACH, reach.id), private.rpartition("/")[2],
    ]  # fmt: skip
    for token in tokens:
        for door in ("data", "erase", "a"):
            assert client.post(f"/{door}/{token}").status_code == 404
    assert client.post(f"/erase/{links.data(person, soon)}").status_code == 404
    assert client.post(f"/data/{links.erase(person, soon)}").status_code == 404
    assert address(place, mara) == "mara@example.org"
