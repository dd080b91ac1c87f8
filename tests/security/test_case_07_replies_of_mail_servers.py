"""Attack case 7: what a foreign mail server answers is text on every page, never HTML, and never a second line."""

from __future__ import annotations

import pytest

from app.delivery import pump, schedule
from tests.campaigns.conftest import draft, launched
from tests.people.conftest import Staff, owner_of
from tests.support import make
from tests.support.outbox import place_with_sender, use_sink

NASTY = (
    "550 5.7.1 <script>alert(1)</script>"
    ' "><img src=x onerror=alert(1)>'
    " {{ config }}</small></td><svg onload=alert(1)>"
)


@pytest.fixture
def where(live):
    return place_with_sender()


def test_a_reply_with_html_in_it_is_shown_as_text(where, live_client, smtp):
    staff = Staff(live_client, owner_of(where))
    who = make.person(where.id, "mara@example.org")
    make.confirmed(where, who)
    smtp.reply_at("RCPT", NASTY)
    use_sink(smtp)
    made = draft(where)
    launched(made)
    schedule.run()
    while pump.run_slice("bulk", deadline_seconds=5):
        pass
    pages = {
        path: staff.get(path).text
        for path in (f"/people/{who.id}", f"{made.path}/people?word=failed", f"{made.path}/report", "/")
    }
    shown = pages[f"/people/{who.id}"]
    assert "550" in shown or "5.7.1" in shown
    for text in ("&lt;script&gt;alert(1)", "&lt;img src=x", "{{ config }}", "&lt;svg onload"):
        assert text in shown, "the whole reply is there, as text"
    for path, page in pages.items():
        for hostile in ("<script>alert", "<img src=x", "<svg onload"):
            assert hostile not in page, path
