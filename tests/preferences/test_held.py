"""A yes that may be a program's is asked for once more; what is never answered goes."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import By, Kind, Reason
from app.consent.service import record_mail, suppress
from app.contacts import queries as contacts
from app.delivery.rules import Prepared, Skip
from app.kernel import clock
from app.kernel.db import session, transaction
from app.preferences import data, reminding, suspicion
from tests.support import make, signup
from tests.support.signup import MARA, hidden, messages, path_of, prepared


@pytest.fixture
def stage(session):
    return signup.stage()


@pytest.fixture
def link(client, stage):
    return path_of(signup.question(stage, client).values["links"]["confirm"])


def standing():
    session().expire_all()
    return set(signup.states(messages("confirm")[0].contact_id).values())


def test_a_press_within_two_seconds_is_asked_for_once_more(client, link):
    page = client.get(link)
    held = client.post(link, data=hidden(page.text))
    assert "quicker than a person" in held.text
    assert standing() == {"asked"}
    again = client.post(f"{link}/again", data=hidden(held.text))
    assert "One more tap" in again.text
    assert standing() == {"asked"}
    clock.set_shift(3)
    assert "You said yes" in client.post(f"{link}/again", data=hidden(again.text)).text
    assert standing() == {"yes"}


def test_a_person_who_reads_first_presses_once(client, link):
    page = client.get(link)
    clock.set_shift(2.1)
    assert "You said yes" in client.post(link, data=hidden(page.text)).text
    assert standing() == {"yes"}


def test_a_press_from_a_filters_network_is_asked_for_once_more(client, link):
    page = client.get(link)
    clock.set_shift(60)
    held = client.post(link, data=hidden(page.text), environ_base={"REMOTE_ADDR": "209.222.80.77"})
    assert "One more tap" in held.text
    assert "came from where such programs run" in held.text
    assert standing() == {"asked"}
    clock.set_shift(120)
    client.post(f"{link}/again", data=hidden(held.text), environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert standing() == {"yes"}
    found = history.list_history(messages("confirm")[0].workspace_id, messages("confirm")[0].contact_id)
    assert next(one for one in found if one.kind is Kind.CONFIRMED).personal["verdict"] == "second tap"


def test_another_questions_time_counts_for_nothing(client, stage, link):
    other = path_of(signup.question(stage, client, "jo@example.org").values["links"]["confirm"])
    borrowed = hidden(client.get(other).text)
    assert "You said yes" in client.post(link, data=borrowed).text  # as a page without the field


@pytest.mark.parametrize("ip", ["", "unix", "::ffff:zz", "2001:db8::1"])
def test_what_is_no_filters_address_is_a_persons(ip):
    assert not suspicion.is_scanner(ip)


def test_an_operator_may_name_further_networks():
    assert suspicion.is_scanner("198.51.100.9", ("198.51.100.0/24",))
    assert suspicion.is_scanner("2a01:111:f400::9")


# --- Never answered ---------------------------------------------------------------------------------------------


def purge_after(days: float) -> int:
    clock.set_shift(days * 86400)
    with transaction():
        return data.purge_unconfirmed()


def addresses():
    return set(session().execute(text("SELECT address FROM addresses")).scalars())


def test_who_never_answers_is_gone_after_thirty_days(client, stage, link):
    from app.consent.service import expire_requests

    clock.set_shift(8 * 86400)
    with transaction():
        expire_requests()
    assert purge_after(29) == 0
    assert MARA in addresses()
    assert purge_after(31) == 1
    assert MARA not in addresses()
    assert purge_after(31) == 0
    left = session().execute(text("SELECT count(*) FROM suppressions")).scalar_one()
    personal = session().execute(text("SELECT count(*) FROM consent_personal")).scalar_one()
    assert (left, personal) == (0, 0)
    assert client.get(link).status_code in {404, 410}


def test_nobody_else_is_purged(client, stage, link):
    """Confirmed, asked again lately, entered by staff, asked by staff, or out of reach: all stay."""
    client.post(link)
    signup.question(stage, client, "again@example.org")
    known = make.person(stage.place.id, "byhand@example.org")
    clock.set_shift(120)
    signup.question(stage, client, "byhand@example.org")
    signup.question(stage, client, "never@example.org")
    never = contacts.find_by_key(stage.place.id, "never@example.org")
    with transaction():
        suppress(stage.place.id, never.id, Reason.COMPLAINT, by=By("system"))
    signup.question(stage, client, "staff@example.org")
    make.asked(stage.place, contacts.find_by_key(stage.place.id, "staff@example.org"))
    clock.set_shift(20 * 86400)
    client.post(stage.url, data=stage.fields("again@example.org"))
    assert purge_after(40) == 0
    assert addresses() >= {MARA, "again@example.org", "byhand@example.org", "never@example.org", "staff@example.org"}
    assert known.erased_at is None


# --- Once more --------------------------------------------------------------------------------------------------


def remind(stage, days: float) -> int:
    clock.set_shift(days * 86400)
    with transaction():
        return reminding.remind()


def was_mailed(message):
    with transaction():
        record_mail(
            consent.find_request(message.dedupe_key), message_id="<m.1.1@x>", mime_sha256="00",
            accepted_line="250", accepted_at=clock.now(),
        )  # fmt: skip


def test_no_reminder_unless_somebody_switches_it_on(client, stage, link):
    was_mailed(messages("confirm")[0])
    assert remind(stage, 4) == 0
    with transaction():
        reminding.configure(stage.place.id, remind_after_days=3, offers_post=False)
    assert remind(stage, 2) == 0
    assert remind(stage, 4) == 1
    assert remind(stage, 5) == 0
    (message,) = messages("confirm-reminder")
    made = prepared(message, "confirm-reminder")
    assert isinstance(made, Prepared)
    assert made.values["request"]["is_reminder"]
    client.post(path_of(made.values["links"]["confirm"]))
    assert isinstance(prepared(message, "confirm-reminder"), Skip)


def test_no_reminder_where_a_program_looked_or_no_server_took_the_question(client, stage, link):
    with transaction():
        reminding.configure(stage.place.id, remind_after_days=1, offers_post=False)
    assert remind(stage, 2) == 0
    clock.set_shift(0)
    was_mailed(messages("confirm")[0])
    decoy = re.search(r'class="hp" href="([^"]+)"', client.get(link).text)
    client.get(decoy.group(1))
    assert remind(stage, 2) == 0


def test_a_reminder_counts_as_a_mail_of_that_day(client, stage, link):
    with transaction():
        reminding.configure(stage.place.id, remind_after_days=1, offers_post=False)
    was_mailed(messages("confirm")[0])
    clock.set_shift(1.5 * 86400)
    client.post(stage.url, data=stage.fields())
    assert remind(stage, 1.6) == 1
    assert messages("confirm-reminder") == []
