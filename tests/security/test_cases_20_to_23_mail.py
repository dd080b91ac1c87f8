"""Attack cases 20 to 23: from a hostile value over the bytes of a mail to a server that counts what it gets."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes

import pytest

from app.consent import service as consent
from app.contacts.addresses import AddressError, normalise
from app.content.merge import prepare
from app.content.variables import SYSTEM, samples
from app.delivery.mime import MailParts, build
from app.delivery.transports.base import Outcome
from app.delivery.transports.settings import SmtpSettings
from app.delivery.transports.smtp import SmtpTransport
from app.kernel.errors import BadInput
from tests.support import make
from tests.support.smtp_sink import SmtpSink

MAIL = MailParts(
    from_address="news@ostkai.example",
    from_name="Ostkai",
    to_address="mara@example.org",
    subject="Hello",
    text="Hello",
    html="<p>Hello</p>",
    date=datetime(2026, 11, 22, tzinfo=UTC),
    message_id="<m.1.1@ostkai.example>",
)
BREAKS = [
    "\r\nBcc: x@example.org",
    "\nBcc: x@example.org",
    "\rBcc: x@example.org",
    "\u2028Bcc: x",
    "\u0085Bcc: x",
]
EVIL_BODIES = [
    "a\n.\nb",
    "a\r.\rb",
    "a\r\n.\r\nMAIL FROM:<x@evil.example>\r\nRCPT TO:<y@evil.example>\r\nDATA\r\nz\r\n.\r\n",
]


def deliver(sink: SmtpSink, mail: MailParts, rcpt: str = "mara@example.org") -> Outcome:
    transport = SmtpTransport(SmtpSettings("127.0.0.1", sink.port))
    try:
        return transport.send("b@bounce.ostkai.example", rcpt, build(mail)).outcome
    finally:
        transport.close()


@pytest.mark.parametrize("evil", [*BREAKS, "=?utf-8?q?=0aBcc:?="])
@pytest.mark.parametrize("field", ["subject", "from_name", "to_name", "reply_to"])
def test_case_20_a_header_is_refused_and_never_split(field: str, evil: str) -> None:
    with pytest.raises(BadInput) as refused:
        build(replace(MAIL, **{field: f"x{evil}"}))
    assert refused.value.status == 422


@pytest.mark.parametrize("evil", [*BREAKS, "=?utf-8?q?=0aBcc:?="])
@pytest.mark.parametrize("name", ["List-Id", "X-Shop", "Feedback-ID"])
def test_case_20_a_custom_header_or_list_name_is_refused(name: str, evil: str) -> None:
    with pytest.raises(BadInput):
        build(replace(MAIL, headers=[(name, f"x{evil} <a.example>")]))


@pytest.mark.parametrize("evil", [*BREAKS, "\x7f", "=?utf-8?q?=0aBcc:?="])
def test_case_20_the_name_of_an_interest_is_refused_where_it_is_written(session: object, evil: str) -> None:
    where = make.place()
    for write in (
        lambda name: consent.define_interest(where.id, name),
        lambda name: consent.change_interest(where.id, where.interests[0].id, name),
    ):
        with pytest.raises(BadInput) as refused:
            write(f"New{evil}coffees")
        assert refused.value.status == 422
        assert set(refused.value.fields) == {"name"}


@pytest.mark.parametrize("evil", BREAKS)
def test_case_20_a_name_merged_into_a_subject_stays_on_its_line(evil: str) -> None:
    values = samples(SYSTEM)
    values["contact"]["first_name"] = f"Mara{evil}"
    subject = prepare("Hello {{ contact.first_name }}", "header", SYSTEM).render(values)
    with SmtpSink() as sink:
        assert deliver(sink, replace(MAIL, subject=subject)) is Outcome.SENT
        (copy,) = sink.messages
    found = message_from_bytes(copy.raw)
    assert found["Bcc"] is None
    assert [len(found.get_all(name)) for name in ("From", "To", "Subject", "Date", "Message-ID")] == [1] * 5


@pytest.mark.parametrize("evil", EVIL_BODIES)
def test_case_21_a_body_never_smuggles_a_second_mail(evil: str) -> None:
    with SmtpSink() as sink:
        assert deliver(sink, replace(MAIL, text=evil, html=evil)) is Outcome.SENT
        (copy,) = sink.copies
        assert len([line for line in sink.commands if line.startswith("MAIL")]) == 1
    assert b"\n" not in copy.raw.replace(b"\r\n", b"")
    assert b"\r" not in copy.raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("evil", ["a@b.example>\r\nRCPT TO:<c@d.example", "a@b.example> NOTIFY=NEVER"])
def test_case_22_an_address_is_never_a_command(evil: str) -> None:
    with pytest.raises(AddressError):
        normalise(evil)
    with SmtpSink() as sink:
        assert deliver(sink, MAIL, rcpt=evil) is Outcome.PERMANENT
        assert sink.commands == []


@pytest.mark.parametrize(
    "evil",
    [
        "a@b@c.example",
        "mara(comment)@example.org",
        '"quoted local"@example.org',
        '"a\\"@x"@example.org',
        "mara@example.org.",
        "a@[127.0.0.1]",
        "=?x?=@y.example",
        "Mara <mara@example.org>",
        "a@example.org, b@example.org",
    ],
)
def test_case_23_an_address_that_programs_read_in_two_ways_is_refused(evil: str) -> None:
    with pytest.raises(AddressError):
        normalise(evil)
    with pytest.raises(BadInput):
        build(replace(MAIL, to_address=evil))
