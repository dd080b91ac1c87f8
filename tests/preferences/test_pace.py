"""How often and by what: a pause and a digest act in the gate, paper is a channel of its own, all on one page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import By, Digest, Proof
from app.consent.service import set_pace, stop_everything
from app.contacts import queries as contacts
from app.delivery import taking
from app.delivery.rules import Lane, Prepared, Skip
from app.kernel import clock
from app.kernel.db import session, transaction
from app.preferences import digests, reminding, rules
from tests.support import mailing, make
from tests.support.signup import messages, path_of, prepared

WEEK = 7 * 86400


def fields(place, **more):
    topics = [str(found.id) for found in place.interests]
    return {"topic": topics, "tracking": "none", "first_name": "Mara", "language": "en", **more}


def reached(place):
    sql, values = consent.audience_sql([found.id for found in place.interests])
    values |= {"workspace_id": place.id, "now": clock.now()}
    return session().execute(text(sql), values).all()


def why_not(place):
    return consent.count_standings(place.id, [found.id for found in place.interests], clock.now())


def test_a_digest_and_a_pause_act_in_the_gate_at_once_and_end_by_themselves(client, place, mara, private):
    assert len(reached(place)) == 1
    assert client.post(private, data=fields(place, often="weekly")).status_code == 303
    assert reached(place) == []
    assert why_not(place) == {"gets a digest": 1}
    client.post(private, data=fields(place, often="each", pause="30"))
    assert reached(place) == []
    assert why_not(place) == {"on pause": 1}
    clock.set_shift(31 * 86400)
    assert len(reached(place)) == 1
    assert set(make.standing(place, mara).values()) == {"yes"}


def test_the_page_shows_what_is_in_force_and_the_history_names_it(client, place, mara, private):
    day = (clock.now() + timedelta(days=40)).date().isoformat()
    client.post(private, data=fields(place, often="monthly", pause="until", until=day))
    page = client.get(private).text
    assert 'value="monthly" checked' in page
    assert 'value="keep" checked' in page
    assert "Chose how often" in page
    count = len(history.list_history(place.id, mara.id))
    client.post(private, data=fields(place, often="monthly", pause="keep"))
    assert len(history.list_history(place.id, mara.id)) == count
    client.post(private, data=fields(place))  # a page that asks neither changes neither
    session().expire_all()
    assert consent.find_reach(place.id, mara.id).digest == "monthly"


@pytest.mark.parametrize(
    ("choice", "days", "expected"),
    [("no", None, None), ("30", None, 30), ("until", -1, None), ("until", 400, None), ("until", None, None)],
)
def test_a_pause_ends_within_a_year(choice, days, expected):
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    day = (now + timedelta(days=days)).date() if days is not None else None
    until = rules.pause_until(choice, day, None, now, "Europe/Berlin")
    assert until == (None if expected is None else now + timedelta(days=expected))


@pytest.mark.parametrize("wrong", [{"often": "daily"}, {"pause": "forever"}, {"until": "soon"}, {"topic": ["x.y"]}])
def test_a_faulty_wish_changes_nothing(client, place, mara, private, wrong):
    assert client.post(private, data=fields(place, **wrong)).status_code == 422
    assert len(reached(place)) == 1


def test_paper_is_a_channel_of_its_own(client, place, mara, private):
    topic = str(place.interests[0].id)
    assert client.post(private, data=fields(place, topic=[f"{topic}.post"])).status_code == 422
    with transaction():
        reminding.configure(place.id, remind_after_days=None, offers_post=True)
    page = client.get(private).text
    assert "On paper" in page
    for words in ("may email me about the topics", "may send me letters on paper about the topics"):
        assert words in page, "the words that are stored with a yes stand before the person's eyes"
    ticked = [f"{topic}.email", f"{topic}.post"]
    client.post(private, data=fields(place, topic=ticked, postal="Mara Lindqvist\n Kiel  1 "))
    made = prepared(messages("confirm")[0], "confirm")
    assert made.values["request"]["topics"][0]["name"] == "New coffees, on paper"
    link = path_of(made.values["links"]["confirm"])
    assert "New coffees, on paper" in client.get(link).text
    assert "New coffees, on paper" in client.post(link).text
    assert consent.choices(place.id, mara.id, "post").interests[place.interests[0].id] == "yes"
    assert make.standing(place, mara) == {"New coffees": "yes", "Brewing letters": "no"}
    assert contacts.find_address(place.id, mara.id, "post").address == "Mara Lindqvist\nKiel 1"
    client.post(f"{private}/stop")
    session().expire_all()
    assert consent.find_reach(place.id, mara.id, "post").objected_at is not None
    assert contacts.find_address(place.id, mara.id).address == "mara@example.org"


# --- The digest -------------------------------------------------------------------------------------------------


def wish(place, mara, digest=Digest.WEEKLY, until=None):
    with transaction():
        set_pace(place.id, mara.id, digest=digest, paused_until=until, by=By(), proof=Proof())


def due():
    with transaction():
        return digests.send_due()


def refusals():
    """What the gate has against the digests that are due."""
    with transaction():
        (digest,) = [head for head, _ in taking.choose(Lane.SYSTEM, clock.now()) if head.name == "digest"]
        return [one.refusal for one in taking.take(digest, 10, clock.now())]


def test_a_digest_lists_what_went_out_without_its_reader(client, place, mara):
    wish(place, mara)
    jo = make.person(place.id, "jo@example.org")
    make.confirmed(place, jo)
    number = mailing.sent_letter(place, "A winter blend")
    assert due() == 0
    clock.set_shift(WEEK + 60)
    assert due() == 1
    assert due() == 0
    (message,) = messages("digest")
    assert message.contact_id == mara.id
    made = prepared(message, "digest")
    assert isinstance(made, Prepared)
    (letter,) = made.values["digest"]["letters"]
    assert letter["title"] == "A winter blend"
    assert client.get(path_of(letter["url"])).status_code == 200
    assert number
    clock.set_shift(2 * WEEK + 120)
    assert due() == 1
    assert len(messages("digest")) == 1, "nothing was missed, so nothing is sent"


def test_a_digest_waits_for_the_end_of_a_pause(client, place, mara):
    wish(place, mara, until=clock.now() + timedelta(days=20))
    mailing.sent_letter(place, "A winter blend")
    clock.set_shift(10 * 86400)
    assert due() == 0
    clock.set_shift(21 * 86400)
    assert due() == 1
    assert len(messages("digest")) == 1


@pytest.mark.parametrize("how", ["no", "each", "pause"])
def test_a_no_after_the_wish_counts_before_the_digest_begins(client, place, mara, how):
    """The gate is asked at the begin, about the permission and the reach that the row names."""
    wish(place, mara)
    mailing.sent_letter(place, "A winter blend")
    clock.set_shift(WEEK + 60)
    due()
    with transaction():
        if how == "no":
            stop_everything(place.id, mara.id, by=By(), proof=Proof())
        else:
            set_pace(
                place.id, mara.id, digest=None if how == "each" else Digest.WEEKLY,
                paused_until=None if how == "each" else clock.now() + timedelta(days=3), by=By(), proof=Proof(),
            )  # fmt: skip
    assert refusals() == [{"no": "stopped everything", "each": "no digest", "pause": "on pause"}[how]]


def test_a_digest_begins_for_who_wants_it(client, place, mara):
    wish(place, mara)
    mailing.sent_letter(place, "A winter blend")
    clock.set_shift(WEEK + 60)
    due()
    assert refusals() == [""]


def test_who_left_between_the_wish_and_the_mail_gets_none(client, place, mara):
    wish(place, mara)
    assert isinstance(_prepared_for(place, mara), Skip)


def _prepared_for(place, mara):
    from app.delivery import mails
    from app.delivery.rules import SystemMessage

    now = clock.now()
    data = {"since": now.isoformat(), "until": now.isoformat()}
    return mails.get("digest").prepare(SystemMessage(place.id, mara.id, None, mara.id, data, now))
