"""The checker sees each broken promise: books are cooked one way at a time."""

from __future__ import annotations

import json
import time

import psycopg
import pytest

from app.delivery.compose import RETURN_PATH
from app.delivery.identity import message_id, return_path
from app.kernel import tokens
from tests.faults.checker import check
from tests.faults.proxy import Proxy
from tests.faults.site import site
from tests.support import mailing
from tests.support.workers import until

PEOPLE = 3
DOMAIN = "ostkai.example"


@pytest.fixture(scope="module")
def quiet_site(servers, template, tmp_path_factory):
    with site(servers, template, tmp_path_factory.mktemp("quiet"), 1) as made:
        yield made


class Mailing:
    """A mailing that test code sends by hand: rows by SQL, copies as lines of the server's log."""

    def __init__(self, made) -> None:
        self.site = made
        self.place = made.place(PEOPLE)
        self.no = mailing.running(self.place)

    def execute(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.site.settings.database_url, autocommit=True) as connection:
            connection.execute(statement, values)

    def move(self, n: int, state: str) -> None:
        self.execute("UPDATE messages SET state = %s WHERE mailing_no = %s AND n = %s", state, self.no, n)

    def copy(self, n: int, *, domain: str = DOMAIN, to: str = "", ago: float = 0, no: int = 0) -> None:
        no = no or self.no
        sender = return_path(no, n, tokens.purpose_key(RETURN_PATH), f"bounces.{DOMAIN}")
        now = {"t": time.monotonic(), "w": time.time()}
        mail = {"sender": sender, "c": 1, "mail_t": now["t"] - ago, "mail_w": now["w"] - ago}
        end = {
            "to": [to or f"p{n}@crowd.example"],
            "at": "DOT",
            "reply": "250 ok",
            "id": message_id(no, n, domain),
        }
        with self.site.mail.seen.path.open("a") as log:
            log.write(json.dumps({"k": "mail", **now, **mail}) + "\n")
            log.write(json.dumps({"k": "end", **now, **mail, **end}) + "\n")

    def send(self, n: int) -> None:
        self.move(n, "attempting")
        self.copy(n)
        self.move(n, "sent")

    def contact(self, n: int):
        query = "SELECT contact_id FROM messages WHERE mailing_no = %s AND n = %s"
        return self.site.query(query, self.no, n)[0][0]

    def broken(self, **more) -> str:
        self.site.let_go()
        return "; ".join(check(self.site, [self.no], **more).broken)


@pytest.fixture
def sent(quiet_site) -> Mailing:
    """A mailing of three, two of whom have it."""
    made = Mailing(quiet_site)
    made.send(1)
    made.send(2)
    return made


def test_true_books_are_in_order(sent):
    sent.send(3)
    outcome = check(sent.site, [sent.no])
    assert (outcome.messages, outcome.lost, outcome.duplicates, outcome.unknown) == (PEOPLE, 0, 0, 0)
    assert outcome.broken == []


def test_called_sent_without_a_copy_is_lost(sent):
    sent.move(3, "attempting")
    sent.move(3, "sent")
    assert "1 lost" in sent.broken()


@pytest.mark.parametrize("state", ["failed", "suppressed", "cancelled", "expired", "poison"])
def test_an_end_that_says_so_is_not_lost(sent, state):
    sent.move(3, state)
    assert sent.broken() == ""


def test_what_came_to_no_end_is_lost_and_breaks_the_first(sent):
    assert "1 lost" in sent.broken()
    assert "I1: 1 messages came to no end" in sent.broken()


def test_more_doubt_than_kills_allow(sent):
    sent.move(3, "unknown")
    assert "1 unknown, more than 0" in sent.broken()
    assert sent.broken(doubt=1) == ""


def test_two_messages_for_one_person_break_the_first(sent):
    sent.send(3)
    sent.execute(
        "INSERT INTO messages (mailing_no, n, workspace_id, contact_id, permission_id, reach_id, dedupe_key, state,"
        " created_at, due_at) SELECT mailing_no, 4, workspace_id, contact_id, permission_id, reach_id, id,"
        " 'suppressed', created_at, due_at FROM messages, gen_random_uuid() AS id WHERE mailing_no = %s AND n = 3",
        sent.no,
    )
    sent.execute("UPDATE mailings SET audience = 4 WHERE no = %s", sent.no)
    assert sent.broken() == "I1: a person has two messages of one mailing"


def test_a_copy_of_no_message_breaks_the_first(sent):
    sent.send(3)
    sent.copy(99)
    assert "I1: 1 copies belong to no message" in sent.broken()


def test_another_audience_breaks_the_second(sent):
    sent.send(3)
    sent.execute("UPDATE mailings SET audience = 5 WHERE no = %s", sent.no)
    assert sent.broken() == "I2: 3 messages for an audience of 5"


def test_a_copy_before_its_begin_breaks_the_third(sent):
    sent.copy(3)
    sent.move(3, "attempting")
    sent.move(3, "sent")
    assert sent.broken() == "I3: 1 copies without a begin of their own before them"


def test_a_second_copy_needs_a_second_begin(sent):
    sent.send(3)
    sent.copy(3)
    assert "I3: 1 copies without" in sent.broken(bound=1)


def test_mail_after_a_no_breaks_the_fourth(sent):
    sent.site.acts.answered("unsubscribe", sent.contact(3))
    sent.move(3, "attempting")
    sent.copy(3, ago=0)
    sent.move(3, "sent")
    assert sent.broken() == "", "within a second it may be on its way"
    sent.move(2, "sent")
    sent.site.acts.answered("unsubscribe", sent.contact(2))
    sent.copy(2, ago=-1.5)
    assert "I4: 1 MAIL FROM after a no" in sent.broken(bound=1)


def test_mail_after_a_permissions_end_breaks_the_fourth(sent):
    sent.send(3)
    sent.execute(
        "UPDATE permissions SET valid_until = now() - interval '1 hour' WHERE contact_id = %s",
        sent.contact(3),
    )
    assert "I4: 1 MAIL FROM" in sent.broken()
    assert sent.broken(is_shifted=True) == ""


def test_more_second_copies_than_kills_allow_break_the_fifth(sent):
    sent.send(3)
    sent.send(3)
    assert "I5: 1 second copies, more than 0" in sent.broken()


def test_another_message_id_breaks_the_fifth(sent):
    sent.move(3, "attempting")
    sent.copy(3)
    sent.move(3, "unknown")
    sent.move(3, "attempting")
    sent.copy(3, domain="elsewhere.example")
    sent.move(3, "sent")
    assert sent.broken(bound=1) == "I5: 1 messages under several Message-IDs"


def test_another_recipient_breaks_the_fifth(sent):
    sent.move(3, "attempting")
    sent.copy(3)
    sent.move(3, "unknown")
    sent.move(3, "attempting")
    sent.copy(3, to="somebody@else.example")
    sent.move(3, "sent")
    assert sent.broken(bound=1) == "I5: 1 messages went to several people"


def test_what_was_sent_and_became_something_else_breaks_the_sixth(sent):
    sent.send(3)
    sent.move(3, "pending")
    sent.move(3, "sent")
    assert sent.broken() == "I6: 1 times something sent became something else"


def test_a_bounce_is_no_way_back(sent):
    sent.send(3)
    sent.move(3, "bounced")
    assert sent.broken() == ""


def test_a_proxy_passes_bytes_until_it_is_cut(servers):
    query = "SELECT 1"
    with Proxy("127.0.77.1", servers.postgres.port) as line:
        url = servers.database_url.replace("127.0.0.1", line.host).replace(
            str(servers.postgres.port), str(line.port)
        )
        with psycopg.connect(url, autocommit=True) as open_line:
            assert open_line.execute(query).fetchone() == (1,)
            line.cut()
            with pytest.raises(psycopg.OperationalError):
                open_line.execute(query)
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url, connect_timeout=5)
            line.mend()
        until(lambda: psycopg.connect(url, connect_timeout=5).close() is None, 5)
