"""Senders, mail servers, and the wish for a mail."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import text

from app.delivery import queries, service, vault
from app.delivery.rules import MessageState, Word
from app.kernel import tokens
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from tests.support import make
from tests.support.smtp_sink import SmtpSink

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def where(session) -> make.Place:
    return make.place()


def test_a_workspace_has_one_sender_that_can_be_changed(where: make.Place):
    assert queries.sender_of(where.id) is None
    service.set_sender(where.id, " Ostkai ", "Hello@Ostkai.EXAMPLE", "post@ostkai.example")
    service.set_sender(where.id, "Ostkai Coffee", "hello@ostkai.example")
    found = queries.sender_of(where.id)
    assert found is not None
    assert (found.name, found.address, found.reply_to) == ("Ostkai Coffee", "hello@ostkai.example", "")
    assert session().execute(text("SELECT count(*) FROM senders")).scalar_one() == 1


@pytest.mark.parametrize(
    ("name", "address", "reply_to", "field"),
    [
        ("", "hello@ostkai.example", "", "name"),
        ("Ostkai\r\nBcc: x@example.org", "hello@ostkai.example", "", "name"),
        ("x" * 121, "hello@ostkai.example", "", "name"),
        ("Ostkai", "hello", "", "address"),
        ("Ostkai", "hello@ostkai.example\r\nRCPT TO:<x@example.org>", "", "address"),
        ("Ostkai", "hello@ostkai.example", "no mailbox", "reply_to"),
    ],
)
def test_a_sender_that_cannot_be_written_is_refused_by_its_field(where, name, address, reply_to, field):
    with pytest.raises(BadInput) as refused:
        service.set_sender(where.id, name, address, reply_to)
    assert set(refused.value.fields) == {field}


def test_a_mail_server_belongs_to_a_sender(where: make.Place):
    with pytest.raises(Conflict):
        service.set_transport(where.id, "mail.ostkai.example", 587, "starttls")


def test_a_password_is_kept_until_another_is_given_and_never_shown(where: make.Place):
    service.set_sender(where.id, "Ostkai", "hello@ostkai.example")
    service.set_transport(where.id, "mail.ostkai.example", 587, "starttls", "ostkai", "harbour light")
    service.set_transport(where.id, "mail2.ostkai.example", 465, "implicit", "ostkai", None)
    server = queries.server_of(where.id)
    assert server is not None
    assert (server.host, server.port, server.security, server.has_password) == (
        "mail2.ostkai.example", 465, "implicit", True,
    )  # fmt: skip
    assert queries.stored_password(where.id) == "harbour light"
    assert "harbour" not in repr(server)
    assert session().execute(text("SELECT count(*) FROM transports")).scalar_one() == 1
    service.unset_transport(where.id)
    assert queries.server_of(where.id) is None
    assert session().execute(text("SELECT count(*) FROM transports")).scalar_one() == 0


def test_a_retired_key_still_opens_a_password_and_a_lost_one_is_said(where: make.Place):
    locked = vault.lock("harbour light")
    try:
        tokens.configure(b"n" * 32, [b"s" * 32])
        assert vault.unlock(locked) == "harbour light"
        tokens.configure(b"n" * 32)
        with pytest.raises(Conflict, match="NOD_SECRET_KEY"):
            vault.unlock(locked)
    finally:
        tokens.configure(b"s" * 32)


@pytest.mark.parametrize(
    ("host", "port", "security", "user", "password", "field"),
    [
        ("", 25, "none", "", "", "host"),
        ("mail ostkai", 25, "none", "", "", "host"),
        ("mail.example.org", 0, "none", "", "", "port"),
        ("mail.example.org", 70000, "none", "", "", "port"),
        ("mail.example.org", 25, "ssl3", "", "", "security"),
        ("mail.example.org", 25, "none", "", "secret", "username"),
        ("mail.example.org", 25, "none", "a\nb", "", "username"),
    ],
)
def test_a_mail_server_that_cannot_be_is_refused_by_its_field(
    where, host, port, security, user, password, field
):
    service.set_sender(where.id, "Ostkai", "hello@ostkai.example")
    with pytest.raises(BadInput) as refused:
        service.set_transport(where.id, host, port, security, user, password)
    assert set(refused.value.fields) == {field}


def test_trying_a_mail_server_says_what_it_did_not_accept(where: make.Place):
    with SmtpSink(credentials=("ostkai", "harbour light")) as sink:
        service.try_transport(where.id, "127.0.0.1", sink.port, "opportunistic", "ostkai", "harbour light")
        with pytest.raises(BadInput) as refused:
            service.try_transport(where.id, "127.0.0.1", sink.port, "opportunistic", "ostkai", "wrong")
        assert "wrong name or password" in refused.value.fields["password"]
        with pytest.raises(BadInput) as refused:
            service.try_transport(where.id, "127.0.0.1", sink.port, "starttls")
        assert set(refused.value.fields) == {"security"}
        assert sink.messages == []
        sink.stop()
        with pytest.raises(BadInput) as refused:
            service.try_transport(where.id, "127.0.0.1", sink.port, "none")
        assert "does not answer" in refused.value.fields["host"]


def test_a_wish_needs_a_mail_that_exists_and_one_recipient(where: make.Place):
    who = make.person(where.id)
    with pytest.raises(ValueError, match="no-such-mail"):
        service.send_system(where.id, "no-such-mail", dedupe=uuid4(), contact_id=who.id)
    with pytest.raises(ValueError, match="to a contact, to a user, or to an address"):
        service.send_system(where.id, "confirm", dedupe=uuid4())
    with pytest.raises(NotFound):
        service.send_system(where.id, "confirm", dedupe=uuid4(), contact_id=who.id)


def test_another_workspaces_person_is_not_written_to(where: make.Place):
    other = make.place()
    who = make.person(other.id)
    make.asked(other, who)
    with pytest.raises(NotFound):
        service.send_system(where.id, "confirm", dedupe=uuid4(), contact_id=who.id)


def test_a_wish_that_is_rolled_back_rings_nobody(where: make.Place, monkeypatch):
    from app.kernel import jobs

    rung: list[tuple[str, ...]] = []

    class Bell:
        def ring(self, *ring: str) -> None:
            rung.append(ring)

    monkeypatch.setattr(jobs, "_bell", Bell())
    who = make.person(where.id)
    request = make.asked(where, who)
    with pytest.raises(RuntimeError), transaction():
        service.send_system(where.id, "confirm", dedupe=request.id, contact_id=who.id)
        raise RuntimeError
    assert rung == []
    with transaction():
        service.send_system(where.id, "confirm", dedupe=request.id, contact_id=who.id)
    assert rung == [("system", "send_slice", "system")]


def test_the_words_of_a_report_sum_to_all_messages(where: make.Place):
    who = make.person(where.id)
    for _ in range(3):
        request = make.asked(where, who)
        service.send_system(where.id, "confirm", dedupe=request.id, contact_id=who.id)
    session().execute(text("UPDATE messages SET state = 'unknown' WHERE n = (SELECT min(n) FROM messages)"))
    counts = queries.count_by_state(where.id)
    words = queries.count_by_word(counts)
    assert sum(words.values()) == sum(counts.values()) == 3
    assert (words[Word.WAITING], words[Word.UNKNOWN]) == (2, 1)
    assert queries.count_unknown(where.id) == 1
    assert queries.count_unknown(uuid4()) == 0
    assert queries.count_open()[MessageState.PENDING] == 2
    assert queries.lanes_due() == ["system"]


def test_only_what_ended_badly_can_be_sent_again(where: make.Place):
    who = make.person(where.id)
    request = make.asked(where, who)
    service.send_system(where.id, "confirm", dedupe=request.id, contact_id=who.id)
    (mail,) = queries.messages_of(where.id, who.id)
    with pytest.raises(Conflict):
        service.resend(mail.mailing_no, mail.n)
    session().execute(text("UPDATE messages SET state = 'sent'"))
    with pytest.raises(Conflict):
        service.resend(mail.mailing_no, mail.n)
    session().execute(text("UPDATE messages SET state = 'failed', attempts = 3"))
    service.resend(mail.mailing_no, mail.n)
    session().expire_all()
    (mail,) = queries.messages_of(where.id, who.id)
    assert (mail.state, mail.attempts) == (MessageState.PENDING, 0)
