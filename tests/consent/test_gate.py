"""The gate in SQL and as a pure rule say the same of every standing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.consent import queries
from app.consent.rules import Digest, Standing, State, may_write, word_for
from tests.support.properties import examples

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
moments = st.none() | st.sampled_from(
    [NOW - timedelta(days=1), NOW, NOW + timedelta(microseconds=1), NOW + timedelta(days=1)]
)
standings = st.builds(
    Standing,
    state=st.sampled_from(State),
    valid_until=moments,
    paused_until=moments,
    suppressed_at=moments,
    objected_at=moments,
    erased_at=moments,
    all_paused_until=moments,
    digest=st.none() | st.sampled_from(Digest),
)
ROWS = (
    "FROM (SELECT CAST(:state AS text) AS state, CAST(:valid_until AS timestamptz) AS valid_until, "
    "CAST(:paused_until AS timestamptz) AS paused_until) AS p, "
    "(SELECT CAST(:suppressed_at AS timestamptz) AS suppressed_at, CAST(:objected_at AS timestamptz) AS objected_at, "
    "CAST(:erased_at AS timestamptz) AS erased_at, CAST(:all_paused_until AS timestamptz) AS paused_until, "
    "CAST(:digest AS text) AS digest) AS r"
)


def values(standing):
    names = ("valid_until", "paused_until", "suppressed_at", "objected_at", "erased_at", "all_paused_until", "digest")
    return {"state": standing.state.value, "now": NOW, **{name: getattr(standing, name) for name in names}}


@settings(max_examples=examples(80), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(standing=standings)
def test_sql_and_rule_agree(session, standing):
    gate = session.execute(text(f"SELECT {queries.gate_sql()} {ROWS}"), values(standing)).scalar_one()
    digest = f"SELECT {queries.gate_sql(as_digest=True)} {ROWS}"
    assert session.execute(text(digest), values(standing)).scalar_one() is may_write(standing, NOW, as_digest=True)
    word = session.execute(text(f"SELECT {queries.word_sql()} {ROWS}"), values(standing)).scalar_one()
    assert gate is may_write(standing, NOW)
    assert word == word_for(standing, NOW).value


@pytest.mark.parametrize("veto", ["suppressed_at", "objected_at", "erased_at"])
def test_one_veto_is_enough(veto):
    assert may_write(Standing(State.YES), NOW)
    assert not may_write(Standing(State.YES, **{veto: NOW}), NOW)


def test_asking_is_no_permission():
    assert not may_write(Standing(State.ASKED), NOW)
