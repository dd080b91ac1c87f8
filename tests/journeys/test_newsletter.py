"""The whole of README over real processes: a form, a yes, a newsletter to four hundred, what came of it, and leaving."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sqlalchemy import text

from app.consent import queries as consent_queries
from app.consent.rules import Level
from app.delivery import queries as delivery_queries
from app.engagement import queries as engagement
from app.kernel.db import session, transaction
from tests.campaigns.conftest import draft, launched
from tests.journeys.test_signup import Person, links, sign_up
from tests.support import mailing, signup
from tests.support.installation import eventually, running

PEOPLE = 400
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def nod(other_settings, smtp, tmp_path):
    settings = replace(other_settings, smtp_url=smtp.url)
    with running(settings, tmp_path / "nod.log", "web", "senders", "bulk", "clock") as made:
        yield made


@pytest.fixture
def stage(nod):
    from app.delivery import service as delivery

    made = signup.stage()
    with transaction():
        delivery.set_sender(made.place.id, "Jonna at Ostkai", "jonna@news.ostkai.example")
    return made


def fresh(query, **values):
    session().rollback()
    session().expire_all()
    return session().execute(text(query), values)


def test_from_a_form_to_a_newsletter_its_readers_and_their_scores(nod, stage, smtp):
    where = stage.place
    sign_up(nod, stage)
    (question,) = smtp.wait_for(1, seconds=30)
    assert Person(nod.url).post(links(question, "/c/")[0])[0] == 200
    smtp.wait_for(2, seconds=30)
    mara = fresh("SELECT contact_id FROM consent_requests").scalar_one()
    crowd = mailing.crowd(mailing.Setting(where, where.id), PEOPLE - 1, tracking=Level.INDIVIDUAL)

    made = draft(where)
    smtp.delay_at("DOT", 0.1)  # so that somebody can leave meanwhile, however fast the machine is
    number = launched(made)
    eventually(lambda: mailing.sums(number).sent > 50, seconds=60)
    leaver = fresh(
        "SELECT contact_id FROM messages WHERE mailing_no = :no AND state = 'pending' ORDER BY n DESC LIMIT 1",
        no=number,
    ).scalar_one()
    leave(nod, where, leaver)
    left_when = len(smtp.copies)
    smtp.go_on()
    eventually(lambda: adds_up(number) and mailing.sums(number).waiting == 0, seconds=200, pause=0.3)

    total = mailing.sums(number)
    assert total.audience == PEOPLE
    assert total.sent == PEOPLE - 1
    assert total.skipped == 1
    letters = [copy for copy in smtp.copies if b"Subject: Three new coffees" in copy.raw]
    assert len({copy.rcpt_to for copy in letters}) == len(letters) == PEOPLE - 1
    assert len({copy.message_id for copy in letters}) == len(letters)
    address = fresh("SELECT address FROM addresses WHERE contact_id = :who", who=leaver).scalar_one()
    assert not smtp.to(address)
    assert left_when < len(smtp.copies)

    unmeasured = smtp.to("mara.lindqvist@example.org")[-1].raw
    assert b"/r/" not in unmeasured
    assert b"/o/" not in unmeasured

    reader = next(found for found in crowd[1:] if found != leaver)
    read(nod, number, reader, smtp)
    score = eventually(lambda: scored(where.id, reader), seconds=40)
    assert score.points > 0
    assert not engagement.score(where.id, mara).points


def leave(nod, where, who):
    """One click, as a mail program sends it."""
    from app.kernel import tokens

    permission = next(
        found
        for found in consent_queries.list_permissions(where.id, who)
        if found.interest_id == where.interests[0].id
    )
    token = tokens.sign("unsubscribe", b"p" + permission.id.bytes)
    assert Person(nod.url).post(f"/u/{token}", {"List-Unsubscribe": "One-Click"})[0] == 200


def adds_up(number):
    total = mailing.sums(number)
    assert total.waiting + total.sent + total.skipped + total.failed + total.unknown == total.audience
    return True


def read(nod, number, who, smtp):
    """Open the mail an hour later and follow its link."""
    with transaction() as current:
        current.execute(
            text(
                "UPDATE messages SET began_at = began_at - interval '1 hour', done_at = done_at - interval '1 hour'"
            )
        )
    address = fresh("SELECT address FROM addresses WHERE contact_id = :who", who=who).scalar_one()
    (mail,) = smtp.to(address)
    page = mail.part("html")
    person = Person(nod.url)
    assert person.get(re.search(r"https?://[^\"]+/o/[\w-]+\.gif", page).group())[0] == 200
    link = re.search(r"https?://[^\"]+/r/[\w-]+", page).group()
    assert follow(person, link) == "https://ostkai.example/guji"


def follow(person, link):
    """Where a tracked link leads, without going there."""
    import urllib.request

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    opener = urllib.request.build_opener(Stay)
    opener.addheaders = person._opener.addheaders
    try:
        opener.open(link, timeout=10)
    except urllib.error.HTTPError as answer:
        return answer.headers["Location"]
    return None


def scored(workspace_id, who):
    session().rollback()
    session().expire_all()
    found = engagement.score(workspace_id, who)
    return found if found.points > 0 else None


def test_explain_tells_a_messages_story(nod, stage, smtp):
    sign_up(nod, stage)
    smtp.wait_for(1, seconds=30)
    row = fresh("SELECT mailing_no, n FROM messages ORDER BY created_at LIMIT 1").one()
    eventually(lambda: fresh("SELECT state FROM messages ORDER BY created_at LIMIT 1").scalar_one() == "sent")
    told = nod.app.test_cli_runner().invoke(args=["delivery", "explain", f"{row.mailing_no}-{row.n}"])
    assert told.exit_code == 0, told.output
    assert "250" in told.output
    assert delivery_queries.oldest_due_seconds() in {None, 0}
