"""Whatever two entries have said: merged, the stricter word of both stands; parted again, neither may get more than before.

The oracle knows neither tables nor services: what a merge leaves is the minimum, and what is said since only takes away
from both, or gives to who said it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.consent import queries
from app.consent import service as consent
from app.consent.rules import By, Level, Proof, Purpose, Reason, Shown, may_write
from app.consent.rules.merging import Barred, Said, at_mailbox, barred, stricter
from app.kernel import clock
from app.kernel.db import transaction
from app.merging import service
from tests.support import make
from tests.support.properties import examples

WORDS = (None, "asked", "yes", "ends", "no")
LEVELS = (None, *Level)
VETOES = (None, "objected", Reason.COMPLAINT, Reason.BOUNCE)


@dataclass(frozen=True)
class State:
    """What somebody has said: a word for each of two interests, what we may see, and what stands against it."""

    words: tuple[str | None, str | None]
    level: Level | None
    veto: str | None
    is_paused: bool

    def may(self, interest: int) -> bool:
        return self.words[interest] in {"yes", "ends"} and self.veto is None and not self.is_paused


def word_of(kept: str | None, gone: str | None) -> str | None:
    """A yes or a question from the mailbox that is given up says nothing about the one that is kept."""
    both = {kept, gone}
    if "no" in both:
        return "no"
    return "ends" if kept == "yes" and gone == "ends" else kept


def merged(own: State, other: State, *, takes: bool) -> State:
    """The minimum of both, reached at the own mailbox or at that of the other one."""
    kept, gone = (other, own) if takes else (own, other)
    levels = [found.level for found in (own, other) if found.level is not None]
    vetoes = [kept.veto, None if gone.veto == Reason.BOUNCE else gone.veto]
    return State(
        tuple(word_of(*pair) for pair in zip(kept.words, gone.words, strict=True)),
        min(levels, key=list(Level).index, default=None),
        next((veto for veto in vetoes if veto is not None), None),
        own.is_paused or other.is_paused,
    )


def later_of(state: State, acts: list[str], *, says_yes: bool) -> State:
    """What somebody has said after these acts; a yes that was said as the survivor is the survivor's."""
    words, veto = list(state.words), state.veto
    for act in acts:
        kind, _, number = act.partition(" ")
        if kind == "leave":
            words[int(number)] = "no"
        elif kind == "stop":
            words, veto = ["no", "no"], veto or "objected"
        elif kind == "complain":
            veto = Reason.COMPLAINT
        elif kind == "yes" and says_yes:
            words[int(number)], veto = "yes", None if veto == "objected" else veto
    return replace(state, words=tuple(words), veto=veto)


states = st.builds(
    State, st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)), st.sampled_from(LEVELS), st.sampled_from(VETOES),
    st.booleans(),
)  # fmt: skip
laters = st.lists(st.sampled_from(("leave 0", "leave 1", "stop", "complain", "yes 0", "yes 1", "hide")), max_size=3)


def ask(where, who, interest):
    with transaction():
        words = consent.ensure_text(where.id, "consent", "en", "Yes, Ostkai may email me.")
        shown = Shown(text_ids=(words,), page_url="https://ostkai.example/")
        return consent.ask(
            where.id, who.id, interests=[where.interests[interest].id], tracking=None, typed="", shown=shown, by=By(),
            proof=Proof(),
        )  # fmt: skip


def say_yes(where, who, interest):
    request = ask(where, who, interest)
    with transaction():
        consent.confirm(request.id, by=By(), proof=Proof())


def leave(where, who, interest):
    with transaction():
        consent.withdraw(where.id, who.id, [where.interests[interest].id], by=By(), proof=Proof())


def person(session, where, state):
    who = make.person(where.id)
    for interest, word in enumerate(state.words):
        if word == "asked":
            ask(where, who, interest)
        elif word is not None:
            say_yes(where, who, interest)
        if word == "no":
            leave(where, who, interest)
        if word == "ends":
            session.execute(
                text("UPDATE permissions SET valid_until = :at WHERE contact_id = :who AND interest_id = :interest"),
                {"at": clock.now() + timedelta(days=9), "who": who.id, "interest": where.interests[interest].id},
            )
    with transaction():
        if state.level is Level.NONE:
            consent.set_tracking(where.id, who.id, Level.DATE, by=By(), proof=Proof())
        if state.level is not None:
            consent.set_tracking(where.id, who.id, state.level, by=By(), proof=Proof())
        if state.is_paused:
            until = clock.now() + timedelta(days=5)
            consent.set_pace(where.id, who.id, digest=None, paused_until=until, by=By(), proof=Proof())
        bar(where, who, state.veto)
    return who


def bar(where, who, veto):
    """By the tables, as stopping everything says no to each interest as well."""
    if veto == "objected":
        consent.ensure_reach(where.id, who.id).objected_at = clock.now()
    elif veto is not None:
        consent.suppress(where.id, who.id, Reason(veto), by=By("system"))


def standing(session, where, who):
    """What may be written now, by interest, and what may be seen."""
    session.expire_all()
    now, reach = clock.now(), queries.find_reach(where.id, who.id)
    known = {
        row.interest_id: row for row in queries.list_permissions(where.id, who.id) if row.purpose == Purpose.MARKETING
    }
    may = [may_write(queries.standing(known.get(found.id), reach), now) for found in where.interests]
    return may, queries.choices(where.id, who.id).tracking


def do(where, who, act):
    kind, _, number = act.partition(" ")
    if kind == "leave":
        leave(where, who, int(number))
    elif kind == "yes":
        say_yes(where, who, int(number))
    else:
        with transaction():
            if kind == "stop":
                consent.stop_everything(where.id, who.id, by=By(), proof=Proof())
            elif kind == "complain":
                consent.suppress(where.id, who.id, Reason.COMPLAINT, by=By("system"))
            else:
                consent.set_tracking(where.id, who.id, Level.NONE, by=By(), proof=Proof())


@settings(
    max_examples=examples(8), deadline=None, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(own=states, other=states, later=laters, by_other=st.booleans(), takes=st.booleans())
def test_merged_the_minimum_stands_and_parted_nobody_gets_more(session, where, own, other, later, by_other, takes):
    mara, double = person(session, where, own), person(session, where, other)
    before = {who.id: standing(session, where, who) for who in (mara, double)}
    assert before[mara.id][0] == [own.may(0), own.may(1)]
    with transaction():
        done = service.merge(where.id, mara.id, double.id, by=By("system"), takes={"email"} if takes else ())
    expected = merged(own, other, takes=takes)
    may, level = standing(session, where, mara)
    assert may == [expected.may(0), expected.may(1)]
    assert level is (expected.level or Level.NONE)
    assert standing(session, where, double)[0] == [False, False]

    for act in later:
        do(where, double if by_other else mara, act)
    with transaction():
        service.undo(where.id, done.merge_id, by=By("system"))
    order = list(Level)
    for who, state in ((mara, own), (double, other)):
        may, level = standing(session, where, who)
        allowed = later_of(state, later, says_yes=who is mara)
        assert [had and not allowed.may(interest) for interest, had in enumerate(may)] == [False, False]
        assert order.index(level) <= order.index(Level.NONE if "hide" in later else before[who.id][1])
    if not later:
        assert {who.id: standing(session, where, who) for who in (mara, double)} == before


@pytest.mark.parametrize("takes", [True, False])
def test_a_missing_mailbox_speaks_against_that_mailbox_only(takes):
    bounced = Barred(suppressed_at=datetime(2026, 3, 1, tzinfo=UTC), suppressed_reason="bounce")
    assert (barred(bounced, Barred(), takes_mailbox=takes).suppressed_at is None) is takes
    assert (barred(Barred(), bounced, takes_mailbox=takes).suppressed_at is None) is not takes


def test_of_two_yeses_the_shorter_one_stands_with_its_own_ground():
    now, one, other = datetime(2026, 3, 1, tzinfo=UTC), UUID(int=1), UUID(int=2)
    until = now + timedelta(days=3)
    for_ever = Said("yes", None, "consent", None, None, one)
    short = Said("yes", None, "soft_opt_in", until, now, other)
    assert stricter(for_ever, short) == short
    assert stricter(short, for_ever) == short
    assert stricter(for_ever, None) == stricter(None, for_ever) == for_ever
    assert at_mailbox(for_ever, short) == at_mailbox(short, for_ever) == short
    assert at_mailbox(for_ever, None) == for_ever
    assert at_mailbox(None, for_ever) is None
