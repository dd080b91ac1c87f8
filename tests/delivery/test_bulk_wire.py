"""The bytes of a letter to many, as the mail server gets them, for each level of tracking."""

from __future__ import annotations

import re

import pytest

from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.rules import By, Level, Proof
from app.delivery import pump
from app.delivery.editions import RETURN_PATH
from app.delivery.identity import read_return_path
from app.kernel import tokens
from app.kernel.db import session, transaction
from app.preferences import links
from tests.support import mailing, make
from tests.support.mailing import Setting, running
from tests.support.outbox import use_sink
from tests.support.smtp_sink import Copy

URL = re.compile(r"https?://[^\s\"'<>]+")


@pytest.fixture
def place(live, smtp) -> Setting:
    use_sink(smtp)
    return mailing.setting()


def reader(place: Setting, level: Level | None, name: str = "Mara"):
    who = make.person(place.id, first_name=name)
    make.confirmed(place.where, who, interests=1)
    if level is not None:
        with transaction():
            consent.set_tracking(place.id, who.id, level, by=By(), proof=Proof())
    return who


def send(place: Setting, smtp, *levels: Level | None) -> tuple[int, list[Copy]]:
    """A mailing to one reader for each level, in the order of the levels."""
    people = [reader(place, level) for level in levels]
    number = running(place)
    assert pump.run_slice("bulk", deadline_seconds=20) is False
    session().rollback()
    from app.contacts import queries as contacts

    found = [contacts.find_address(place.id, who.id) for who in people]
    return number, [smtp.to(address.address)[0] for address in found if address]


def urls(copy: Copy) -> set[str]:
    """Every address in the mail: both parts and the headers."""
    headers = " ".join(str(value) for value in copy.parsed.values())
    return set(URL.findall(copy.part("html") + " " + copy.part("plain") + " " + headers))


def own(copy: Copy, other: Copy) -> set[str]:
    """Addresses that this copy has and the other one has not."""
    return urls(copy) - urls(other)


def test_the_head_of_a_letter(place, smtp):
    number, (copy,) = send(place, smtp, None)
    mail = copy.parsed
    raw = copy.raw
    head = raw.partition(b"\r\n\r\n")[0]
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", head).decode().split("\r\n")
    fields = [line.partition(":")[0].lower() for line in unfolded]
    assert len(fields) == len(set(fields)), "each stands once"
    for name in ("date", "from", "to", "subject", "message-id", "list-unsubscribe", "list-unsubscribe-post", "list-id",
                 "feedback-id", "mime-version"):  # fmt: skip
        assert name in fields
    for name in ("precedence", "auto-submitted", "return-path", "sender", "bcc"):
        assert name not in fields
    assert mail["From"] == "Ostkai <hello@ostkai.example>"
    assert mail["Message-ID"] == f"<m.{number}.1@ostkai.example>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    interest = place.where.interests[0]
    assert re.fullmatch(rf"New coffees <{interest.id.hex}\.[\w-]+\.ostkai\.example>", mail["List-Id"])
    campaign, list_, tenant, sender = mail["Feedback-ID"].split(":")
    assert (campaign, list_) == (str(number), interest.id.hex)
    assert sender == f"nod-{tenant}"
    assert 5 <= len(sender) <= 15
    assert all(b"\n" not in line and len(line) <= 998 for line in raw.split(b"\r\n"))
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "text/html"]


def test_the_return_path_and_the_mailto_name_the_message_and_prove_it(place, smtp):
    number, (copy,) = send(place, smtp, None)
    keys = tokens.purpose_keys(RETURN_PATH)
    assert read_return_path(copy.mail_from, keys) == (number, 1)
    assert copy.mail_from.endswith("@bounces.ostkai.example")
    mailto = re.search(r"<mailto:([^?>]+)\?subject=unsubscribe>", copy.parsed["List-Unsubscribe"])
    assert mailto is not None
    assert read_return_path(mailto[1], keys, purpose="u") == (number, 1)


def test_the_unsubscribe_link_ends_exactly_the_permission_it_stands_on(place, smtp, live_client):
    who = reader(place, None)
    running(place)
    pump.run_slice("bulk", deadline_seconds=20)
    (copy,) = smtp.to(_address(place, who))
    header = re.search(r"<(https?://[^>]+)>", copy.parsed["List-Unsubscribe"])
    assert header is not None
    assert header[1] in copy.part("html")
    assert header[1] in copy.part("plain")
    named = links.read_unsubscribe(header[1].rpartition("/")[2])
    (permission,) = [
        found for found in consent_queries.list_permissions(place.id, who.id) if found.interest_id
    ]
    assert (named.kind, named.id) == (links.Kind.PERMISSION, permission.id)
    session().rollback()
    path = header[1].removeprefix("http://127.0.0.1:8000")
    assert live_client.get(path).status_code == 200
    assert make.standing(place.where, who)["New coffees"] == "yes"
    session().rollback()
    answer = live_client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert make.standing(place.where, who)["New coffees"] == "no"


def _address(place, who) -> str:
    from app.contacts import queries as contacts

    session().rollback()
    found = contacts.find_address(place.id, who.id)
    session().rollback()
    assert found is not None
    return found.address


def test_who_allows_no_tracking_gets_no_address_of_their_own_but_to_leave_and_to_choose(place, smtp):
    _, (one, other) = send(place, smtp, None, None)
    for mine, others in ((one, other), (other, one)):
        personal = own(mine, others)
        paths = sorted(re.sub(r"https?://[^/]+", "", url)[:3] for url in personal)
        assert paths == ["/p/", "/u/"], personal
    for url in urls(one):
        assert not re.search(r"/(r|o)/", url), url
    assert "https://ostkai.example/new" in one.part("html")
    assert "https://ostkai.example/brewing?cup=1" in one.part("plain")


def test_aggregate_tracking_gives_every_reader_the_same_addresses(place, smtp):
    _, (one, other, none) = send(place, smtp, Level.AGGREGATE, Level.AGGREGATE, None)
    personal = {re.sub(r"https?://[^/]+", "", url)[:3] for url in own(one, other)}
    assert personal == {"/p/", "/u/"}
    assert len([url for url in urls(one) if "/r/" in url]) == 2
    assert len([url for url in urls(one) if "/o/" in url]) == 1
    assert not [url for url in urls(none) if "/r/" in url or "/o/" in url]


def test_individual_tracking_has_links_of_ones_own_and_the_page_that_says_why(place, smtp):
    _, (one, other) = send(place, smtp, Level.INDIVIDUAL, Level.INDIVIDUAL)
    personal = [re.sub(r"https?://[^/]+", "", url)[:3] for url in own(one, other)]
    assert {"/r/", "/o/", "/u/", "/p/", "/w/"} == set(personal)
    assert personal.count("/r/") == 3, "two links and the one that no person sees"


def test_for_the_day_of_the_last_open_one_picture_is_ones_own_and_no_link(place, smtp):
    _, (one, other) = send(place, smtp, Level.DATE, Level.DATE)
    personal = [re.sub(r"https?://[^/]+", "", url)[:3] for url in own(one, other)]
    assert sorted(personal) == ["/o/", "/p/", "/u/"]
    assert not [url for url in urls(one) if "/r/" in url]


def test_the_level_is_read_when_the_letter_is_written_not_when_the_audience_is_made(place, smtp):
    who = reader(place, Level.INDIVIDUAL)
    running(place)
    with transaction():
        consent.set_tracking(place.id, who.id, Level.NONE, by=By(), proof=Proof())
    pump.run_slice("bulk", deadline_seconds=20)
    (copy,) = smtp.to(_address(place, who))
    assert not [url for url in urls(copy) if "/r/" in url or "/o/" in url]


def test_a_followed_link_of_a_sent_letter_is_the_readers_signal(place, smtp, live_client):
    from app.tracking import jobs, queries

    _, (copy,) = send(place, smtp, Level.INDIVIDUAL)
    (address,) = copy.rcpt_to
    session().rollback()
    link = next(url for url in URL.findall(copy.part("html")) if "/r/" in url)
    answer = live_client.get(link.removeprefix("http://127.0.0.1:8000"))
    assert answer.status_code == 302
    assert answer.headers["Location"] == "https://ostkai.example/new"
    jobs.ingest()
    from app.contacts.models import ContactAddress

    session().rollback()
    contact_id = session().query(ContactAddress.contact_id).filter(ContactAddress.address == address).scalar()
    (signal,) = queries.list_signals(place.id, contact_id)
    assert signal.kind == "click"


def test_a_second_attempt_has_the_same_bytes(place, smtp):
    from app.kernel import clock

    who = reader(place, Level.INDIVIDUAL, name="Jörg “Tester”")
    running(place)
    smtp.reply_at("DOT", "451 4.3.0 later", times=1)
    pump.run_slice("bulk", deadline_seconds=5)
    clock.set_shift(600)
    pump.run_slice("bulk", deadline_seconds=5)
    first, second = [copy for copy in smtp.copies if _address(place, who) in copy.rcpt_to]
    assert first.raw == second.raw
    assert first.mail_from == second.mail_from
    assert "Jörg “Tester”" in first.part("html")
