"""Pure decisions of preferences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.consent.history import HistoryEntry
from app.consent.rules import Kind, State
from app.preferences.pages.shown import verb
from app.preferences.rules import Change, change_of, is_mailed

START = datetime(2026, 11, 22, 9, tzinfo=UTC)


def mailed(*hours: float) -> list[bool]:
    asked = [START + timedelta(hours=hour) for hour in hours]
    return [is_mailed(asked, index) for index in range(len(asked))]


def test_one_mail_in_a_day_and_three_in_a_month():
    assert mailed(0, 1, 23.9, 24, 48, 72, 24 * 29, 24 * 30 + 1) == [
        True, False, False, True, True, False, False, True,
    ]  # fmt: skip


@given(st.lists(st.floats(0, 24 * 89), min_size=1, max_size=60))
def test_no_order_of_questions_breaks_the_limits(hours):
    asked = [START + timedelta(hours=hour) for hour in sorted(hours)]
    sent = [moment for index, moment in enumerate(asked) if is_mailed(asked, index)]
    assert sent[0] == asked[0]
    for index, moment in enumerate(sent):
        assert all(moment - earlier >= timedelta(hours=24) for earlier in sent[:index])
        assert sum(moment - earlier < timedelta(days=30) for earlier in sent[:index]) < 3


A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)


def test_saving_asks_for_new_ticks_and_ends_removed_ones():
    now = {A: State.YES, B: State.ASKED}
    assert change_of(now, (A, B, C), {B, C}) == Change((C,), (A,))
    assert change_of(now, (A, B, C), {A, B}) == Change((), ())


def test_what_the_page_does_not_offer_is_not_touched():
    assert change_of({A: State.YES}, (B,), {C}) == Change((), ())


@pytest.mark.parametrize("kind", list(Kind))
def test_whatever_happened_has_a_word_on_a_readers_page(app, kind):
    entry = HistoryEntry(
        UUID(int=1), datetime(2026, 11, 25, tzinfo=UTC), kind, None, (), "system", "web", {}, {}
    )
    with app.test_request_context():
        assert verb(entry)
