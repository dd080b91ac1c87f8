"""Attack case 49: the picture and the links, with anybody's token, neither create nor alter consent."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.consent.rules import Level
from app.kernel.db import session as current
from app.tracking import tokens
from tests.support import make, reading
from tests.support.reading import visit

TABLES = (
    "permissions", "reach", "consent_events", "consent_personal", "consent_requests", "suppressions", "contacts",
    "addresses",
)  # fmt: skip


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def mara(place):
    return reading.reader(place, Level.INDIVIDUAL)


@pytest.fixture
def jon(place):
    """He was asked and has not answered."""
    who = make.person(place.id)
    make.asked(place, who, tracking=Level.INDIVIDUAL)
    return who


@pytest.fixture
def letter(place, mara, jon):
    return reading.sent(place, [mara, jon])


def everything():
    """All that says what anybody agreed to."""
    current().rollback()
    current().expire_all()
    found = {}
    for table in TABLES:
        rows = current().execute(text(f"SELECT row_to_json(t)::text FROM {table} t")).scalars()
        found[table] = sorted(rows)
    return found


def test_no_hit_changes_what_anybody_agreed_to(client, letter, mara, jon):
    before = everything()
    for method in ("GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE"):
        for who in (mara, jon):
            for path in (letter.pixel(who), letter.link(who), letter.hidden(who)):
                for _ in range(3):
                    visit(client, path, method=method)
        reading.take_in()
        assert everything() == before, method


def test_somebody_elses_token_tells_about_its_owner_only(client, letter, mara, jon):
    """Jon follows the link in a letter that Mara passed on: nothing is known of Jon."""
    visit(client, letter.link(mara), Cookie="visitor=jon", Referer=f"https://x.example/{jon.id}")
    reading.take_in()
    assert len(letter.signals(mara)) == 1
    assert letter.signals(jon) == []


def test_who_has_only_been_asked_is_not_seen(client, letter, jon):
    visit(client, letter.pixel(jon))
    visit(client, letter.link(jon))
    reading.take_in()
    assert reading.count_signals() == 0


def test_a_tracking_token_opens_no_other_door(client, letter, mara):
    before = everything()
    token = tokens.make(letter.no, letter.n(mara))
    for door in ("c", "d", "u", "p", "my", "w"):
        for spelled in (token, token + "0"):
            assert visit(client, f"/{door}/{spelled}").status_code == 404
            posted = client.post(f"/{door}/{spelled}", data={"List-Unsubscribe": "One-Click"})
            assert posted.status_code in {404, 405}
    assert everything() == before


def test_tokens_of_other_doors_are_no_tracking_tokens(client, letter, mara):
    from app.consent import queries as consent
    from app.kernel import tokens as kernel_tokens

    (permission, *_) = consent.list_permissions(letter.where.id, mara.id)
    for purpose in ("unsubscribe", "preferences", "confirm"):
        visit(client, f"/o/{kernel_tokens.sign(purpose, b'p' + permission.id.bytes)}.gif")
        assert (
            visit(client, f"/r/{kernel_tokens.sign(purpose, b'p' + permission.id.bytes)}").status_code == 404
        )
    reading.take_in()
    assert reading.count_signals() == 0


def test_a_flood_with_one_token_confirms_nothing_and_scores_nobody_else(client, letter, mara, jon):
    before = everything()
    for _ in range(60):
        visit(client, letter.link(mara, 1))
    reading.take_in()
    assert everything() == before
    assert letter.signals(jon) == []
