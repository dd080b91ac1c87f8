"""What stands on the wire."""

from __future__ import annotations

import re

from app.delivery import pump
from app.delivery.editions import RETURN_PATH
from app.delivery.identity import read_return_path
from app.kernel import tokens
from tests.delivery.conftest import Post
from tests.support.outbox import wish


def sent(post: Post, address: str = ""):
    wished = wish(post.where, address)
    pump.run_slice("system", deadline_seconds=20)
    (copy,) = post.sink.messages
    return wished.row(), copy


def test_a_confirmation_can_be_taken_back_with_one_click_or_one_mail(post: Post):
    row, copy = sent(post)
    link, mailto = re.fullmatch(r"<(\S+)>, <mailto:(\S+)>", copy.parsed["List-Unsubscribe"]).groups()
    assert link.startswith("http://127.0.0.1:8000/u/")
    assert copy.parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    mailbox, _, subject = mailto.partition("?")
    assert subject == "subject=unsubscribe"
    keys = tokens.purpose_keys(RETURN_PATH)
    assert read_return_path(mailbox, keys, purpose="u") == (row.mailing_no, row.n)
    assert mailbox.endswith("@bounces.ostkai.example")


def test_bounces_come_back_to_a_mailbox_that_names_the_message(post: Post):
    row, copy = sent(post)
    assert copy.mail_from.endswith("@bounces.ostkai.example")
    assert len(copy.mail_from.partition("@")[0]) <= 64
    keys = tokens.purpose_keys(RETURN_PATH)
    assert read_return_path(copy.mail_from.upper(), keys) == (row.mailing_no, row.n)
    assert read_return_path(copy.mail_from.replace("b-", "b-a"), keys) is None


def test_an_answer_says_that_no_person_wrote_it_and_which_form_caused_it(post: Post):
    _, copy = sent(post)
    assert copy.parsed["Auto-Submitted"] == "auto-generated"
    assert copy.parsed["Form-Sub"].startswith("v=1; t=")


def test_feedback_id_and_message_id_name_no_person(post: Post):
    row, copy = sent(post, "mara.lindqvist@example.org")
    campaign, kind, tenant, sender = copy.parsed["Feedback-ID"].split(":")
    assert (campaign, kind) == (str(row.mailing_no), "confirm")
    assert 5 <= len(sender) <= 15
    assert sender.endswith(tenant)
    assert copy.message_id == f"<m.{row.mailing_no}.{row.n}@ostkai.example>"
    for name in ("Feedback-ID", "Message-ID", "List-Unsubscribe"):
        assert "mara" not in copy.parsed[name].lower()
        assert str(row.contact_id) not in copy.parsed[name]


def test_the_date_is_that_of_the_wish(post: Post):
    row, copy = sent(post)
    assert copy.parsed["Date"].datetime == row.created_at.replace(microsecond=0)


def test_an_address_beyond_ascii_asks_for_smtputf8(post: Post):
    _, copy = sent(post, "jörg@example.org")
    assert "SMTPUTF8" in copy.mail_options
    assert copy.rcpt_to == ("jörg@example.org",)
