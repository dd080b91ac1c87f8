"""Leaving, taking it back, choosing, and asking why."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from app.consent import queries as consent
from app.delivery.rules import Prepared, Skip
from app.kernel import clock
from app.kernel.db import session
from app.preferences import links
from tests.support import make, signup
from tests.support.signup import messages, path_of, prepared

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def permission(place, mara):
    """Mara's permission about new coffees."""
    return next(
        found
        for found in consent.list_permissions(place.id, mara.id)
        if found.interest_id == place.interests[0].id
    )


@pytest.fixture
def leave(permission):
    return "/u/" + links.unsubscribe(links.Kind.PERMISSION, permission.id)


@pytest.fixture
def reach(place, mara):
    return consent.find_reach(place.id, mara.id)


@pytest.fixture
def ask(reach):
    return "/p/" + links.preferences(reach.id)


def action(page: str, ending: str) -> str:
    return next(found for found in re.findall(r'action="([^"]+)"', page) if found.endswith(ending))


def test_the_page_masks_the_address_and_has_one_main_button(client, leave):
    page = client.get(leave).text
    assert "m•••@ex….org" in page
    assert "mara" not in page
    assert "New coffees" in page


def test_one_press_ends_one_topic(client, place, mara, leave):
    answer = client.post(leave)
    assert answer.status_code == 200
    assert "No more “New coffees”" in answer.text
    assert make.standing(place, mara) == {"New coffees": "no", "Brewing letters": "yes"}
    assert "Brewing letters" in answer.text


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_mail_programs_one_click_works_without_cookie_or_redirect(app, place, mara, leave, kind):
    for agent in ("", "Googlebot/2.1", "java", "Mozilla/5.0"):
        make.confirmed(place, mara)
        assert make.standing(place, mara)["New coffees"] == "yes"
        answer = app.test_client(use_cookies=False).post(
            leave, data=ONE_CLICK, content_type=kind, headers={"User-Agent": agent}
        )
        assert answer.status_code == 200, agent
        assert not answer.headers.getlist("Set-Cookie"), agent
        assert make.standing(place, mara)["New coffees"] == "no", agent
    assert not messages("left-notice")


def test_one_click_works_a_year_later(client, place, mara, leave):
    clock.set_shift(400 * 86400)
    assert client.post(leave, data=ONE_CLICK).status_code == 200
    assert make.standing(place, mara)["New coffees"] == "no"


def test_leaving_twice_is_the_same_page_and_no_second_event(client, leave):
    client.post(leave)
    before = signup.everything()
    assert client.post(leave).status_code == 200
    assert client.post(leave, data=ONE_CLICK).status_code == 200
    assert signup.everything() == before


def test_undo_on_the_page_brings_back_what_was_left(client, place, mara, leave):
    page = client.post(leave).text
    answer = client.post(action(page, "/undo"))
    assert answer.status_code == 200
    assert make.standing(place, mara) == {"New coffees": "yes", "Brewing letters": "yes"}


def test_undo_works_for_an_hour(client, place, mara, leave):
    undo = action(client.post(leave).text, "/undo")
    clock.set_shift(3700)
    assert client.post(undo).status_code == 404
    assert make.standing(place, mara)["New coffees"] == "no"


def test_the_notice_of_leaving_goes_out_once_with_a_way_back(client, place, mara, leave):
    client.post(leave)
    (notice,) = messages("left-notice")
    made = prepared(notice, "left-notice")
    assert isinstance(made, Prepared)
    back = path_of(made.values["links"]["undo"])
    clock.set_shift(86400)
    assert client.get(back).status_code == 200
    assert make.standing(place, mara)["New coffees"] == "no"
    client.post(back)
    assert make.standing(place, mara)["New coffees"] == "yes"
    assert isinstance(prepared(notice, "left-notice"), Skip)
    client.post(leave)
    assert len(messages("left-notice")) == 1


def test_stopping_everything_ends_all_and_can_be_undone(client, place, mara, leave, reach):
    page = client.post(leave + "/all").text
    assert "Everything is stopped" in page
    assert set(make.standing(place, mara).values()) == {"no"}
    session().refresh(reach)
    assert reach.objected_at is not None
    client.post(action(page, "/undo"))
    session().refresh(reach)
    assert reach.objected_at is None
    assert set(make.standing(place, mara).values()) == {"yes"}


def test_the_request_page_shows_nothing_and_mails_a_private_link(client, ask):
    page = client.get(ask).text
    assert "mara" not in page
    assert "New coffees" not in page
    assert client.post(ask + "/send").status_code == 200
    made = prepared(messages("preferences-link")[0], "preferences-link")
    assert made.to == "mara@example.org"
    own = client.get(path_of(made.values["links"]["preferences_private"]))
    assert "mara@example.org" in own.text


def test_private_links_are_mailed_three_times_a_day_at_most(client, ask):
    answers = {client.post(ask + "/send").text for _ in range(5)}
    assert len(answers) == 1
    assert len(messages("preferences-link")) == 3


def test_one_can_stop_without_a_private_link(client, place, mara, ask):
    assert "Everything is stopped" in client.post(ask + "/stop").text
    assert set(make.standing(place, mara).values()) == {"no"}


def test_the_private_page_shows_what_is_in_force_and_the_history(client, private):
    page = client.get(private).text
    assert page.count('name="topic"') == 3
    assert len(re.findall(r'name="topic" value="[^"]+"[^>]* checked', page)) == 2
    assert "Said yes" in page
    assert "Asked" in page


def choices(place, **more) -> dict:
    ids = [str(found.id) for found in place.interests]
    return {"topic": ids, "tracking": "none", "first_name": "Mara", "language": "en", **more}


def test_saving_a_no_counts_at_once(client, place, mara, private):
    answer = client.post(private, data=choices(place, topic=[str(place.interests[1].id)]))
    assert answer.status_code == 303
    assert make.standing(place, mara) == {"New coffees": "no", "Brewing letters": "yes"}


def test_a_new_tick_is_asked_back_by_one_mail(client, place, mara, private):
    client.post(private, data=choices(place, topic=[]))
    client.post(private, data=choices(place, topic=[str(place.interests[0].id)]))
    assert make.standing(place, mara)["New coffees"] == "asked"
    made = prepared(messages("confirm")[-1], "confirm")
    assert made.template == "confirm"
    assert "Form-Sub" in dict(made.extra_headers)
    client.post(path_of(made.values["links"]["confirm"]))
    assert make.standing(place, mara)["New coffees"] == "yes"


def test_the_words_of_a_new_tick_are_stored_as_shown(client, place, private):
    client.post(private, data=choices(place, topic=[]))
    page = client.get(private).text
    client.post(private, data=choices(place, topic=[str(place.interests[0].id)]))
    stored = session().execute(text("SELECT body FROM consent_texts WHERE kind = 'consent'")).scalars().all()
    assert any("topics ticked here" in body and body in page for body in stored)


def test_tracking_is_chosen_alone(client, place, mara, private):
    client.post(private, data=choices(place, tracking="individual"))
    assert consent.choices(place.id, mara.id).tracking.value == "individual"
    client.post(private, data=choices(place, tracking="none"))
    session().expire_all()
    assert consent.choices(place.id, mara.id).tracking.value == "none"


def test_name_and_language_are_changed(client, place, mara, private):
    client.post(private, data=choices(place, first_name="Maria", language="de"))
    session().refresh(mara)
    assert (mara.first_name, mara.language) == ("Maria", "de")
    assert '<html lang="de"' in client.get(private).text


def test_a_faulty_save_changes_nothing(client, place, private):
    before = signup.everything()
    for wrong in (
        {"role": "owner"}, {"tracking": "all"}, {"language": "xx"}, {"first_name": "a\nb"}, {"topic": ["x"]},
    ):  # fmt: skip
        assert client.post(private, data=choices(place, **wrong)).status_code == 422, wrong
    assert signup.everything() == before


def test_after_an_hour_the_private_page_offers_a_fresh_mail(client, place, private):
    clock.set_shift(3700)
    for answer in (
        client.get(private),
        client.post(private, data=choices(place)),
        client.post(private + "/stop"),
    ):
        assert answer.status_code == 410
        assert "mara" not in answer.text
    client.post(action(client.get(private).text, "/send"))
    assert len(messages("preferences-link")) == 1


def test_why_names_the_events_and_the_words(client, permission):
    page = client.get("/w/" + links.why(permission.id)).text
    assert "m•••@ex….org" in page
    assert "Said yes" in page
    assert "ostkai.example" in page
    assert "Yes, Ostkai may email me." in page


def test_why_says_when_nothing_goes_out_any_more(client, leave, permission):
    client.post(leave)
    page = client.get("/w/" + links.why(permission.id)).text
    assert "gets no more mail from us" in page
    assert "<button" not in page


def test_links_outlive_the_person(client, place, mara, leave, ask):
    from app.contacts import service as contacts
    from app.kernel.db import transaction
    from app.kernel.module import installed

    with transaction():
        parts = [part for module in installed() for part in module.personal_data]
        for part in sorted(parts, key=lambda part: part.name == "contacts"):
            part.erase(place.id, mara.id)
    assert contacts is not None
    assert client.get(leave).status_code == 200
    assert client.post(leave, data=ONE_CLICK).status_code == 200
    assert client.post(ask + "/send").status_code == 200
    assert isinstance(prepared(messages("preferences-link")[-1], "preferences-link"), Skip)
