"""Whatever is said, entered and left unsaid, in whatever order: no message begins without a live permission.

Each history is told to three books: the tables through the services, the pure rules over the tables' rows, and a
model of a few lines that knows only what the law asks. All three must say the same after every step, and what a
worker takes in hand must be exactly what they allow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from app.consent import queries, rules
from app.consent import service as consent
from app.consent.models import ConsentRequest, Permission
from app.consent.rules import Basis, By, Level, Proof, Reason, Shown
from app.consent.rules.grounds import Act, Claim, months_after
from app.contacts import queries as contacts_queries
from app.contacts.addresses import normalise
from app.delivery import schedule, service, taking
from app.delivery.rules import Lane
from app.kernel import clock
from app.kernel.db import transaction
from app.kernel.ids import uuid7
from app.people import service as people
from tests.support import letters, mailing, make
from tests.support.properties import examples

ADDRESSES = 3
HALF = timedelta(days=181)


@dataclass
class Person:
    """Somebody by the model: what they asked for, what they are written to on, and what stands against it."""

    id: UUID
    address: str
    asked: list[tuple[UUID, set[int], datetime]] = field(default_factory=list)
    grounds: dict[int, datetime | None] = field(default_factory=dict)
    """Until when, by interest; None: without an end."""
    noes: set[int] = field(default_factory=set)
    """Interests that they said no to and have not said yes to since."""
    has_stopped: bool = False
    barred: Reason | None = None
    is_erased: bool = False

    def may_get(self, interest: int, now: datetime) -> bool:
        until = self.grounds.get(interest, now)
        return not (self.has_stopped or self.barred or self.is_erased) and (until is None or until > now)


class World:
    """One workspace; people come anew with each history."""

    def __init__(self, session) -> None:
        self.session = session
        self.where = make.place()
        session.execute(text("UPDATE workspaces SET country = 'CA' WHERE id = :id"), {"id": self.where.id})
        session.expire_all()
        with transaction():
            service.set_sender(self.where.id, "Ostkai", "hello@ostkai.example")
        self.version = letters.version(self.where.id, mailing.LETTER).id
        self.interests = [found.id for found in self.where.interests]
        self.tales = 0

    def begin(self) -> None:
        clock.set_shift(0)
        self.days = 0
        self.tales += 1
        self.bad: dict[str, Reason] = {}
        """One-way reasons by address, for ever."""
        self.gone: set[str] = set()
        """Addresses of those who were erased and have not come back by themselves."""
        self.session.execute(text("UPDATE permissions SET state = 'no'"))  # of earlier histories
        self.session.execute(text("UPDATE messages SET state = 'cancelled' WHERE state = 'pending'"))
        self.session.execute(text("UPDATE mailings SET state = 'done', ended_at = now() WHERE kind = 'bulk'"))
        self.people = [self._new(f"p{number}@t{self.tales}.example") for number in range(ADDRESSES)]
        self.everybody = list(self.people)

    def _new(self, address: str) -> Person:
        return Person(make.person(self.where.id, address).id, address)

    def now(self) -> datetime:
        with transaction():
            return clock.now()

    # What happens.

    def request(self, who: Person, interest: int) -> None:
        chosen = {interest, 0}
        with transaction():
            made = consent.ask(
                self.where.id, who.id, interests=[self.interests[one] for one in sorted(chosen)],
                tracking=Level.NONE, typed=who.address, shown=Shown(), by=By(), proof=Proof(),
            )  # fmt: skip
            who.asked.append((made.id, chosen, made.created_at))
        who.barred = who.barred or self.bad.get(who.address)

    def confirm(self, who: Person, interest: int) -> None:
        self._answer(who, is_yes=True)

    def cancel(self, who: Person, interest: int) -> None:
        self._answer(who, is_yes=False)

    def _answer(self, who: Person, *, is_yes: bool) -> None:
        if not who.asked:
            return
        request_id, chosen, asked_at = who.asked.pop()
        state = self.session.execute(select(ConsentRequest.state).where(ConsentRequest.id == request_id)).scalar_one()
        is_over = self.now() - asked_at >= timedelta(days=7)
        with transaction():
            if not is_yes:
                if consent.cancel_request(request_id, by=By(), proof=Proof()):
                    who.noes |= chosen
                return
            try:
                consent.confirm(request_id, by=By(), proof=Proof())
            except consent.RequestOver:
                assert is_over or state != "open"
                return
        assert not is_over
        who.grounds |= dict.fromkeys(chosen)
        who.noes -= chosen
        who.has_stopped = False
        self.gone.discard(who.address)

    def withdraw(self, who: Person, interest: int) -> None:
        with transaction():
            gone = consent.withdraw(self.where.id, who.id, [self.interests[interest]], by=By(), proof=Proof())
        if gone:
            who.grounds.pop(interest, None)
            who.noes.add(interest)

    def stop(self, who: Person, interest: int) -> None:
        with transaction():
            consent.stop_everything(self.where.id, who.id, by=By(), proof=Proof())
        who.has_stopped = True
        who.grounds.clear()
        who.asked.clear()
        who.noes = {0, 1}

    def enter(self, who: Person, interest: int) -> None:
        """An import or a program says that they inquired a hundred days ago."""
        happened = self.now() - timedelta(days=100)
        claim = Claim(Basis.IMPLIED_CASL, Act.INQUIRY, happened, reference="row 7")
        with transaction():
            try:
                event_id = consent.grant(
                    self.where.id, who.id, self.interests[interest], claim, by=By("api_key", "7"), method="import",
                    evidence="claimed", source={"file": "00ff", "row": 7},
                )  # fmt: skip
            except consent.PersonSaidNo:
                return
        assert interest not in who.noes
        assert (who.has_stopped, who.barred, who.is_erased) == (False, None, False)
        assert who.address not in self.bad.keys() | self.gone
        if event_id is not None:
            until = who.grounds.get(interest, happened)
            assert until is not None, "a consent has no end, and gets none"
            who.grounds[interest] = months_after(happened, 6)

    def complain(self, who: Person, interest: int) -> None:
        self._bar(who, Reason.COMPLAINT)

    def bounce(self, who: Person, interest: int) -> None:
        self._bar(who, Reason.BOUNCE)

    def _bar(self, who: Person, reason: Reason) -> None:
        with transaction():
            consent.suppress(self.where.id, who.id, reason, by=By("system"))
        who.barred = who.barred if who.barred in rules.ONE_WAY else reason
        if who.barred in rules.ONE_WAY and not who.is_erased:
            self.bad[who.address] = who.barred

    def erase(self, who: Person, interest: int) -> None:
        """And somebody comes anew with the same address."""
        with transaction():
            people.erase(self.where.id, who.id, by=By("staff", str(self.where.owner_id)))
        who.is_erased = True
        self.gone.add(who.address)
        place = self.people.index(who)
        self.people[place] = self._new(who.address)
        self.everybody.append(self.people[place])

    def move(self, who: Person, interest: int) -> None:
        """They have another address from now on; it may be one that complained."""
        address = normalise(f"moved{interest}@t{self.tales}.example")
        if contacts_queries.find_by_key(self.where.id, address.key):
            return
        with transaction():
            self.session.execute(
                text(
                    "UPDATE addresses SET raw = :a, address = :a, key = :a, folded = :a, domain = :d WHERE contact_id = :id"
                ),
                {"a": address.key, "d": address.domain, "id": who.id},
            )
            self.session.expire_all()
            consent.inherit(self.where.id, who.id)
        who.address = address.key
        who.barred = self.bad.get(who.address) or who.barred

    def wait(self, who: Person, interest: int) -> None:
        self.days += 5 + 85 * interest
        clock.set_shift(self.days * 86400)

    def tidy(self, who: Person, interest: int) -> None:
        with transaction():
            consent.expire_requests()
            consent.lapse()

    def mail(self, who: Person, interest: int) -> None:
        with transaction():
            now = clock.now()
            service.launch(
                self.where.id, dedupe=uuid7(), title="November", version_id=self.version, interests=[self.interests[interest]],
                send_at=now,
            )  # fmt: skip
        schedule.run()

    # What must hold.

    def check(self) -> None:
        self.session.expire_all()
        now = self.now()
        gate = text(
            f"SELECT p.interest_id FROM permissions p {queries.gate.REACHED} WHERE p.contact_id = :id"
            f" AND p.purpose = 'marketing' AND {queries.gate_sql()}"
        )
        for who in self.everybody:
            by_model = {one for place, one in enumerate(self.interests) if who.may_get(place, now)}
            by_sql = set(self.session.execute(gate, {"id": who.id, "now": now}).scalars())
            reach = queries.find_reach(self.where.id, who.id)
            found = self.session.execute(
                select(Permission).where(Permission.contact_id == who.id, Permission.purpose == "marketing")
            ).scalars()
            by_rules = {one.interest_id for one in found if rules.may_write(queries.standing(one, reach), now)}
            assert by_model == by_sql == by_rules
        for places in ([0], [1], [1, 0]):
            about = [self.interests[place] for place in places]
            may = sum(any(who.may_get(place, now) for place in places) for who in self.everybody)
            assert queries.count_standings(self.where.id, about, now).get("may", 0) == may
        self._take(now)

    def _take(self, now: datetime) -> None:
        """What a worker would begin now is what the model allows, whatever it was when the audience was made."""
        models = {who.id: who for who in self.everybody}
        with transaction():
            for head, _ in taking.choose(Lane.BULK, now):
                query = text("SELECT interests FROM mailings WHERE no = :no")
                (about,) = self.session.execute(query, {"no": head.no}).scalar_one()
                interest = self.interests.index(UUID(about))
                for taken in taking.take(head, 500, now):
                    may = models[taken.held.contact_id].may_get(interest, now)
                    assert may is (taken.refusal == ""), taken.refusal


ACTS = ("request", "confirm", "cancel", "withdraw", "stop", "enter", "complain", "bounce", "erase", "move", "wait", "tidy", "mail")  # fmt: skip
LIKELY = ("request", "confirm", "request", "confirm", "enter", "wait", "mail", "withdraw", "tidy")
steps = st.tuples(st.sampled_from(ACTS + LIKELY), st.integers(0, ADDRESSES - 1), st.integers(0, 1))


@pytest.fixture
def world(session):
    return World(session)


@settings(
    max_examples=examples(6), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(tale=st.lists(steps, min_size=8, max_size=24))
def test_no_message_begins_without_a_live_permission(world, tale):
    world.begin()
    for act, place, interest in [("request", 0, 1), ("confirm", 0, 1), ("enter", 1, 0), ("mail", 0, 0), *tale]:
        getattr(world, act)(world.people[place], interest)
        world.check()


def test_a_no_outlasts_a_question_that_somebody_else_puts(world):
    """Left, asked by a stranger, unanswered, imported: still a no."""
    world.begin()
    (mara, *_) = world.people
    for act in ("request", "confirm", "withdraw", "request", "wait", "wait", "tidy", "enter"):
        getattr(world, act)(mara, 0)
        world.check()
    assert not mara.may_get(0, world.now())
    assert mara.noes == {0}
