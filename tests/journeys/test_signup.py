"""The story of README, over real processes, a real database, a real queue and SMTP on the wire."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from html import unescape

import pytest
from sqlalchemy import text

from app.consent import seals
from app.consent.verify import verify
from app.delivery import service as delivery
from app.kernel.db import session, transaction
from tests.support import signup
from tests.support.installation import eventually, running

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


class Person:
    """A browser without scripts."""

    def __init__(self, url):
        self.url = url
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
        self._opener.addheaders = [("User-Agent", AGENT)]

    def get(self, path, method="GET"):
        return self._open(urllib.request.Request(self._whole(path), method=method))

    def post(self, path, fields=(), headers=()):
        body = urllib.parse.urlencode(fields, doseq=True).encode()
        return self._open(urllib.request.Request(self._whole(path), data=body, headers=dict(headers)))

    def _whole(self, path):
        return path if path.startswith("http") else self.url + path

    def _open(self, request):
        try:
            with self._opener.open(request, timeout=20) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def nod(other_settings, smtp, tmp_path):
    from dataclasses import replace

    with running(replace(other_settings, smtp_url=smtp.url), tmp_path / "nod.log") as made:
        yield made


@pytest.fixture
def stage(nod):
    made = signup.stage()
    with transaction():
        delivery.set_sender(made.place.id, "Jonna at Ostkai", "jonna@news.ostkai.example")
    return made


def links(mail, start):
    """Links of the text part whose path begins so."""
    return [
        found
        for found in re.findall(r"https?://[^\s>]+", mail.part("plain"))
        if urllib.parse.urlsplit(found).path.startswith(start)
    ]


def states(where):
    session().rollback()
    session().expire_all()
    rows = session().execute(text("SELECT state FROM permissions WHERE purpose = 'marketing' ORDER BY 1"))
    return sorted(rows.scalars())


def sign_up(nod, stage, email="mara.lindqvist@example.org"):
    status, page = Person(nod.url).post(stage.url, stage.fields(email))
    assert status == 200, page
    assert "inbox" in page.lower()


def test_from_the_form_to_leaving_and_every_step_can_be_proven(nod, stage, smtp):
    sign_up(nod, stage)
    (question,) = smtp.wait_for(1, seconds=20)
    assert question.rcpt_to == ("mara.lindqvist@example.org",)
    assert question.parsed["Auto-Submitted"] == "auto-generated"
    assert states(stage) == ["asked", "asked"]

    (confirm,) = set(links(question, "/c/"))
    person = Person(nod.url)
    for method in ("GET", "HEAD", "GET"):
        assert person.get(confirm, method)[0] == 200
    assert states(stage) == ["asked", "asked"]
    status, page = person.post(confirm)
    assert status == 200
    assert "Lindqvist" not in page
    assert states(stage) == ["yes", "yes"]

    _, welcome = smtp.wait_for(2, seconds=20)
    assert welcome.message_id != question.message_id
    unsubscribe = re.search(r"<(https?://[^>]+)>", str(welcome.parsed["List-Unsubscribe"])).group(1)
    assert welcome.parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    (request_page,) = set(links(welcome, "/p/"))
    assert person.post(request_page + "/send")[0] == 200
    *_, private = smtp.wait_for(3, seconds=20)
    (centre,) = set(links(private, "/my/"))
    status, page = person.get(centre)
    assert status == 200
    assert "mara.lindqvist@example.org" in page

    assert person.get(unsubscribe)[0] == 200
    assert states(stage) == ["yes", "yes"]
    status, _ = Person(nod.url).post(unsubscribe, {"List-Unsubscribe": "One-Click"})
    assert status == 200
    gone = session().execute(text("SELECT count(*) FROM reach WHERE objected_at IS NOT NULL")).scalar_one()
    assert gone == 1 or states(stage) != ["yes", "yes"]

    kinds = "SELECT kind FROM consent_events ORDER BY received_at, id"
    said = eventually(lambda: list(session().execute(text(kinds)).scalars()))
    assert said[0] == "requested"
    assert {"doi_mail_sent", "confirmed"} <= set(said)
    eventually(lambda: unsealed() == 0, seconds=20)
    with transaction():
        report = verify()
    assert report.holds, report.faults
    assert report.events == len(said)
    assert seals.sign_day() in {0, 1}


def unsealed():
    session().rollback()
    return session().execute(text("SELECT count(*) FROM consent_unsealed")).scalar_one()


def test_with_the_mail_server_away_the_question_goes_out_when_it_is_back(nod, stage, smtp):
    smtp.stop()
    sign_up(nod, stage)
    eventually(lambda: "refused" in (said_of_routes() or ""), seconds=10)
    smtp.start()
    assert len(smtp.wait_for(1, seconds=30)) == 1


def said_of_routes():
    session().rollback()
    return session().execute(text("SELECT max(says) FROM paces")).scalar_one()


def test_with_redis_away_signup_and_confirmation_work(nod, stage, smtp, servers):
    servers.redis.kill()
    try:
        sign_up(nod, stage)
        (question,) = smtp.wait_for(1, seconds=30)
        assert Person(nod.url).post(links(question, "/c/")[0])[0] == 200
        assert states(stage) == ["yes", "yes"]
    finally:
        servers.redis.start()


def test_with_the_database_away_people_read_a_clear_word_and_nothing_is_half_done(nod, stage, smtp, servers):
    session().close()
    servers.postgres.kill()
    try:
        status, page = Person(nod.url).post(stage.url, stage.fields())
        assert status == 503
        assert "Traceback" not in page
        assert "nothing was changed" in unescape(page)
    finally:
        servers.postgres.start()
    eventually(lambda: Person(nod.url).get("/readyz")[0] == 200, seconds=20)
    sign_up(nod, stage)
    assert len(smtp.wait_for(1, seconds=30)) == 1
