"""The numbers of a report: classes, receivers, segments of them, former campaigns, files, the mail, and links for everybody."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from pypdf import PdfReader
from sqlalchemy import text

from app.accounts.rules.roles import Role
from app.campaigns import links, shares
from app.campaigns.pages import report as report_page
from app.campaigns.pages import sending, whom
from app.consent import service as consent
from app.consent.rules import By, Level, Proof, Reason
from app.contacts import service as contacts
from app.delivery import schedule
from app.kernel import clock, shared, tokens
from app.kernel.db import session as current
from app.kernel.db import transaction
from app.kernel.ids import uuid7
from app.segments import queries as segments
from app.tracking import queries as tracking
from app.tracking import service as tracking_service
from app.tracking.rules.hits import NO_LINK, Hit, Kind
from tests.campaigns.conftest import Made, World, draft, launched
from tests.conftest import ground
from tests.people.conftest import Staff, owner_of
from tests.support import make, reading
from tests.support.accounts import make_member
from tests.support.outbox import place_with_sender

INNER = (
    '<mj-text>Hello, <a href="https://ostkai.example/guji">Guji</a> and'
    ' <a href="https://ostkai.example/winter?a=1">Winter</a> and <a href="{{ links.web_view }}">here</a></mj-text>'
)


@dataclass(frozen=True)
class Sent(World):
    """Whose draft is sent."""

    number: int


def _world() -> Sent:
    where = place_with_sender()
    with transaction():
        contacts.define_field(where.id, "Country", "country")
    found = [make.person(where.id, f"reader{i}@{'gmail.com' if i < 3 else f'one{i}.example'}", f"Reader{i}") for i in range(6)]
    for i, who in enumerate(found):
        make.confirmed(where, who, interests=1)
        reading.allow(where, who, Level.INDIVIDUAL)
        with transaction():
            contacts.set_fields(where.id, who.id, {"country": ["DE" if i < 4 else "FR"]})
    made = draft(where, "=Autumn", inner=INNER)
    return Sent(where, found, made, _sent(made))


def _sent(made: Made) -> int:
    """Three sent, two refused, one waits; an hour ago."""
    found = launched(made)
    schedule.run()
    order = "SELECT m.n FROM messages m JOIN addresses a ON a.contact_id = m.contact_id WHERE m.mailing_no = :no ORDER BY a.address"
    ns = list(current().execute(text(order), {"no": found}).scalars())
    for n, state in zip(ns, ("sent", "sent", "sent", "failed", "failed", "pending"), strict=True):
        values = {"no": found, "n": n, "state": state, "status": "5.1.1" if n == ns[3] else "5.7.1", "at": clock.now() - timedelta(hours=1)}
        with transaction():
            current().execute(
                text("UPDATE messages SET state = :state, began_at = :at, done_at = :at, reply_code = 550, reply_status = :status,"
                     " reply_text = '550 no' WHERE mailing_no = :no AND n = :n"), values)  # fmt: skip
    return found


world = ground(_world)


@pytest.fixture
def number(world, session):
    return world.number


def n_of(session, number, who):
    query = text("SELECT n FROM messages WHERE mailing_no = :no AND contact_id = :id")
    return session.execute(query, {"no": number, "id": who.id}).scalar_one()


def act(session, number, who, kind, link=NO_LINK, program=reading.FIREFOX, minutes=20):
    at = clock.now() - timedelta(minutes=minutes)
    with transaction():
        n = n_of(session, number, who)
        tracking_service.ingest_batch([Hit(uuid7().hex, number, n, kind, link, at, False, False, program, uuid7().hex, 1)])


def listed(staff, path):
    return set(re.findall(r"<small>(reader\d@[\w.]+)</small>", staff.get(path).text))


def leave(where, who):
    with transaction():
        consent.withdraw(where.id, who.id, [where.interests[0].id], by=By(), proof=Proof(http_method="POST"))


PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"


def test_refusals_stand_by_class_and_open_their_people(staff, made, number):
    page = staff.get(f"{made.path}/report").text
    found = re.findall(r'<th scope="row">([^<]+)<br><small>[^<]+</small></th><td class="n"><a href="([^"]+)"[^>]*>(\d+)</a>', page)
    assert [(name, count) for name, _, count in found] == [("No such mailbox", "1"), ("Blocked", "1")]
    assert listed(staff, found[0][1]) == {"reader3@one3.example"}
    assert listed(staff, found[1][1]) == {"reader4@one4.example"}


def test_each_number_is_saved_as_a_segment_of_the_same_people(staff, made, number, readers, session):
    act(session, number, readers[0], Kind.CLICK, 0)
    act(session, number, readers[1], Kind.OPEN, program=PHONE)
    for i, verdict in ((2, "machine"), (3, "unknown"), (4, "unknown")):
        for kind in Kind:
            act(session, number, readers[i], kind, 0)
        values = {"verdict": verdict, "n": n_of(session, number, readers[i]), "no": number}
        session.execute(text("UPDATE signals SET verdict = :verdict WHERE mailing_no = :no AND n = :n"), values)
    leave(made.where, readers[2])
    with transaction():
        consent.suppress(made.where.id, readers[1].id, Reason.COMPLAINT, by=By("system"))
    words = [word for word, found in whom.OF_MAILING.items() if found.rules]
    words += ["link-machine&which=0", "domain-opened&which=gmail.com", "country-clicked&which=DE", "language-sent&which=en"]
    words += ["link&which=0", "domain&which=gmail.com", "country&which=DE", "device&which=Phone", "device&which=Computer"]
    sizes = {}
    for word in words:
        path = f"{made.path}/people?word={word}"
        answer = staff.post(path, page=path, name=f"People {word}")
        assert answer.status_code == 303, word
        segment_id = answer.headers["Location"].rsplit("/", 1)[1]
        known = segments.get_segment(made.where.id, segment_id)
        found = segments.count(made.where.id, segments.read(made.where.id, known.tree))
        # Of a receiver or a country the segment holds who got it, and the list all of them.
        got = {"domain&which=gmail.com": 3, "country&which=DE": 3}
        sizes[word] = found
        assert found == got.get(word, len(listed(staff, path))), word
    assert sizes["opened"] == 2
    assert sizes["clicked"] == sizes["link&which=0"] == sizes["left"] == sizes["complained"] == 1
    assert sizes["device&which=Phone"] == sizes["device&which=Computer"] == 1
    assert sizes["opened-machine"] == sizes["clicked-machine"] == 1
    assert sizes["opened-unsure"] == sizes["clicked-unsure"] == 2
    assert sizes["failed"] == 2
    assert sizes["refused-hard"] == 1
    again = staff.post(f"{made.path}/people?word=sent", page=f"{made.path}/people?word=sent", name="People sent")
    assert again.status_code == 409
    assert 'value="People sent"' in again.text, "what was typed stays"
    left_out = f"{made.path}/people?word=asked"
    assert "Save as" not in staff.get(left_out).text
    assert staff.post(left_out, page=f"{made.path}/people", name="x").status_code == 422
    for bad in ("link&which=99", "link&which=-1", "domain", "country&which=Germany", "device&which=Toaster", "nonsense"):
        assert staff.get(f"{made.path}/people?word={bad}").status_code == 400


def test_receivers_countries_and_devices_stand_with_what_they_took(staff, made, number, readers, session):
    act(session, number, readers[0], Kind.CLICK, 0, PHONE)
    act(session, number, readers[1], Kind.OPEN)
    found = shares.find(made.where.id, number, 6, clock.now())
    first = found.of(shares.By.DOMAIN)[0]
    assert (first.value, first.people, first.sent, first.failed, first.opened, first.clicked) == ("gmail.com", 3, 3, 0, 2, 1)
    assert [(one.value, one.people, one.opened) for one in found.of(shares.By.COUNTRY)] == [("DE", 4, 2), ("FR", 2, 0)]
    assert sorted((one.value, one.people, one.clicked) for one in found.of(shares.By.DEVICE)) == [("Computer", 1, 0), ("Phone", 1, 1)]
    assert not shares.find(made.where.id, number, 6, clock.now() - timedelta(days=31)).of(shares.By.DEVICE)
    assert not shares.find(make.place().id, number, 6, clock.now()).of(shares.By.DOMAIN)
    page = staff.get(f"{made.path}/report").text
    assert re.search(r'word=domain&amp;which=gmail.com">gmail.com</a>', page)
    assert ">Germany</a>" in page
    assert listed(staff, re.search(r'href="([^"]+)"[^>]*>Phone</a>', page)[1].replace("&amp;", "&")) == {"reader0@gmail.com"}
    assert listed(staff, f"{made.path}/people?word=country&which=FR") == {"reader4@one4.example", "reader5@one5.example"}


def test_the_numbers_of_receivers_countries_and_links_open_their_people(staff, made, number, readers, session):
    act(session, number, readers[0], Kind.CLICK, 0)
    act(session, number, readers[1], Kind.OPEN)
    act(session, number, readers[3], Kind.OPEN)
    act(session, number, readers[2], Kind.CLICK, 0, program="curl/8")
    page = staff.get(f"{made.path}/report").text

    def opened(label, of):
        url, count = re.search(rf'<a href="([^"]+)" aria-label="(\d+) {label}, {of}: show who">', page).groups()
        found = listed(staff, url.replace("&amp;", "&"))
        assert len(found) == int(count)
        return found

    gmail = {f"reader{i}@gmail.com" for i in range(3)}
    assert opened("sent", "gmail.com") == gmail
    assert opened("opened", "gmail.com") == {"reader0@gmail.com", "reader1@gmail.com"}
    assert opened("clicked", "gmail.com") == {"reader0@gmail.com"}
    assert opened("opened", "Germany") == {"reader0@gmail.com", "reader1@gmail.com", "reader3@one3.example"}
    assert opened("clicked", "Germany") == {"reader0@gmail.com"}
    assert "sent, France" not in page, "where there is nobody nothing opens"
    machines = re.search(r'<a href="([^"]+)" aria-label="1 clicks by machines on [^"]*guji: show who">1</a>', page)[1]
    assert listed(staff, machines.replace("&amp;", "&")) == {"reader2@gmail.com"}
    assert listed(staff, f"{made.path}/people?word=language-opened&which=en") == opened("opened", "Germany")
    for bad in ("domain-sent", "country-opened&which=Germany", "language-clicked&which=xx", "domain-failed&which=gmail.com", "link-machine&which=99"):
        assert staff.get(f"{made.path}/people?word={bad}").status_code == 400


def test_more_than_ten_receivers_end_in_all_others(where, made, number, session):
    session.execute(text("UPDATE messages SET domain_group = 'd' || n || '.example' WHERE mailing_no = :no"), {"no": number})
    before, shares.SHOWN = shares.SHOWN, 2
    try:
        found = shares.find(where.id, number, 6, None).of(shares.By.DOMAIN)
    finally:
        shares.SHOWN = before
    assert [one.people for one in found] == [1, 1, 4]
    assert found[2].value == shares.OTHERS


def test_a_large_mailing_is_parted_by_the_job_and_again_once_it_has_changed(where, made, number, readers, session, monkeypatch):
    monkeypatch.setattr(shared, "ALWAYS", 1)
    assert not shares.find(where.id, number, 6, None).is_known
    shares.run()
    assert shares.find(where.id, number, 6, None).of(shares.By.DOMAIN)[0].people == 3
    first = shares.find(where.id, number, 6, None).counted_at
    session.execute(text("UPDATE campaign_countings SET counted_at = counted_at - interval '1 hour'"))
    shares.run()
    assert shares.find(where.id, number, 6, None).counted_at < first, "nothing has changed"
    act(session, number, readers[0], Kind.OPEN)
    shares.run()
    session.expire_all()
    assert shares.find(where.id, number, 6, None).of(shares.By.DOMAIN)[0].opened == 1
    act(session, number, readers[1], Kind.OPEN)
    shares.run()
    assert shares.find(where.id, number, 6, None).of(shares.By.DOMAIN)[0].opened == 1, "it rests a minute"
    assert not shares.find(make.place().id, number, 6, None).is_known


def test_former_campaigns_stand_beside_it(staff, where, made, number, readers, session):
    session.execute(text("UPDATE mailings SET frozen_at = frozen_at - interval '1 day' WHERE no = :no"), {"no": number})
    act(session, number, readers[0], Kind.CLICK, 0)
    assert "Beside former" not in staff.get(f"{made.path}/report").text
    newer = draft(where, "Winter")
    later = launched(newer)
    schedule.run()
    session.execute(text("UPDATE messages SET state = 'sent' WHERE mailing_no = :no"), {"no": later})
    page = staff.get(f"{newer.path}/report").text
    table = page[page.index("Beside former campaigns") :]
    row = re.search(r'href="[^"]+">=Autumn</a>.*?</tr>', table, re.DOTALL)[0]
    assert re.findall(r'data-label="(?:Opened|Clicked|Left|Not reached)">([\d.]+%)', row) == ["33.3%", "33.3%", "0.00%", "33.3%"]
    assert "<b>Winter</b>" in table
    assert "Winter" not in staff.get(f"{made.path}/report").text, "what came later is not former"


def test_the_file_holds_the_numbers_and_no_formula(staff, made, number, readers, session):
    act(session, number, readers[0], Kind.CLICK, 1)
    answer = staff.get(f"{made.path}/report.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))
    assert rows[0][0] == "'=Autumn"
    assert ["Audience", "6"] in rows
    assert ["Clicked by hand", "1"] in rows
    assert ["No such mailbox", "1"] in rows
    assert ["https://ostkai.example/winter?a=1", "1", "0", "0"] in rows
    assert ["gmail.com", "3", "3", "0", "1", "1"] in rows
    assert "reader0" not in answer.get_data(as_text=True)


def test_the_paper_holds_the_numbers(staff, made, number):
    answer = staff.get(f"{made.path}/report.pdf")
    assert answer.mimetype == "application/pdf"
    words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.data)).pages)
    assert "=Autumn" in words
    assert re.search(r"Audience\s*6", words)
    assert "gmail.com" in words
    assert "reader0" not in words


def test_the_mail_shows_the_part_of_clicks_on_each_link_and_runs_nothing(staff, made, number, readers, session):
    for i, link in ((0, 0), (1, 0), (2, 1)):
        act(session, number, readers[i], Kind.CLICK, link)
    page = staff.get(f"{made.path}/clicks").text
    assert re.search(r"/guji</small></th><td[^>]*>66\.7%</td>", page)
    frame = re.search(r'<iframe[^>]*src="([^"]+)"[^>]*>', page)
    assert " sandbox" in frame[0]
    answer = staff.get(frame[1])
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "frame-ancestors 'self'" in policy
    mail = answer.get_data(as_text=True)
    assert re.search(r"<a[^>]*><span[^>]*>67%</span>Guji</a>", mail)
    assert re.search(r"<a[^>]*><span[^>]*>33%</span>Winter</a>", mail)
    assert "ostkai.example/guji" not in mail, "its links lead nowhere"
    assert not re.search(r'href="[^"]*/\d"', mail)
    assert "{{" not in mail


def test_a_link_shows_numbers_to_everybody_and_people_to_nobody(staff, made, number, readers, session, app):
    act(session, number, readers[0], Kind.CLICK, 0)
    assert staff.post(f"{made.path}/links", page=f"{made.path}/report", days="8").status_code == 422
    assert staff.post(f"{made.path}/links", page=f"{made.path}/report", days="7").status_code == 303
    (url,) = re.findall(r'value="(https?://[^"]+/reports/[^"]+)"', staff.get(f"{made.path}/report").text)
    path = "/" + url.split("/", 3)[3]
    stranger = app.test_client()
    answer = stranger.get(path)
    assert answer.status_code == 200
    assert "noindex" in answer.headers["X-Robots-Tag"]
    page = answer.get_data(as_text=True)
    assert "Audience of 6" in page
    assert re.search(r"Clicked by hand</dt><dd>1</dd>", page)
    for told in ("reader", "/people", "word=", "csrf", "Send to the rest", "/campaigns/"):
        assert told not in page, told
    assert f'href="{path}?kind=open"' in page
    (link,) = links.list_links(made.where.id, made.campaign.id)
    for bad in (path[:-1] + ("A" if path[-1] != "A" else "B"), "/reports/x", f"/reports/{tokens.sign('report link', link.id.bytes)}"):
        assert stranger.get(bad).status_code == 404
    other = tokens.sign_until("confirm", link.id.bytes, link.ends_at)
    assert stranger.get(f"/reports/{other}").status_code == 404
    with transaction():
        session.execute(text("UPDATE report_links SET ends_at = now() - interval '1 second'"))
    assert stranger.get(path).status_code == 404
    over = tokens.sign_until(links.PURPOSE, link.id.bytes, clock.now() - timedelta(seconds=2))
    assert stranger.get(f"/reports/{over}").status_code == 404


def test_a_link_that_is_taken_back_ends_at_once_and_only_its_own_workspace_can(staff, made, number, app, client):
    staff.post(f"{made.path}/links", page=f"{made.path}/report", days="30")
    (link,) = links.list_links(made.where.id, made.campaign.id)
    path, end = f"/reports/{links.token_of(link)}", f"{made.path}/links/{link.id}/end"
    assert app.test_client().get(path).status_code == 200
    reader = Staff(app.test_client(), make_member(made.where.id, Role.VIEWER, "viewer@example.org"))
    assert reader.post(end, page="/settings/you").status_code == 403
    assert "Make a link" not in reader.get(f"{made.path}/report").text
    assert Staff(app.test_client(), owner_of(make.place("Other"))).post(end, page="/settings/you").status_code == 404
    assert app.test_client().get(path).status_code == 200
    assert staff.post(end, page=f"{made.path}/report").status_code == 303
    assert app.test_client().get(path).status_code == 404
    assert staff.post(end, page=f"{made.path}/report").status_code == 303, "again changes nothing"


def test_while_it_leaves_the_report_follows(staff, made, number, monkeypatch):
    monkeypatch.setattr(report_page, "LIVE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(sending, "LONGEST_SECONDS", 0.02)
    page = staff.get(f"{made.path}/report").text
    (url,) = re.findall(r'data-progress="([^"]+)"', page)
    said = staff.get(url.replace("&amp;", "&")).text
    assert "Not reached, and why" in said
    assert "Audience of 6" in said


def test_links_know_their_numbers():
    assert tracking.link_of(tracking.link_number(41, 12)) == (41, 12)


def bought(where, who, minutes, **data):
    at = clock.now() - timedelta(minutes=minutes)
    with transaction():
        tracking_service.record_acts(where.id, [tracking_service.Act(uuid7(), who.id, "order", at, data)])


def test_orders_and_revenue_stand_where_there_is_one_and_open_who_ordered(staff, where, made, number, readers, session):
    for i in (0, 1):
        act(session, number, readers[i], Kind.CLICK, 0)
    page = staff.get(f"{made.path}/report").text
    assert "Orders" not in page
    assert "Revenue" not in page
    assert "Orders" not in staff.get(f"{made.path}/report.csv").text
    for i, data in ((0, {"total": "1200 EUR"}), (0, {"total": "40.50 EUR"}), (1, {"total": "1500 JPY"}), (1, {}), (2, {"total": "9 EUR"})):
        bought(where, readers[i], 5, **data)
    page = staff.get(f"{made.path}/report").text
    tiles = re.findall(r'<dt>(Orders|Revenue)</dt><dd><a[^>]*href="([^"]+)">([^<]+)</a></dd>', page)
    assert [(name, value) for name, _, value in tiles] == [("Orders", "4"), ("Revenue", "1,240.50 EUR"), ("Revenue", "1,500 JPY")]
    assert "within a week after a click" in page
    both, euro, yen = (tile[1].replace("&amp;", "&") for tile in tiles)
    assert listed(staff, both) == {"reader0@gmail.com", "reader1@gmail.com"}
    assert "2 orders, 1,240.50 EUR" in staff.get(both).text
    assert listed(staff, euro) == {"reader0@gmail.com"}
    assert listed(staff, yen) == {"reader1@gmail.com"}
    assert "one order, 1,500 JPY" in staff.get(yen).text
    assert staff.post(both, page=both, name="Bought").status_code == 303
    (known,) = [one for one in segments.list_segments(where.id) if one.name == "Bought"]
    assert segments.count(where.id, segments.read(where.id, known.tree)) == 2
    for bad in ("revenue", "revenue&which=EURO", "revenue&which=%25"):
        assert staff.get(f"{made.path}/people?word={bad}").status_code == 400
    rows = list(csv.reader(io.StringIO(staff.get(f"{made.path}/report.csv").text)))
    assert ["Orders within a week after a click", "4"] in rows
    assert ["Revenue in EUR", "1240.50"] in rows
    paper = "".join(one.extract_text() for one in PdfReader(io.BytesIO(staff.get(f"{made.path}/report.pdf").data)).pages)
    assert "Revenue in JPY" in paper
    staff.post(f"{made.path}/links", page=f"{made.path}/report", days="7")
    (url,) = re.findall(r'value="https?://[^/"]+(/reports/[^"]+)"', staff.get(f"{made.path}/report").text)
    public = staff.get(url).text
    assert "Clicked by hand" in public
    assert not re.search("Orders|Revenue|EUR", public), "what a shop takes is nobody else's"


def test_former_campaigns_stand_beside_it_with_their_orders(staff, where, made, number, readers, session):
    session.execute(text("UPDATE mailings SET frozen_at = frozen_at - interval '1 day' WHERE no = :no"), {"no": number})
    act(session, number, readers[0], Kind.CLICK, 0)
    newer = draft(where, "Winter")
    launched(newer)
    schedule.run()
    assert "Orders</th>" not in staff.get(f"{newer.path}/report").text
    bought(where, readers[0], 5, total="12 EUR")
    page = staff.get(f"{newer.path}/report").text
    table = page[page.index("Beside former campaigns") :]
    assert re.findall(r'data-label="Orders">(\d+)', table) == ["0", "1"]
    assert re.findall(r"<small>(12.00 EUR)</small>", table) == ["12.00 EUR"]
