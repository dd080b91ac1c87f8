"""The way of a campaign on its pages: from a name to a launch, and what each step refuses."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from app.accounts.models import Workspace
from app.accounts.rules import acts
from app.accounts.rules.roles import Role
from app.campaigns import approval, queries, rehearsal, rehearsing, service, trials
from app.campaigns.rules import State
from app.campaigns.trials import Wanted
from app.content import queries as letters
from app.content import service as content
from app.content.mjml import EMAILS
from app.delivery.models import Mailing, Message
from app.kernel import clock
from app.kernel.db import session, transaction
from tests.campaigns.conftest import draft, launched
from tests.people.conftest import Staff
from tests.support import make
from tests.support.accounts import make_member


def standing(made):
    session().expire_all()
    return queries.get_standing(made.where.id, made.campaign.id)


def send(staff, made, **form):
    form = {"when": "now", "delay": "60", "revision": str(made.revision), **form}
    return staff.post(f"{made.path}/send", page="/settings/you", **form)


def test_an_empty_list_teaches_the_first_step(staff):
    page = staff.get("/campaigns").text
    assert "No letter has gone out yet" in page
    assert "/campaigns/new" in page


def test_a_new_campaign_begins_with_a_design_and_leads_through_the_steps(staff, where, readers):
    offered = re.findall(r'name="design" value="([a-z-]+)"', staff.get("/campaigns/new").text)
    assert offered == [design.name for design in content.designs()]
    known = {path.parent.name for path in EMAILS.glob("newsletters/*/design.json")}
    assert known - set(offered) == {"transactional"}
    assert set(offered) < known
    answer = staff.post("/campaigns/new", page="/campaigns/new", name="Winter roast", design="plain-letter")
    assert answer.status_code == 303
    path = answer.headers["Location"].removesuffix("/write")
    editor = staff.get(f"{path}/write")
    assert (
        f"back={path}/audience".replace("/", "%2F") in editor.headers["Location"]
        or f"back={path}/audience" in editor.headers["Location"]
    )
    assert staff.get(editor.headers["Location"]).status_code == 200
    assert staff.get(f"{path}/audience").status_code == 200
    chosen = str(where.interests[0].id)
    answer = staff.post(f"{path}/audience", name="Winter roast", interests=chosen)
    assert answer.headers["Location"] == f"{path}/review"
    page = staff.get(f"{path}/review").text
    assert "Send to 3 people" in page
    campaign = queries.get_campaign(where.id, UUID(path.rpartition("/")[2]))
    assert campaign.interests == [chosen]
    assert letters.get_letter(where.id, campaign.letter_id).source.startswith("<mjml")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"name": "", "design": "digest"}, "Write a name"),
        ({"name": "Winter"}, "Choose what to begin with"),
    ],
)
def test_a_new_campaign_without_a_name_or_design_says_so(staff, form, message):
    answer = staff.post("/campaigns/new", page="/campaigns/new", **form)
    assert answer.status_code == 422
    assert message in answer.text


def test_the_audience_counts_those_who_said_yes_and_says_why_others_are_left_out(staff, made):
    page = staff.get(f"{made.path}/audience").text
    assert re.search(r"of 4 people who know", page)
    assert "Not answered yet" in page
    none = staff.get(f"{made.path}/audience?interests=").text
    assert "Choose an interest" in none
    assert staff.get(f"{made.path}/count?interests={made.where.interests[1].id}").json == {
        "reached": 3,
        "total": 4,
    }


def test_whoever_chose_two_interests_counts_once(where, readers):
    both = [found.id for found in where.interests]
    assert queries.reckon(where.id, both).reached == 3


def test_an_audience_of_nothing_or_of_strangers_is_refused(staff, made):
    assert "Choose at least one" in staff.post(f"{made.path}/audience", name="Autumn letter").text
    stranger = make.place("Strangers").interests[0].id
    answer = staff.post(f"{made.path}/audience", name="Autumn letter", interests=str(stranger))
    assert answer.status_code == 422
    assert standing(made).interests == (made.where.interests[0].id,)


def test_what_the_review_counts_is_what_is_frozen(made):
    from app.delivery import schedule  # the job that makes audiences

    number = launched(made)
    counted = queries.reckon(made.where.id, standing(made).interests).reached
    schedule.run()
    session().expire_all()
    assert standing(made).audience == counted == 3
    assert queries.progress_of(made.where.id, [number])[number].audience == 3


def test_send_now_waits_for_the_chosen_delay(staff, made):
    answer = send(staff, made, delay="600")
    assert answer.headers["Location"] == f"{made.path}/sending"
    now = standing(made)
    assert now.state is State.SCHEDULED
    assert timedelta(minutes=9) < now.at - clock.now() <= timedelta(minutes=10)
    assert now.delay_seconds == 600
    page = staff.get(f"{made.path}/sending").text
    assert "Leaves in" in page
    assert "Cancel sending" in page


def test_at_a_time_means_the_workspaces_time(staff, made):
    with transaction():
        session().execute(
            update(Workspace).where(Workspace.id == made.where.id).values(time_zone="Asia/Tokyo")
        )
    session().expire_all()
    day = (clock.now() + timedelta(days=3)).date().isoformat()
    assert send(staff, made, when="at", day=day, time="10:00").status_code == 303
    assert standing(made).at.isoformat().startswith(f"{day}T01:00")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"when": "at", "day": "2020-01-01", "time": "10:00"}, "This time is over"),
        ({"when": "at", "day": "soon", "time": "10:00"}, "Choose a day"),
        ({"when": "at", "day": "2027-01-04", "time": "tea"}, "Write a time"),
        ({"when": "later"}, "Choose now or a time"),
        ({"delay": "7"}, "Choose one of the times"),
    ],
)
def test_a_bad_time_is_a_clear_word_and_nothing_is_launched(staff, made, form, message):
    answer = send(staff, made, **form)
    assert answer.status_code == 422
    assert message in answer.text
    assert standing(made).state is State.DRAFT


def test_a_letter_changed_since_the_review_is_not_sent(staff, made):
    old = made.revision
    with transaction():
        content.save_draft(
            made.where.id,
            made.campaign.letter_id,
            "Other",
            "x",
            letters.get_letter(made.where.id, made.campaign.letter_id).source,
        )
    answer = send(staff, made, revision=str(old))
    assert answer.status_code == 409
    assert "changed since you reviewed it" in answer.text
    assert standing(made).state is State.DRAFT


def test_pressing_twice_makes_one_mailing(staff, made):
    assert send(staff, made).status_code == 303
    first = standing(made).mailing_no
    assert send(staff, made).status_code == 303
    assert standing(made).mailing_no == first
    assert session().query(Mailing).filter_by(workspace_id=made.where.id, kind="bulk").count() == 1


def test_what_blocks_is_said_and_disables_the_button(staff, where, readers):
    broken = draft(where, inner="<mj-text>Hello {{ contact.nothing }}</mj-text>")
    page = staff.get(f"{broken.path}/review").text
    assert "1 blocks" in page
    assert re.search(r'type="submit" disabled[^>]*>Send to 3 people', page)
    answer = send(staff, broken)
    assert answer.status_code == 422
    assert standing(broken).state is State.DRAFT


def test_nobody_to_send_to_blocks(staff, where):
    lonely = draft(where)
    assert "Nobody would get it" in staff.get(f"{lonely.path}/review").text
    assert send(staff, lonely).status_code == 422


def test_the_review_shows_subject_and_preview_line_as_a_reader_sees_them(staff, made):
    merged = '{{ contact.first_name|default("there") }}, three new coffees'
    with transaction():
        letter = letters.get_letter(made.where.id, made.campaign.letter_id)
        content.save_draft(made.where.id, letter.id, merged, "For {{ contact.first_name }}", letter.source)
    page = staff.get(f"{made.path}/review").text
    assert "{{" not in page
    name = re.search(r'<dd class="strong">([^,<]+), three new coffees</dd>', page)[1]
    assert f"<dd>For {name}</dd>" in page
    with transaction():
        content.save_draft(made.where.id, letter.id, "{{ contact.nickname }}", "", letter.source)
    assert "{{ contact.nickname }}" in staff.get(f"{made.path}/review").text


def test_a_test_goes_to_whoever_asks_and_counts_nowhere(staff, made):
    from app.campaigns import mails
    from app.delivery.rules import SystemMessage

    assert "Not tested yet" in staff.get(f"{made.path}/review").text
    answer = staff.post(f"{made.path}/test", page=f"{made.path}/review", mark="1")
    assert answer.status_code == 303
    assert "Tested as it is" in staff.get(f"{made.path}/review").text
    row = (
        session()
        .query(Message)
        .join(Mailing, Mailing.no == Message.mailing_no)
        .filter(Mailing.name == "letter-test", Message.workspace_id == made.where.id)
        .one()
    )
    assert row.user_id == made.where.owner_id
    prepared = mails.TEST.prepare(
        SystemMessage(made.where.id, None, row.user_id, row.dedupe_key, row.data, row.created_at)
    )
    assert prepared.to == made.where.owner_email
    assert prepared.content.subject == "[TEST] Three new coffees"
    assert "https://ostkai.example/guji" in prepared.content.html
    assert "/u/test" in prepared.content.html
    assert standing(made).state is State.DRAFT


def test_cancelled_before_it_leaves_it_is_a_draft_again_and_can_be_sent(staff, made):
    send(staff, made)
    answer = staff.post(f"{made.path}/cancel", page=f"{made.path}/sending")
    assert answer.headers["Location"] == f"{made.path}/review"
    assert standing(made).state is State.DRAFT
    assert send(staff, made).status_code == 303
    assert standing(made).state is State.SCHEDULED


def test_send_without_waiting(staff, made):
    send(staff, made, delay="3600")
    assert staff.post(f"{made.path}/hurry", page=f"{made.path}/sending").status_code == 303
    assert standing(made).at <= clock.now()


def test_pause_and_go_on(staff, made):
    launched(made)
    assert staff.post(f"{made.path}/pause", page=f"{made.path}/sending").status_code == 303
    assert standing(made).state is State.PAUSED
    page = staff.get(f"{made.path}/sending").text
    assert "Standing still" in page
    assert staff.post(f"{made.path}/resume", page=f"{made.path}/sending").status_code == 303
    assert standing(made).state is State.SCHEDULED
    again = staff.post(f"{made.path}/resume", page=f"{made.path}/sending")
    assert again.status_code == 409
    assert "Only a mailing that is paused" in again.text


def test_what_limits_it_is_told_while_it_leaves(staff, made):
    from app.delivery import schedule, service

    launched(made)
    schedule.run()
    assert "asked us" not in staff.get(f"{made.path}/sending").text
    with transaction():
        service.set_rate("default", "gmail.com", 90)
    assert "gmail.com: at most 90 a minute, as you have set it." in staff.get(f"{made.path}/sending").text


def test_a_late_start_is_explained_with_a_button(staff, made):
    from app.delivery import service as delivery

    number = launched(made)
    with transaction():
        delivery.pause(made.where.id, number, "Its time was three hours ago.")
    page = staff.get(f"{made.path}/sending").text
    assert "Its time was three hours ago." in page
    assert "Send it now" in page


def test_a_launched_campaign_changes_no_more(staff, made):
    launched(made)
    answer = staff.post(
        f"{made.path}/audience", page="/people", name="Other", interests=str(made.where.interests[1].id)
    )
    assert answer.status_code == 409
    assert standing(made).name == "Autumn letter"


def test_what_is_on_its_way_cannot_be_put_away(staff, made):
    launched(made)
    assert staff.post(f"{made.path}/archive", page="/people").status_code == 409
    other = draft(made.where, "Old")
    assert staff.post(f"{other.path}/archive", page="/people").status_code == 303
    assert "Old" not in staff.get("/campaigns").text


def test_use_again_copies_letter_and_audience(staff, made):
    launched(made)
    answer = staff.post(f"{made.path}/copy", page="/people")
    copy = UUID(answer.headers["Location"].split("/")[2])
    found = queries.get_standing(made.where.id, copy)
    assert found.state is State.DRAFT
    assert found.interests == standing(made).interests
    assert found.letter_id != made.campaign.letter_id
    assert found.subject == "Three new coffees"


def test_a_viewer_reads_and_changes_nothing(app, made):
    viewer = Staff(app.test_client(), make_member(made.where.id, Role.VIEWER, "viewer@ostkai.example"))
    page = viewer.get(f"{made.path}/review").text
    assert "Send to" not in page
    assert viewer.get("/campaigns/new").status_code == 403
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', page)[1]
    for act in (
        "send",
        "test",
        "audience",
        "archive",
        "copy",
        "pause",
        "resume",
        "cancel",
        "hurry",
        "unknown",
        "rest",
    ):
        answer = viewer.client.post(f"{made.path}/{act}", data={"csrf": token})
        assert answer.status_code == 403, act


def test_the_list_filters_by_state_and_shows_figures(staff, made):
    draft(made.where, "Another", interests=0)
    launched(made)
    page = staff.get("/campaigns").text
    assert "Autumn letter" in page
    assert "Another" in page
    assert "Not chosen yet" in page
    only = staff.get("/campaigns?state=draft").text
    assert "Another" in only
    assert "Autumn letter" not in only
    assert "Autumn letter" in staff.get("/campaigns?state=scheduled").text
    assert staff.get("/campaigns?state=nonsense").status_code == 400


def test_the_list_turns_its_pages_without_losing_a_row(staff, where):
    for i in range(queries.PAGE_ROWS + 3):
        with transaction():
            service.create(where.id, f"Number {i:02}", "plain-letter")
    first = staff.get("/campaigns").text
    older = re.search(r'href="([^"]+)" aria-label="Older"', first)[1].replace("&amp;", "&")
    second = staff.get(older).text
    rows = re.findall(r"Number \d\d", re.sub(r"<small>.*?</small>", "", first + second))
    assert sorted(rows) == [f"Number {i:02}" for i in range(queries.PAGE_ROWS + 3)]
    newer = re.search(r'href="([^"]+)" aria-label="Newer"', second)[1].replace("&amp;", "&")
    assert re.findall(r"Number \d\d", staff.get(newer).text) == re.findall(r"Number \d\d", first)


def test_the_calendar_shows_the_month_in_the_workspaces_zone(staff, made):
    at = (clock.now() + timedelta(days=40)).replace(hour=9, minute=0, second=0, microsecond=0)
    launched(made, send_at=at)
    page = staff.get(f"/campaigns/calendar?month={at:%Y-%m}").text
    assert re.search(r'href="/campaigns" aria-current="page"><svg', page), "the menu says where one is"
    assert f"{at:%B %Y}" in page
    assert "Autumn letter" in page
    assert "event-info" in page
    assert "event-info" not in staff.get("/campaigns/calendar?month=2020-02").text
    assert staff.get("/campaigns/calendar?month=nonsense").status_code == 200


@pytest.mark.parametrize(
    "path", ["/campaigns", "/campaigns/calendar", "audience", "review", "sending", "people?word=reached"]
)
def test_pages_ask_the_database_a_bounded_number_of_times(staff, made, count_statements, path):
    for i in range(5):
        launched(draft(made.where, f"More {i}"))
    if path == "sending":
        launched(made)
    url = path if path.startswith("/") else f"{made.path}/{path}"
    staff.get(url)
    with count_statements() as statements:
        assert staff.get(url).status_code == 200
    assert len(statements) <= (18 if path == "review" else 12), "\n".join(x[:90] for x in statements)


def test_a_review_of_variants_in_languages_that_were_tried_asks_for_each_thing_once(staff, made, count_statements):
    with transaction():
        content.add_translation(made.where.id, made.campaign.letter_id, "de")
        approval.set_rule(made.where.id, needs=True, by=acts.COMMAND)
        wanted = [Wanted(), Wanted(subject="Other words"), *(Wanted(has_own_letter=True) for _ in range(3))]
        trials.keep(
            made.where.id, made.campaign.id, sample=100, wait_hours=4, holdout=0, wanted=wanted, by=made.where.owner_id
        )
        rehearsal.ask(made.where.id, made.campaign.id)
    rehearsing.run()
    with count_statements() as statements:
        assert "Tried with 3 people." in staff.get(f"{made.path}/review").text
    assert len(statements) <= 30, "\n".join(x[:90] for x in statements)
