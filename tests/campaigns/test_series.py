"""Series: one issue a date however many make it, what makes it wait, what is skipped, and no entry of a feed twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from app.accounts.models import AuditEntry
from app.accounts.rules import acts
from app.campaigns import approval, deciding, issues, queries, serial, series, service, trials, variants
from app.campaigns.models import CampaignIssue, CampaignSeries
from app.campaigns.rhythm import rhythm_of
from app.campaigns.rules import State
from app.campaigns.trials import Wanted
from app.content import queries as letters
from app.content import service as content
from app.content import syndication
from app.content.blocks import acts as block_acts
from app.content.blocks import entries
from app.content.blocks.writing import Block
from app.content.service import blocks, feeds
from app.delivery import schedule
from app.delivery.models import Mailing, Message
from app.delivery.rules import TOO_LATE
from app.delivery.service import Prepared, Skip
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from tests.campaigns.conftest import Made, draft, launched
from tests.support import make, signup
from tests.support.feeds import numbered
from tests.support.outbox import in_context, place_with_sender

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2027, 1, 4, 9, 30, tzinfo=BERLIN)
WEEKLY = rhythm_of("week", [0, 3], 1, "10:00")
DAILY = rhythm_of("day", [], 1, "10:00")
URL = "https://blog.example/feed.xml"


def at(moment: datetime) -> None:
    """Let every clock say this."""
    clock.set_shift(0)
    clock.set_shift(round((moment - clock.now()).total_seconds()))


@pytest.fixture
def monday(where):
    with transaction():
        session().execute(text("UPDATE workspaces SET time_zone = 'Europe/Berlin' WHERE id = :id"), {"id": where.id})
    session().expire_all()
    at(MONDAY)
    return MONDAY


@pytest.fixture
def blog(monkeypatch):
    """What the feed at URL answers: octets, or why it does not."""
    answers = {URL: numbered(1, 2, 3)}

    def fetch(address: str):
        told = answers[address]
        if isinstance(told, str):
            return feeds.Fetched(None, told)
        return feeds.Fetched(syndication.read(told, address))

    monkeypatch.setattr(content, "fetch_feed", fetch)
    return answers


def begin(made: Made, rhythm=WEEKLY, does="send", *, only_new=False) -> CampaignSeries:
    with transaction():
        return series.make(made.where.id, made.campaign.id, rhythm, does, only_new=only_new, by=made.where.owner_id)


def with_feed(where, count: int = 2) -> Made:
    """A draft whose letter of blocks shows a feed."""
    with transaction():
        campaign = service.create(where.id, "Coffee letter", "announcement", by=where.owner_id)
        service.choose(where.id, campaign.id, "Coffee letter", [where.interests[0].id])
        blocks.edit(where.id, campaign.letter_id, lambda before: block_acts.add(before, "feed"), subject="News", preheader="Beans")
        letter = letters.get_letter(where.id, campaign.letter_id)
        block = next(one for one in blocks.blocks_of(letter) if one.kind == "feed")
        values = {**block.values, "address": URL, "count": count}
        blocks.edit(where.id, letter.id, lambda before: block_acts.change(before, block.id, values, {}))
    return Made(where, campaign)


def found(row: CampaignSeries) -> list[CampaignIssue]:
    session().expire_all()
    return list(reversed(serial.list_issues(row.workspace_id, row.id).rows))


def fresh(row: CampaignSeries) -> CampaignSeries:
    session().expire_all()
    return serial.get_series(row.workspace_id, row.id)


def standing(issue: CampaignIssue):
    return queries.get_standing(issue.workspace_id, issue.campaign_id)


def titles(issue: CampaignIssue) -> list[str]:
    letter = letters.get_letter(issue.workspace_id, standing(issue).letter_id)
    return [row["title"] for wish in entries.wishes(blocks.blocks_of(letter)) for row in wish.rows]


def told() -> list[dict]:
    """What system mails said to who made it."""
    query = select(Message.data).join(Mailing, Mailing.no == Message.mailing_no).where(Mailing.name == "series")
    return list(session().execute(query.order_by(Message.n)).scalars())


def test_at_each_date_an_issue_leaves_by_itself(where, readers, made, monday):
    row, interest = begin(made), where.interests[0].id
    assert row.next_on.isoformat() == "2027-01-04"
    issues.run()
    assert found(row) == []
    at(monday + timedelta(minutes=31))
    issues.run()
    issues.run()
    (one,) = found(row)
    assert (one.due_on.isoformat(), one.state, one.note) == ("2027-01-04", "made", "")
    assert fresh(row).next_on.isoformat() == "2027-01-07"
    issue = standing(one)
    assert issue.name == "Autumn letter, 4 January 2027"
    assert (issue.issue_of, issue.interests) == (row.id, (interest,))
    schedule.run()
    assert standing(one).audience == 3
    assert standing(one).launched_by == where.owner_id
    at(monday + timedelta(days=3, hours=1))
    issues.run()
    assert [one.due_on.isoformat() for one in found(row)] == ["2027-01-04", "2027-01-07"]
    assert told() == []  # what goes as it was wished needs no mail


def test_the_letter_of_a_series_stays_a_draft_that_no_list_shows_and_nobody_sends(made, monday):
    begin(made)
    assert queries.list_campaigns(made.where.id).rows == []
    assert sum(queries.count_by_state(made.where.id).values()) == 0
    with pytest.raises(Conflict, match="letter of a series"):
        launched(made)
    with pytest.raises(Conflict, match="series needs it"), transaction():
        service.archive(made.where.id, made.campaign.id)
    with pytest.raises(Conflict), transaction():
        series.make(made.where.id, made.campaign.id, DAILY, "draft", only_new=False, by=made.where.owner_id)


def test_of_a_campaign_that_was_sent_a_copy_comes_again(made, monday):
    launched(made)
    row = begin(made)
    assert row.campaign_id != made.campaign.id
    assert queries.get_standing(made.where.id, made.campaign.id).mailing_no is not None
    at(monday + timedelta(hours=1))
    issues.run()
    assert standing(found(row)[0]).mailing_no is not None


@pytest.fixture
def halves(monkeypatch):
    """However few readers there are, and wherever chance puts them, each variant has one."""
    monkeypatch.setattr(variants, "count_people", lambda *_given: {"A": 1, "B": 1})


def test_issues_go_out_as_one_whatever_variants_the_campaign_was_sent_in(where, readers, made, monday, halves):
    with transaction():
        trials.keep(where.id, made.campaign.id, sample=100, wait_hours=1, holdout=0, wanted=[Wanted(), Wanted(subject="Other")])
    with pytest.raises(Conflict, match="variants"):
        begin(made)
    in_variants(made)
    row = begin(made)
    assert variants.find_trial(where.id, row.campaign_id) is None
    with pytest.raises(Conflict, match="series"), transaction():
        trials.keep(where.id, row.campaign_id, sample=100, wait_hours=1, holdout=0, wanted=[Wanted(), Wanted(subject="Other")])
    at(monday + timedelta(hours=1))
    issues.run()
    assert [(one.state, one.note) for one in found(row)] == [("made", "")]
    assert standing(found(row)[0]).mailing_no is not None


def in_variants(made: Made) -> None:
    """Launch a draft in the variants that it has."""
    with transaction():
        service.launch(
            made.where.id, made.campaign.id, revision=made.revision, send_at=None, delay_seconds=600, by=made.where.owner_id,
            variants=variants.signature(variants.find_trial(made.where.id, made.campaign.id)),
        )  # fmt: skip


def test_a_draft_is_made_and_whoever_made_the_series_is_told_once(where, made, monday):
    row = begin(made, does="draft")
    at(monday + timedelta(hours=1))
    issues.run()
    (one,) = found(row)
    assert standing(one).state is State.DRAFT
    (mail,) = told()
    assert mail["news"] == "The issue of 4 January waits for you"
    (message,) = signup.messages("series")
    written = signup.prepared(message, "series")
    assert isinstance(written, Prepared)
    assert written.to == where.owner_email
    assert written.values["links"]["series"].endswith(f"/campaigns/{one.campaign_id}")
    assert mail["campaign"] == str(one.campaign_id)
    with transaction():
        session().execute(text("UPDATE users SET disabled_at = now() WHERE id = :id"), {"id": where.owner_id})
    session().expire_all()
    assert signup.prepared(message, "series") == Skip("The account is disabled.")


def test_what_is_late_asks_before_it_leaves(where, readers, made, monday):
    row = begin(made)
    at(monday + timedelta(hours=2, minutes=29))
    other = begin(draft(where, "In time"), rhythm_of("day", [], 1, "12:00"))
    at(monday + timedelta(hours=2, minutes=31))  # 12:01: one is two hours and a minute late, one a minute
    issues.run()
    schedule.run()
    (late,), (in_time,) = found(row), found(other)
    assert late.note == TOO_LATE
    assert (standing(late).state, standing(late).pause_reason) == (State.PAUSED, TOO_LATE)
    assert standing(late).frozen_at is None
    assert standing(in_time).frozen_at is not None
    assert [mail["news"] for mail in told()] == ["The issue of 4 January is late and waits for you"]
    with transaction():
        service.resume(where.id, late.campaign_id)
    schedule.run()
    assert standing(late).audience == 3


def test_of_many_dates_that_passed_only_the_last_gets_an_issue(made, monday):
    row = begin(made, DAILY, "draft")
    at(monday + timedelta(days=4, hours=1))
    issues.run()
    assert [(one.due_on.day, one.state) for one in found(row)] == [
        (4, "skipped"), (5, "skipped"), (6, "skipped"), (7, "skipped"), (8, "made"),
    ]  # fmt: skip
    assert found(row)[0].note == issues.MISSED
    assert fresh(row).next_on.isoformat() == "2027-01-09"


def test_an_issue_waits_for_a_second_persons_yes(where, readers, made, monday):
    row = begin(made)
    with transaction():
        approval.set_rule(where.id, needs=True, by=acts.user(where.owner_id))
    at(monday + timedelta(hours=1))
    issues.run()
    (one,) = found(row)
    assert standing(one).state is State.DRAFT
    assert "second person" in one.note
    assert "second person" in told()[0]["news"]
    with pytest.raises(BadInput, match="second person"):
        launched(Made(where, queries.get_campaign(where.id, one.campaign_id)))


def test_a_letter_with_errors_pauses_the_series_with_the_reason(where, readers, made, monday):
    row = begin(made)
    with transaction():
        content.save_draft(where.id, made.campaign.letter_id, "", "", "<mjml><mj-body><mj-nothing/></mj-body></mjml>")
    at(monday + timedelta(hours=1))
    issues.run()
    (one,) = found(row)
    row = fresh(row)
    assert (one.state, one.campaign_id, row.state, row.next_on) == ("failed", None, "paused", None)
    assert one.note == row.reason != ""
    assert queries.list_campaigns(where.id).rows == []  # no half-made issue is left
    assert told()[0]["news"] == "The series is paused"
    assert row.reason in told()[0]["says"]
    entry = session().execute(select(AuditEntry).where(AuditEntry.act == "series.paused")).scalar_one()
    assert (entry.actor_kind, entry.detail) == ("system", {"reason": row.reason})
    with transaction():
        content.save_draft(where.id, made.campaign.letter_id, "Hello", "Beans", made_source())
        series.resume(where.id, row.id, by=where.owner_id)
    assert fresh(row).next_on.isoformat() == "2027-01-07"


def made_source() -> str:
    from tests.support.letters import source

    return source()


def test_nobody_to_send_to_is_a_skipped_date(made, monday):
    with transaction():
        session().execute(text("UPDATE permissions SET state = 'no' WHERE workspace_id = :id"), {"id": made.where.id})
    row = begin(made)
    at(monday + timedelta(hours=1))
    issues.run()
    assert [(one.state, one.note) for one in found(row)] == [("skipped", issues.NOBODY)]
    assert fresh(row).state == "active"


def test_pause_go_on_and_end(where, made, monday):
    row = begin(made)
    with transaction():
        series.pause(where.id, row.id, by=where.owner_id)
    at(monday + timedelta(hours=1))
    issues.run()
    assert found(row) == []
    with pytest.raises(Conflict), transaction():
        series.pause(where.id, row.id, by=where.owner_id)
    with transaction():
        series.resume(where.id, row.id, by=where.owner_id)
    assert fresh(row).next_on.isoformat() == "2027-01-07"  # what passed meanwhile stays without an issue
    with transaction():
        series.end(where.id, row.id, by=where.owner_id)
    for verb in (series.pause, series.resume, series.end):
        with pytest.raises(Conflict), transaction():
            verb(where.id, row.id, by=where.owner_id)
    at(monday + timedelta(days=9))
    issues.run()
    assert found(row) == []
    acted = session().execute(select(AuditEntry.act).where(AuditEntry.object == f"series:{row.id}").order_by(AuditEntry.id))
    assert list(acted.scalars()) == ["series.made", "series.paused", "series.resumed", "series.ended"]


def test_a_date_that_was_noted_before_a_pause_is_skipped(where, made, monday):
    row = begin(made)
    at(monday + timedelta(hours=1))
    with transaction():
        issues.note_due(where.id, row.id)
        series.pause(where.id, row.id, by=where.owner_id)
    issues.run()
    assert [(one.state, one.note) for one in found(row)] == [("skipped", issues.PAUSED)]


def test_another_hour_on_the_same_day_makes_no_second_issue(where, made, monday):
    row = begin(made, DAILY, "draft")
    at(monday + timedelta(hours=1))
    issues.run()
    with transaction():
        series.change(where.id, row.id, rhythm_of("day", [], 1, "12:00"), "draft", only_new=False, by=where.owner_id)
    assert fresh(row).next_on.isoformat() == "2027-01-05"
    at(monday + timedelta(hours=3))
    issues.run()
    assert len(found(row)) == 1


def test_the_hour_is_that_of_the_clocks_on_the_day(made, monday):
    at(datetime(2027, 3, 27, 12, tzinfo=BERLIN))
    row = begin(made, rhythm_of("day", [], 1, "02:30"), "draft")
    at(datetime(2027, 3, 28, 3, 29, tzinfo=BERLIN))  # 02:30 is left out, 03:30 has not come
    issues.run()
    assert found(row) == []
    at(datetime(2027, 3, 28, 3, 30, tzinfo=BERLIN) + timedelta(seconds=2))
    issues.run()
    assert [(one.due_on.isoformat(), one.state) for one in found(row)] == [("2027-03-28", "made")]


def test_a_worker_killed_between_making_and_launching_leaves_nothing_half(where, readers, made, monday, monkeypatch):
    row = begin(made)
    at(monday + timedelta(hours=1))
    launch = service.launch

    def killed(*given, **more):
        launch(*given, **more)
        raise SystemExit

    monkeypatch.setattr(service, "launch", killed)
    with pytest.raises(SystemExit):
        issues.run()
    assert [one.state for one in found(row)] == ["due"]
    assert queries.list_campaigns(where.id).rows == []
    monkeypatch.setattr(service, "launch", launch)
    issues.run()
    issues.run()
    (one,) = found(row)
    assert standing(one).mailing_no is not None
    assert session().execute(text("SELECT count(*) FROM mailings WHERE kind = 'bulk'")).scalar_one() == 1


# --- Feeds ------------------------------------------------------------------------------------------------------


def test_issues_hold_what_is_new_and_dates_without_news_are_skipped(where, readers, monday, blog):
    row = begin(with_feed(where), DAILY, only_new=True)
    for day, answer in enumerate((numbered(1, 2, 3), numbered(1, 2, 3), numbered(1, 2, 3, 4), "Its server is away.", numbered(5, 4))):
        blog[URL] = answer
        at(monday + timedelta(days=day, hours=1))
        issues.run()
    made = found(row)
    assert [one.state for one in made] == ["made", "skipped", "made", "skipped", "made"]
    assert [titles(one) for one in made if one.campaign_id] == [["Entry 3", "Entry 2"], ["Entry 4"], ["Entry 5"]]
    assert [one.note for one in made if one.state == "skipped"] == [
        issues.NOTHING_NEW, f"{issues.NOTHING_NEW} Its server is away.",
    ]  # fmt: skip
    assert told() == []
    version = letters.get_version(where.id, standing(made[0]).version_id)
    assert "Entry 3" in version.html
    assert "Entry 4" not in version.html


def test_an_issue_leaves_in_all_its_languages_and_an_entry_is_new_in_each(where, readers, monday, blog):
    made = with_feed(where)
    with transaction():
        german = content.add_translation(where.id, made.campaign.letter_id, "de")
        blocks.edit(where.id, german.id, lambda before: before, subject="Neues", preheader="Bohnen")
    row = begin(made, DAILY, only_new=True)
    shown = []
    for day, answer in enumerate((numbered(1, 2, 3), numbered(1, 2, 3, 4))):
        blog[URL] = answer
        at(monday + timedelta(days=day, hours=1))
        issues.run()
        version = letters.get_version(where.id, standing(found(row)[day]).version_id)
        shown.append([version.html, letters.list_translated(version)["de"].html])
    assert fresh(row).reason in {"", None}
    assert all("Entry 3" in html and "Entry 4" not in html for html in shown[0])
    assert all("Entry 4" in html and "Entry 3" not in html for html in shown[1])


def test_a_feed_that_never_answered_pauses_the_series(where, readers, monday, blog):
    blog[URL] = "There is nothing at this address (404)."
    row = begin(with_feed(where), DAILY, only_new=True)
    at(monday + timedelta(hours=1))
    issues.run()
    assert found(row)[0].state == "failed"
    assert "nothing at this address" in fresh(row).reason


def test_of_two_drafts_with_the_same_entries_one_is_launched_and_a_cancelled_one_gives_them_back(where, readers, monday, blog):
    row = begin(with_feed(where), DAILY, "draft", only_new=True)
    for day in range(2):
        at(monday + timedelta(days=day, hours=1))
        issues.run()
    first, second = (Made(where, queries.get_campaign(where.id, one.campaign_id)) for one in found(row))
    assert titles(found(row)[0]) == titles(found(row)[1]) == ["Entry 3", "Entry 2"]
    launched(first, delay=600)
    with pytest.raises(BadInput, match="earlier issue"):
        launched(second)
    with transaction():
        assert service.cancel(where.id, first.campaign.id)
    launched(second)
    with pytest.raises(BadInput, match="earlier issue"):
        launched(first)


def test_what_a_variants_own_letter_shows_is_looked_at_and_is_new_no_longer(where, readers, monday, blog, halves):
    row = begin(with_feed(where), DAILY, "draft")
    at(monday + timedelta(hours=1))
    issues.run()
    first = Made(where, queries.get_campaign(where.id, found(row)[0].campaign_id))
    with transaction():
        trials.keep(
            where.id, first.campaign.id, sample=100, wait_hours=1, holdout=0, wanted=[Wanted(), Wanted(has_own_letter=True)]
        )
        own = variants.find_trial(where.id, first.campaign.id).variants[1].letter_id
        blocks.edit(where.id, own, lambda before: [swapped(one) for one in before])
    with pytest.raises(BadInput, match="B: its feed"):
        in_variants(first)
    blog[URL] = numbered(1, 2, 3, 4)
    with transaction():
        content.keep_feed(where.id, URL, content.fetch_feed(URL))
        blocks.edit(where.id, own, lambda before: [swapped(one, URL) for one in before])
    in_variants(first)  # A shows the third and second entry, B the fourth and third
    at(monday + timedelta(days=1, hours=1))
    issues.run()
    assert titles(found(row)[1]) == []
    with transaction():
        assert deciding.stop(where.id, first.campaign.id, by=where.owner_id)
    in_variants(first)


def test_the_review_tells_of_feeds(where, readers, blog):
    made = with_feed(where)

    def checks() -> list[tuple[str, str]]:
        with transaction():
            found = service.look(where.id, queries.get_campaign(where.id, made.campaign.id)).checks
        return [(one.severity, one.says) for one in found if "feed" in one.title.lower()]

    assert checks() == [("stop", entries.NOT_LOOKED_AT)]
    with transaction():
        content.keep_feed(where.id, URL, content.fetch_feed(URL))
        content.refill_feeds(where.id, made.campaign.letter_id)
    assert checks() == [("pass", "")]
    clock.set_shift(25 * 3600)
    assert [severity for severity, _ in checks()] == ["warn"]
    with pytest.raises(BadInput, match="not looked at"), transaction():
        blank = with_feed(where)
        blocks.edit(where.id, blank.campaign.letter_id, lambda before: [swapped(one) for one in before])
        launched(blank)


def swapped(block: Block, address: str = "https://other.example/") -> Block:
    """The block with another feed; without a word of which, one of which nothing is known."""
    return replace(block, values={**block.values, "address": address}) if block.kind == "feed" else block


def test_one_issue_that_cannot_be_made_keeps_no_other_up(where, readers, monday, blog, monkeypatch):
    other, row = begin(with_feed(where), DAILY), begin(draft(where, "Another"), rhythm_of("day", [], 1, "10:05"))
    monkeypatch.setattr(content, "keep_feed", lambda *_given: (_ for _ in ()).throw(BadInput("Too many feeds.")))
    copy = service.copy

    def broken(workspace_id, campaign_id, **more):
        if campaign_id == row.campaign_id:
            raise RuntimeError
        return copy(workspace_id, campaign_id, **more)

    monkeypatch.setattr(service, "copy", broken)
    at(monday + timedelta(hours=1))
    issues.run()
    assert [one.state for one in found(row)] == ["due"]
    assert [(one.state, one.note) for one in found(other)] == [("failed", fresh(other).reason)]
    assert "Too many feeds" in fresh(other).reason


def test_a_feed_that_breaks_the_reader_keeps_no_other_series_up(where, readers, monday, blog, monkeypatch):
    row, other = begin(with_feed(where), DAILY), with_feed(where)
    with transaction():
        blocks.edit(where.id, other.campaign.letter_id, lambda before: [swapped(one) for one in before])
    broken, fetch = begin(other, DAILY), content.fetch_feed
    monkeypatch.setattr(content, "fetch_feed", lambda address: fetch(address) if address == URL else 1 / 0)
    at(monday + timedelta(hours=1))
    issues.run()
    assert [one.state for one in found(row)] == ["made"]
    assert [one.state for one in found(broken)] == ["failed"]
    assert issues.UNREAD in fresh(broken).reason


def test_only_what_has_a_feed_can_wait_for_news(where, readers, made, monday, blog):
    with pytest.raises(BadInput) as told:
        begin(made, only_new=True)
    assert list(told.value.fields) == ["only_new"]
    shown = with_feed(where)
    row = begin(shown, DAILY, only_new=True)
    with transaction():
        blocks.edit(where.id, shown.campaign.letter_id, lambda before: [one for one in before if one.kind != "feed"])
    at(monday + timedelta(hours=1))
    issues.run()
    assert [(one.state, one.note) for one in found(row)] == [("failed", issues.NO_FEED)]
    assert fresh(row).state == "paused"


def test_series_that_have_ended_take_no_place(where, made, monday, monkeypatch):
    monkeypatch.setattr(serial, "MOST_SERIES", 1)
    row, another = begin(made), draft(where, "Another")
    with pytest.raises(BadInput, match="End one first"):
        begin(another)
    with transaction():
        series.end(where.id, row.id, by=where.owner_id)
    assert begin(another).state == "active"


# --- Others -----------------------------------------------------------------------------------------------------


def test_another_workspace_sees_none_of_it(where, made, monday):
    row, other = begin(made), make.place("Other roasters")
    assert serial.list_series(other.id) == []
    assert serial.list_issues(other.id, row.id).rows == []
    for verb in (series.pause, series.resume, series.end):
        with pytest.raises(NotFound), transaction():
            verb(other.id, row.id, by=other.owner_id)
    with pytest.raises(NotFound), transaction():
        series.make(other.id, made.campaign.id, DAILY, "draft", only_new=False, by=other.owner_id)


def test_two_workers_at_one_date_make_one_issue(live):
    where = place_with_sender()
    make.confirmed(where, make.person(where.id))
    made = draft(where)
    row = begin(made, DAILY)
    at(datetime.combine(fresh(row).next_on, WEEKLY.at, UTC) + timedelta(minutes=5))
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        issues.run()

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(in_context, live, work) for _ in range(4)]:
            one.result()
    issues.run()
    made_of_it = [one for one in found(row) if one.state == "made"]
    assert len(made_of_it) == 1
    assert session().execute(text("SELECT count(*) FROM mailings WHERE kind = 'bulk'")).scalar_one() == 1
    assert session().execute(text("SELECT count(*) FROM campaigns")).scalar_one() == 2


def test_of_two_launches_of_the_same_entries_at_once_one_is_launched(live, blog, monkeypatch):
    where = place_with_sender()
    make.confirmed(where, make.person(where.id))
    made = with_feed(where)
    blog["https://second.example/"] = numbered(7, 8)
    with transaction():
        blocks.edit(where.id, made.campaign.letter_id, lambda before: [*before, second_feed(before)])
    row = begin(made, DAILY, "draft")
    for _ in range(2):
        at(datetime.combine(fresh(row).next_on, WEEKLY.at, UTC) + timedelta(minutes=5))
        issues.run()
    first, second = (Made(where, queries.get_campaign(where.id, one.campaign_id)) for one in found(row))
    assert titles(found(row)[0]) == ["Entry 3", "Entry 2", "Entry 8", "Entry 7"]
    with transaction():  # one marks the first feed first, the other the second
        blocks.edit(where.id, second.campaign.letter_id, lambda before: before[::-1])
    looked, crossed, entries_of, mark = threading.Barrier(2), threading.Barrier(2), content.mark_entries, feeds._mark

    def both(*given) -> None:
        looked.wait(30)  # neither knows of the other
        entries_of(*given)

    def marked(*given) -> None:
        mark(*given)
        with suppress(threading.BrokenBarrierError):
            crossed.wait(0.3)  # each has marked one feed, unless the other waits for its turn

    monkeypatch.setattr(content, "mark_entries", both)
    monkeypatch.setattr(feeds, "_mark", marked)
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(in_context, live, launched, one) for one in (first, second)]
    faults = [fault for one in asked if (fault := one.exception())]
    assert [(type(fault), "earlier issue" in fault.detail) for fault in faults] == [(Conflict, True)]
    assert session().execute(text("SELECT count(*) FROM mailings WHERE kind = 'bulk'")).scalar_one() == 1
    assert session().execute(text("SELECT count(*), count(DISTINCT letter_id) FROM feed_marks WHERE is_shown")).one() == (4, 1)


def second_feed(before: list[Block]) -> Block:
    """Another block with a feed, like the one that there is."""
    block = swapped(next(one for one in before if one.kind == "feed"), "https://second.example/")
    return replace(block, id=block_acts.next_id(before))
