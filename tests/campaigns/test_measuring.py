"""How far an audience lets itself be seen, before it is sent."""

from __future__ import annotations

from sqlalchemy import text

from app.campaigns import measuring, queries
from app.consent import queries as consent
from app.consent.rules import Level
from app.kernel.db import session
from tests.campaigns.conftest import draft
from tests.support import make, reading
from tests.support.outbox import place_with_sender


def measured(where, **more):
    session().expire_all()
    return measuring.measure(where.id, [where.interests[0].id], **more)


def test_an_audience_is_told_by_what_each_lets_us_see_as_senders_read_it(where, readers, staff):
    levels = (Level.INDIVIDUAL, Level.AGGREGATE, Level.DATE)
    for who, level in zip(readers, levels, strict=True):
        reading.allow(where, who, level)
    make.confirmed(where, make.person(where.id, "silent@example.org"))
    found = measured(where)
    assert found.counts == dict.fromkeys(Level, 1)
    assert found.total == queries.reckon(where.id, [where.interests[0].id]).reached
    rows = session().execute(text("SELECT id FROM permissions WHERE purpose = 'marketing' AND state = 'yes' AND interest_id = :id"),
                             {"id": where.interests[0].id}).scalars().all()  # fmt: skip
    assert sorted(one.tracking for one in consent.find_grounds(where.id, rows).values()) == sorted(Level)
    session().execute(text("UPDATE permissions SET state = 'no' WHERE purpose = 'tracking' AND contact_id = :id"), {"id": readers[1].id})
    assert measured(where).counts == {Level.INDIVIDUAL: 1, Level.AGGREGATE: 0, Level.DATE: 1, Level.NONE: 2}
    page = staff.get(f"{draft(where).path}/review").text
    assert "1 of 4 let you count their opens and clicks." in page
    assert "What they open and click: 1" in page
    assert "/settings/permission" in page


def test_whoever_left_or_is_of_another_workspace_is_not_among_them(where, readers):
    other = place_with_sender()
    make.confirmed(other, make.person(other.id, "theirs@example.org"), tracking=Level.INDIVIDUAL)
    assert measured(where).total == 3
    session().execute(text("UPDATE reach SET objected_at = now() WHERE contact_id = :id"), {"id": readers[0].id})
    assert measured(where).total == 2
    assert measuring.measure(where.id, []) is None
