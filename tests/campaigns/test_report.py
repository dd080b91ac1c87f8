"""A campaign that leaves for real: figures, people behind them, what they did, and what is tried again."""

from __future__ import annotations

import json
import re
import threading

import pytest
from sqlalchemy import text

from app.campaigns import queries
from app.campaigns.pages import sending, whom
from app.campaigns.rules import State
from app.consent import service as consent
from app.consent.rules import By, Level, Proof
from app.content import letters as written
from app.content import mjml
from app.delivery import moves, pump, schedule
from app.delivery import service as delivery
from app.delivery.rules import Word
from app.kernel import shared
from app.kernel.db import db, session, transaction
from app.tracking import jobs as tracking_jobs
from tests.campaigns.conftest import draft, launched
from tests.people.conftest import Staff, owner_of
from tests.support import make, reading
from tests.support.outbox import place_with_sender, use_sink

BROWSER = reading.FIREFOX


@pytest.fixture
def where(live):
    return place_with_sender()


@pytest.fixture
def staff(where, live_client):
    return Staff(live_client, owner_of(where))


@pytest.fixture
def readers(where):
    found = [make.person(where.id, f"reader{i}@example.org", f"Reader{i}") for i in range(4)]
    for i, who in enumerate(found):
        make.confirmed(where, who)
        if i != 3:
            reading.allow(where, who, Level.INDIVIDUAL)
    return found


@pytest.fixture
def made(where, readers):
    return draft(where)


def standing(made):
    session().rollback()
    session().expire_all()
    return queries.get_standing(made.where.id, made.campaign.id)


def freeze(made) -> int:
    number = launched(made)
    schedule.run()
    return number


def go(made, smtp) -> int:
    """Launch, freeze and send all of it."""
    use_sink(smtp)
    number = freeze(made)
    while pump.run_slice("bulk", deadline_seconds=5):
        pass
    schedule.run()
    return number


def force(number: int, n: int, state: str) -> None:
    with transaction():
        session().execute(
            text("UPDATE messages SET state = :state WHERE mailing_no = :no AND n = :n"),
            {"state": state, "no": number, "n": n},
        )


def figures(page: str) -> dict[str, int]:
    """The five numbers of a page."""
    found = re.findall(r'aria-label="([\d,]+) (waiting|sent|skipped|failed|unknown): show who"', page)
    return {word: int(number.replace(",", "")) for number, word in found}


def numbers_of(page: str, *head: str) -> list[str]:
    """The cells of the row whose head has these words."""
    row = next(
        row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
        if all(word in re.sub(r"<svg.*", "", row, flags=re.DOTALL) for word in head) and "<td" in row
    )  # fmt: skip
    return re.findall(r"<td[^>]*>(?:<a[^>]*>)?([\d,]+)", row)


def event_of(body: str) -> dict:
    return json.loads(
        next(line for line in body.splitlines() if line.startswith("data: ")).removeprefix("data: ")
    )


def test_the_sending_page_sums_to_the_audience_at_every_moment(staff, made, smtp):
    use_sink(smtp)
    number = freeze(made)
    page = staff.get(f"{made.path}/sending").text
    assert figures(page) == {"waiting": 4, "sent": 0, "skipped": 0, "failed": 0, "unknown": 0}
    for n, state in enumerate(("sent", "suppressed", "failed", "unknown"), 1):
        force(number, n, state)
        seen = figures(staff.get(f"{made.path}/sending").text)
        assert sum(seen.values()) == 4, state
    assert seen == {"waiting": 0, "sent": 1, "skipped": 1, "failed": 1, "unknown": 1}


def test_each_number_opens_its_people_with_the_reason(staff, made, smtp):
    use_sink(smtp)
    number = freeze(made)
    for n, state in enumerate(("sent", "suppressed", "failed", "unknown"), 1):
        force(number, n, state)
    for word, says in (
        ("sent", "accepted by the receiver"),
        ("skipped", "no permission"),
        ("failed", "could not be written"),
        ("unknown", "no answer after the last byte"),
    ):
        page = staff.get(f"{made.path}/people?word={word}").text
        assert len(set(re.findall(r"reader\d@example\.org", page))) == 1, word
        assert says in page
    assert "Nobody" in staff.get(f"{made.path}/people?word=waiting").text
    assert staff.get(f"{made.path}/people?word=nonsense").status_code == 400


def test_people_come_in_pages_that_neither_lose_nor_repeat_anybody(staff, where, monkeypatch, smtp):
    from app.delivery.queries import report

    monkeypatch.setattr(report.list_people, "__defaults__", ("", 3))
    for i in range(8):
        make.confirmed(where, make.person(where.id, f"more{i}@example.org"))
    made = draft(where)
    freeze(made)
    path, seen = f"{made.path}/people?word=waiting", []
    while path:
        page = staff.get(path).text
        seen += re.findall(r"<small>(more\d@example\.org)</small>", page)
        older = re.search(r'href="([^"]+)" aria-label="Older"', page)
        path = older[1].replace("&amp;", "&") if older else None
    assert sorted(seen) == [f"more{i}@example.org" for i in range(8)]


def test_it_goes_out_and_the_report_shows_people_beside_machines(staff, made, readers, smtp, live):
    number = go(made, smtp)
    assert standing(made).state is State.DONE
    mails = {copy.rcpt_to[0]: copy.parsed for copy in smtp.messages}
    assert len(mails) == 4
    links = {
        to: re.findall(r"https?://[^/]+(/r/[\w-]+)", mail.get_body(("html",)).get_content())
        for to, mail in mails.items()
    }
    assert not links["reader3@example.org"], "nobody is measured who did not allow it"
    # What comes within seconds of the delivery is a program's: an hour has passed.
    with transaction():
        session().execute(
            text(
                "UPDATE messages SET done_at = done_at - interval '1 hour',"
                " began_at = began_at - interval '1 hour' WHERE mailing_no = :no"
            ),
            {"no": number},
        )
    stranger = live.test_client()
    assert reading.visit(stranger, links["reader0@example.org"][0]).status_code == 302
    assert reading.visit(stranger, links["reader1@example.org"][0], "Barracuda/1.0 (bot)").status_code == 302
    tracking_jobs.ingest()
    page = staff.get(f"{made.path}/report").text
    assert re.search(r"Clicked by hand</dt><dd><a[^>]*>1</a>", page)
    machines = int(re.search(r"Clicks over time: 1 by people, (\d+) by machines, 0 not sure", page)[1])
    assert machines >= 1
    table = re.search(r"The same over time.*?</table>", page, re.DOTALL)[0]
    rows = [[int(found) for found in re.findall(r"<td[^>]*>([\d,]+)</td>", row)] for row in table.split("<tr>")[2:]]
    assert [sum(column) for column in zip(*rows, strict=True)] == [1, machines, 0], "the table says what the chart shows"
    assert numbers_of(page, "Clicks") == ["1", str(machines), "0"]
    assert numbers_of(page, "ostkai.example", "/guji")[0] == "1"
    assert "/guji" in page
    people = staff.get(f"{made.path}/people?word=clicked").text
    assert "reader0@example.org" in people
    assert "reader1@example.org" not in people
    assert re.search(r'data-label="Clicked">1 \(25\.0%\)', staff.get("/campaigns").text)


def test_from_the_review_to_the_last_copy_the_letter_is_compiled_once(staff, made, smtp, monkeypatch):
    compiled = []
    real = mjml._run
    monkeypatch.setattr(mjml, "_results", mjml._Results())
    monkeypatch.setattr(mjml, "_run", lambda source: compiled.append(source) or real(source))
    written._write_once.cache_clear()
    assert staff.get(f"{made.path}/review").status_code == 200
    go(made, smtp)
    assert len(smtp.messages) == 4
    assert len(compiled) == 1


def test_the_brands_website_is_one_link_for_everybody_and_told_at_each_level(
    staff, where, readers, smtp, live
):
    reading.allow(where, readers[2], Level.AGGREGATE)
    made = draft(where, inner='<mj-text><a href="{{ brand.site }}?from=letter">home</a></mj-text>')
    number = go(made, smtp)
    html = {copy.rcpt_to[0]: copy.parsed.get_body(("html",)).get_content() for copy in smtp.messages}
    plain = r"https?://[^/\"]+(/r/[\w-]{24}0)\""
    links = {i: re.search(plain, html[f"reader{i}@example.org"]) for i in range(4)}
    assert links[0]
    assert links[2]
    assert links[3] is None
    assert 'href="https://ostkai.example/?from=letter"' in html["reader3@example.org"]
    with transaction():
        late = "began_at = began_at - interval '1 hour', done_at = done_at - interval '1 hour'"
        session().execute(text(f"UPDATE messages SET {late} WHERE mailing_no = {number}"))
    for i in (0, 2):
        answer = reading.visit(live.test_client(), links[i][1])
        assert answer.headers["Location"] == "https://ostkai.example/?from=letter"
    tracking_jobs.ingest()
    page = staff.get(f"{made.path}/report").text
    assert '<a href="https://ostkai.example/?from=letter"' in page
    assert numbers_of(page, "ostkai.example", "/?from=letter")[0] == "2"
    assert "https://ostkai.example/?from=letter" in staff.get(f"/people/{readers[0].id}").text


TAGGED = (
    '<mj-text><a href="https://ostkai.example/you?m={{ contact.email|urlencode }}&amp;n={{ contact.first_name }}">'
    "yours</a></mj-text>"
)


def test_a_link_with_merge_tags_counts_under_its_pattern(staff, where, readers, smtp, live):
    reading.allow(where, readers[2], Level.AGGREGATE)
    made = draft(where, inner=TAGGED)
    go(made, smtp)
    mails = {copy.rcpt_to[0]: copy.parsed for copy in smtp.messages}
    html = {to: mail.get_body(("html",)).get_content() for to, mail in mails.items()}
    for i in (2, 3):
        # Nobody's own address where nobody is told apart.
        assert (
            f'href="https://ostkai.example/you?m=reader{i}%40example.org&amp;n=Reader{i}"'
            in html[f"reader{i}@example.org"]
        )
    with transaction():
        late = "began_at = began_at - interval '1 hour', done_at = done_at - interval '1 hour'"
        session().execute(text(f"UPDATE messages SET {late}"))
    for i in (0, 1):
        assert "ostkai.example/you" not in html[f"reader{i}@example.org"]
        (link,) = set(re.findall(r"https?://[^/\"]+(/r/[\w-]{29,})\"", html[f"reader{i}@example.org"]))
        assert link[3:] in mails[f"reader{i}@example.org"].get_body(("plain",)).get_content()
        answer = reading.visit(live.test_client(), link)
        assert (
            answer.headers["Location"] == f"https://ostkai.example/you?m=reader{i}%40example.org&n=Reader{i}"
        )
    tracking_jobs.ingest()
    page = staff.get(f"{made.path}/report").text
    assert re.search(r"Clicked by hand</dt><dd><a[^>]*>2</a>", page)
    row = re.search(r"<tr><th scope=\"row\">ostkai\.example<br>.*?</tr>", page)
    assert row, "an address that is another one for each reader is no link"
    assert "{{ contact.email|urlencode }}" in row[0]
    assert re.findall(r"(?:>)(\d+)(?=<)", row[0])[0] == "2"
    assert "{{ contact.email" in staff.get(f"/people/{readers[0].id}").text


def test_whoever_leaves_after_it_counts_and_opens(staff, made, readers, smtp):
    go(made, smtp)
    assert re.search(r"Left within a week</dt><dd><a[^>]*>0</a>", staff.get(f"{made.path}/report").text)
    with transaction():
        consent.withdraw(
            made.where.id,
            readers[2].id,
            [made.where.interests[0].id],
            by=By(),
            proof=Proof(http_method="POST"),
        )
    assert re.search(r"Left within a week</dt><dd><a[^>]*>1</a>", staff.get(f"{made.path}/report").text)
    page = staff.get(f"{made.path}/people?word=left").text
    assert "reader2@example.org" in page
    assert "reader1@example.org" not in page


def test_the_unknown_and_the_rest_are_sent_again_only_by_their_buttons(staff, made, smtp):
    number = go(made, smtp)
    force(number, 1, "unknown")
    force(number, 2, "failed")
    page = staff.get(f"{made.path}/report").text
    assert "Send the 1 unknown" in page
    assert "Send to the rest" in page
    assert staff.post(f"{made.path}/unknown", page=f"{made.path}/report").status_code == 303
    now = queries.progress_of(made.where.id, [number])[number]
    assert (now.waiting, now.failed, now.unknown) == (1, 1, 0)
    session().rollback()
    assert staff.post(f"{made.path}/rest", page="/settings/you").status_code == 303
    now = queries.progress_of(made.where.id, [number])[number]
    assert (now.waiting, now.sent) == (2, 2)
    session().rollback()
    while pump.run_slice("bulk", deadline_seconds=5):
        pass
    schedule.run()
    assert standing(made).state is State.DONE
    assert "Send to the rest" not in staff.get(f"{made.path}/report").text


def test_cancelled_in_the_middle_keeps_what_has_left(staff, made, smtp):
    use_sink(smtp)
    number = freeze(made)
    force(number, 1, "sent")
    answer = staff.post(f"{made.path}/cancel", page=f"{made.path}/sending")
    assert answer.headers["Location"] == f"{made.path}/report"
    assert standing(made).state is State.CANCELLED
    assert figures(staff.get(f"{made.path}/report").text) == {
        "waiting": 0,
        "sent": 1,
        "skipped": 3,
        "failed": 0,
        "unknown": 0,
    }
    session().rollback()


def test_the_stream_tells_of_change_ends_by_itself_and_holds_no_connection(
    staff, made, smtp, monkeypatch, live
):
    monkeypatch.setattr(sending, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(sending, "LONGEST_SECONDS", 4.0)
    # Its own: what a test before it has not closed is still out, and a stream too many gets one figure.
    monkeypatch.setattr(sending, "_streams", threading.BoundedSemaphore(sending.MAX_STREAMS))
    use_sink(smtp)
    number = freeze(made)
    session().rollback()
    db.session.remove()
    answer = staff.client.get(f"{made.path}/progress", buffered=False)
    assert answer.mimetype == "text/event-stream"
    parts = iter(answer.response)
    assert next(parts).decode().startswith("retry:")
    first = event_of(next(parts).decode())
    assert figures(first["html"])["waiting"] == 4
    assert db.engine.pool.checkedout() == 0
    force(number, 1, "sent")
    db.session.remove()
    later = [part.decode() for part in parts]
    assert figures(event_of("".join(later))["html"])["sent"] == 1
    answer.close()


def test_a_stream_too_many_gets_one_figure_and_all_are_given_back(staff, made, smtp, monkeypatch):
    monkeypatch.setattr(sending, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(sending, "LONGEST_SECONDS", 0.05)
    # Its own: what a test before it has not closed is still out.
    monkeypatch.setattr(sending, "_streams", threading.BoundedSemaphore(sending.MAX_STREAMS))
    use_sink(smtp)
    freeze(made)
    for _ in range(sending.MAX_STREAMS):
        assert sending._streams.acquire(blocking=False)
    try:
        alone = staff.get(f"{made.path}/progress").text
        assert alone.count("data: ") == 1
        assert ": still here" not in alone
    finally:
        for _ in range(sending.MAX_STREAMS):
            sending._streams.release()
    for _ in range(sending.MAX_STREAMS + 1):
        staff.get(f"{made.path}/progress").close()
    assert sending._streams._value == sending.MAX_STREAMS


def test_the_stream_says_when_it_is_over(staff, made, smtp):
    go(made, smtp)
    # A page that was made a moment before the end must hear of it, or it stands there for ever.
    said = staff.get(f"{made.path}/progress").text
    assert event_of(said)["over"] is True
    assert said.count("data: ") == 1
    assert staff.get(f"{made.path}/sending").headers["Location"].endswith(made.path)


def test_the_report_asks_the_database_a_bounded_number_of_times(staff, made, smtp, count_statements):
    go(made, smtp)
    for path in ("report", "people?word=sent", "people?word=clicked", "people?word=left"):
        with count_statements() as statements:
            assert staff.get(f"{made.path}/{path}").status_code == 200
        assert len(statements) <= (19 if path == "report" else 12), "\n".join(one[:90] for one in statements)


def test_every_word_of_the_report_has_people_behind_it():
    assert {word.value for word in Word} <= set(whom.OF_MAILING)


def test_the_sending_page_tells_rate_end_and_lanes(staff, made, smtp):
    use_sink(smtp)
    with transaction():
        session().execute(text("UPDATE messages SET state = 'sent'"))
    number = freeze(made)
    page = staff.get(f"{made.path}/sending").text
    assert "nothing in the last minute" in page
    assert "0 waiting" in page
    assert "left, until" not in page
    force(number, 1, "sent")
    with transaction():
        session().execute(text(f"UPDATE messages SET done_at = clock_timestamp() WHERE mailing_no = {number} AND n = 1"))
        session().execute(
            text(f"UPDATE mailings SET frozen_at = frozen_at - interval '30 s' WHERE no = {number}")
        )
        request = make.asked(made.where, make.person(made.where.id))
        delivery.send_system(made.where.id, "confirm", dedupe=request.id, contact_id=request.contact_id)
        session().execute(
            text("UPDATE messages SET due_at = due_at - interval '40 s' WHERE dedupe_key = :id"), {"id": request.id}
        )
    other = freeze(draft(made.where, "Other"))
    page = staff.get(f"{made.path}/sending").text
    assert re.search(r"Sending, [12] a minute", page), "one within half a minute is two a minute"
    assert "about 1 minute left, until" in page or "about 2 minutes left, until" in page
    assert "1 waiting</span><br><small>the oldest for 4" in page
    assert "1 other campaign<" in page
    assert other > number


def test_doubt_and_the_rest_are_told_with_their_buttons_while_it_leaves(staff, made, smtp):
    use_sink(smtp)
    number = freeze(made)
    assert "in doubt" not in staff.get(f"{made.path}/sending").text
    force(number, 1, "unknown")
    force(number, 2, "failed")
    for page in (
        staff.get(f"{made.path}/sending").text,
        event_of(staff.get(f"{made.path}/progress").text)["html"],
    ):
        assert "<b>1 mail is in doubt.</b>" in page
        assert "Send the 1 unknown" in page
        assert "Send to the rest" in page
    assert staff.post(f"{made.path}/unknown", page=f"{made.path}/sending").status_code == 303
    again = staff.post(f"{made.path}/unknown", page=f"{made.path}/sending")
    assert again.status_code == 409
    assert "No message of this mailing is in doubt." in again.text
    assert staff.post(f"{made.path}/rest", page=f"{made.path}/sending").status_code == 303
    assert queries.progress_of(made.where.id, [number])[number].waiting == 4


def test_a_wish_that_is_still_being_done_is_told_on_both_pages(staff, made, smtp, monkeypatch):
    monkeypatch.setattr(moves, "SLICE", 2)
    use_sink(smtp)
    freeze(made)
    staff.post(f"{made.path}/cancel", page=f"{made.path}/sending")
    page = staff.get(f"{made.path}/report").text
    assert "2 people who have not got it are being called off" in page
    assert "Send to the rest" not in page
    refused = staff.post(f"{made.path}/rest", page="/settings/you")
    assert refused.status_code == 409
    assert "is still being done" in refused.text
    schedule.run()
    page = staff.get(f"{made.path}/report").text
    assert "being called off" not in page
    assert staff.post(f"{made.path}/rest", page=f"{made.path}/report").status_code == 303
    page = staff.get(f"{made.path}/sending").text
    assert "join again" in page
    assert figures(page)["waiting"] == 2
    schedule.run()
    page = staff.get(f"{made.path}/sending").text
    assert "join again" not in page
    assert figures(page)["waiting"] == 4


def test_the_counts_of_a_large_mailing_are_shared_by_those_who_look(staff, made, smtp, count_statements, monkeypatch):
    monkeypatch.setattr(shared, "ALWAYS", 3)
    monkeypatch.setattr(shared, "ROWS_PER_SECOND", 0.4)
    use_sink(smtp)
    number = freeze(made)
    for _ in range(2):
        assert figures(staff.get(f"{made.path}/sending").text)["waiting"] == 4
    force(number, 1, "sent")
    with count_statements() as statements:
        seen = figures(staff.get(f"{made.path}/sending").text)
    assert seen["waiting"] == 4
    assert not [one for one in statements if "GROUP BY" in one and "messages" in one]
    assert queries.progress_of(make.place().id, [number])[number].audience == 0, "nobody sees another workspace's"


def test_watching_asks_the_database_a_bounded_number_of_times(staff, made, smtp, count_statements, monkeypatch):
    monkeypatch.setattr(sending, "MAX_STREAMS", 2)
    use_sink(smtp)
    freeze(made)
    staff.get(f"{made.path}/sending")
    with count_statements() as statements:
        staff.get(f"{made.path}/sending")
    assert len(statements) <= 14, "\n".join(one[:90] for one in statements)
    monkeypatch.setattr(sending, "LONGEST_SECONDS", 0.0)
    with count_statements() as statements:
        staff.get(f"{made.path}/progress")
    assert len(statements) <= 14, "\n".join(one[:90] for one in statements)
