"""Whatever people, staff and machines do, in whatever order: no message begins without a live permission."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from app.consent import queries as consent_queries
from app.consent import rules
from app.consent import service as consent
from app.consent.models import Permission
from app.consent.rules import By, Proof, Reason
from app.consent.service import RequestOver
from app.contacts import queries as contacts
from app.delivery import counting, pump, service, taking
from app.delivery.journal import Journal, Step
from app.delivery.pacing import slots
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.errors import Conflict
from tests.support import letters, mailing, make
from tests.support.mailing import Setting, due
from tests.support.outbox import use_sink
from tests.support.properties import examples

# Near the body there is most to go wrong.
DEATHS = (Step.RENDERING, Step.RENDERED, Step.BODY, Step.BODY, Step.ANSWER, Step.ANSWER, Step.ANSWER)


class Killed(BaseException):
    """The process ends here: nothing after this point happens."""


@dataclass
class Person:
    """Somebody, and what they have said, by our own books: an interest's place among the workspace's, and yes or no."""

    id: UUID
    address: str
    request_id: UUID | None = None
    asked: int = 0
    yes: set[int] = field(default_factory=set)
    is_out: bool = False
    """Stopped everything, or was suppressed."""
    is_paused: bool = False

    def may_get(self, interests: int) -> bool:
        return not self.is_out and not self.is_paused and any(found < interests for found in self.yes)


class Machine(RuleBasedStateMachine):
    """People sign up and leave, staff launch and pause, workers send and die."""

    place: Setting
    sink: object

    @initialize()
    def begin(self) -> None:
        where = make.place()
        with transaction():
            service.set_sender(where.id, "Ostkai", "hello@ostkai.example")
        for interest in where.interests:
            session().expunge(interest)  # so that no rollback makes it forget its id
        self.place = Setting(where, letters.version(where.id, mailing.LETTER).id)
        self.people: list[Person] = []
        self.forgotten: set[str] = set()
        self.mailings: dict[int, int] = {}
        self.sink.clear()
        self.seen = 0
        self.resent = 0
        self.kills = 0
        for _ in range(4):
            self.subscribe(interests=2)
            self.confirm(who=len(self.people) - 1)
        self.launch(interests=2)
        self.tick()

    # People.

    @rule(interests=st.integers(1, 2))
    def subscribe(self, interests: int) -> None:
        who = make.person(self.place.id)
        request = make.asked(self.place.where, who, interests=interests)
        found = contacts.find_address(self.place.id, who.id)
        assert found is not None
        session().rollback()
        self.people.append(Person(who.id, found.address, request.id, interests))

    @rule(who=st.integers(0, 99))
    def confirm(self, who: int) -> None:
        person = self._person(who)
        try:
            with transaction():
                consent.confirm(person.request_id, by=By(), proof=Proof())
        except RequestOver:
            return
        person.yes = set(range(person.asked))

    @rule(who=st.integers(0, 99), interest=st.integers(0, 1))
    def unsubscribe(self, who: int, interest: int) -> None:
        person = self._person(who)
        with transaction():
            consent.withdraw(
                self.place.id, person.id, [self.place.where.interests[interest].id], by=By(), proof=Proof()
            )
        person.yes.discard(interest)

    @rule(who=st.integers(0, 99))
    def stop_everything(self, who: int) -> None:
        person = self._person(who)
        with transaction():
            consent.stop_everything(self.place.id, person.id, by=By(), proof=Proof())
        person.is_out = True

    @rule(who=st.integers(0, 99))
    def complain(self, who: int) -> None:
        person = self._person(who)
        with transaction():
            consent.suppress(self.place.id, person.id, Reason.COMPLAINT, by=By("system"))
        person.is_out = True

    @rule(who=st.integers(0, 99))
    def forget(self, who: int) -> None:
        person = self._person(who)
        with transaction():
            consent.erase(self.place.id, person.id, by=By("user"))
            service.forget_person(self.place.id, person.id)
        self.people.remove(person)
        self.forgotten.add(person.address)
        if not self.people:
            self.subscribe(interests=2)

    @rule(who=st.integers(0, 99), is_paused=st.booleans())
    def rest(self, who: int, is_paused: bool) -> None:
        person = self._person(who)
        until = "clock_timestamp() + interval '900 days'" if is_paused else "NULL"
        with transaction():
            session().execute(
                text(f"UPDATE permissions SET paused_until = {until} WHERE contact_id = :id"),
                {"id": person.id},
            )
        person.is_paused = is_paused and bool(person.asked)

    # Staff.

    @rule(interests=st.integers(1, 2))
    def launch(self, interests: int) -> None:
        self.mailings[self.place.launch(interests=interests)] = interests

    @precondition(lambda self: self.mailings)
    @rule(
        which=st.integers(0, 9),
        verb=st.sampled_from(("pause", "resume", "cancel", "send_rest", "send_unknown")),
    )
    def decide(self, which: int, verb: str) -> None:
        number = sorted(self.mailings)[which % len(self.mailings)]
        try:
            with transaction():
                count = getattr(service, verb)(self.place.id, number)
        except Conflict:
            return
        if verb == "send_unknown":
            self.resent += count

    # Machines.

    @rule()
    def tick(self) -> None:
        due()

    @rule()
    def count(self) -> None:
        counting.run()

    @rule(seconds=st.sampled_from((30, 100, 800)))
    def wait(self, seconds: int) -> None:
        clock.set_shift(int(clock._shift.total_seconds()) + seconds)

    @rule()
    def send(self) -> None:
        pump.run_slice("bulk", deadline_seconds=10)

    @rule(
        step=st.sampled_from(Step),
        nth=st.integers(1, 4),
        is_noted=st.booleans(),
        is_machine_down=st.sampled_from((False, False, False, True)),
    )
    def crash(self, step: Step, nth: int, is_noted: bool, is_machine_down: bool) -> None:
        """A worker dies at a step of some message, before or after it has noted so; perhaps its machine with it."""
        if not any(mailing.states(number)["pending"] for number in self.mailings):
            self.launch(interests=2)
            self.tick()
        note, close = Journal.note, Journal.close
        left = [nth]

        def dying(journal: Journal, at: Step, *rest: int) -> None:
            is_it = at is step
            left[0] -= is_it
            if is_it and not left[0]:
                if is_noted:
                    note(journal, at, *rest)
                raise Killed
            note(journal, at, *rest)

        def closing(journal: Journal, *, is_settled: bool) -> None:
            path = journal._path
            close(journal, is_settled=is_settled)
            if is_machine_down and not is_settled:
                path.unlink(missing_ok=True)
                with transaction():
                    slots.release(journal._owner)  # as their leases end, some seconds later

        Journal.note, Journal.close = dying, closing  # type: ignore[method-assign]
        try:
            pump.run_slice("bulk", deadline_seconds=10)
        except Killed:
            self.kills += 1
        finally:
            Journal.note, Journal.close = note, close  # type: ignore[method-assign]
            session().rollback()

    # What always holds.

    @invariant()
    def only_those_who_may_be_written_to_were_written_to(self) -> None:
        # Nobody sends between two steps, so what our books say now held when these mails began.
        for copy in self.sink.copies[self.seen :]:
            (person,) = [found for found in self.people if found.address in copy.rcpt_to]
            number = int(copy.message_id[3:].split(".")[0])
            assert person.may_get(self.mailings[number]), (person, number)
        self.seen = len(self.sink.copies)

    @invariant()
    def nobody_is_written_to_twice_but_by_choice(self) -> None:
        copies = [copy.message_id for copy in self.sink.copies]
        assert len(copies) - len(set(copies)) <= self.resent

    @invariant()
    def the_words_sum(self) -> None:
        for number in self.mailings:
            assert mailing.sums(number).is_whole

    @invariant()
    def what_is_kept_is_what_a_count_says(self) -> None:
        for number in self.mailings:
            kept, found = (
                count(self.place.id, number) for count in (mailing.counted_as_kept, mailing.counted_over_messages)
            )
            assert (kept.words, kept.reasons, kept.refusals) == (found.words, found.reasons, found.refusals)
        session().rollback()

    @invariant()
    def our_books_are_the_gates(self) -> None:
        """So that the first invariant cannot hold for a wrong reason."""
        for person in self.people:
            permissions = session().query(Permission).filter(
                Permission.contact_id == person.id, Permission.purpose == "marketing"
            )  # fmt: skip
            reach = consent_queries.find_reach(self.place.id, person.id)
            now = clock.now()
            may = any(rules.may_write(consent_queries.standing(found, reach), now) for found in permissions)
            session().rollback()
            session().expire_all()
            assert may == person.may_get(2), person

    def teardown(self) -> None:
        """In the end nobody waits, and each mail is where the books say."""
        if not getattr(self, "mailings", None):
            return
        for number in self.mailings:
            try:
                with transaction():
                    service.resume(self.place.id, number)
            except Conflict:
                continue
        for _ in range(3):
            clock.set_shift(int(clock._shift.total_seconds()) + 800)
            due()
            for number in self.mailings:
                try:
                    with transaction():
                        service.resume(self.place.id, number)
                except Conflict:
                    continue
            due()
            pump.run_slice("bulk", deadline_seconds=10)
            due()
        counting.run()
        for number in self.mailings:
            assert not mailing.is_in_doubt(number), "counted anew, what is kept holds"
        self.what_is_kept_is_what_a_count_says()
        self.only_those_who_may_be_written_to_were_written_to()
        self.nobody_is_written_to_twice_but_by_choice()
        for number in self.mailings:
            found = mailing.sums(number)
            assert found.is_whole
            assert found.waiting == 0, (number, mailing.state(number), mailing.states(number))
            assert mailing.state(number) in {"done", "cancelled"}
        rows = session().execute(text("SELECT mailing_no, n FROM messages WHERE state = 'sent' AND contact_id IS NOT NULL"
                                      " AND mailing_no = ANY(:nos)"), {"nos": list(self.mailings)})  # fmt: skip
        arrived = {copy.message_id for copy in self.sink.copies}
        assert {f"<m.{no}.{n}@ostkai.example>" for no, n in rows} <= arrived
        session().rollback()
        clock.set_shift(0)

    def _person(self, who: int) -> Person:
        return self.people[who % len(self.people)]


@pytest.mark.slow
@pytest.mark.hypothesis
def test_no_message_begins_without_a_live_permission(live, smtp):
    use_sink(smtp)

    class Bound(Machine):
        sink = smtp

    run_state_machine_as_test(
        Bound,
        settings=settings(
            max_examples=examples(4),
            stateful_step_count=20,
            deadline=None,
            # A short story is found at once or not needed: making it shorter would take minutes.
            phases=(Phase.generate,),
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_the_gate_is_what_keeps_the_model_true(live, smtp, monkeypatch):
    """Without the question at begin the same person would be written to: the model must notice."""
    use_sink(smtp)
    loose = str(taking._TAKE["bulk"]).replace("p.state = 'yes'", "true").replace("r.objected_at IS NULL", "true")
    monkeypatch.setitem(taking._TAKE, "bulk", text(loose))

    class Bound(Machine):
        sink = smtp

    machine = Bound()
    machine.begin()
    machine.launch(interests=2)
    machine.tick()
    machine.stop_everything(who=0)
    machine.send()
    with pytest.raises(AssertionError):
        machine.only_those_who_may_be_written_to_were_written_to()
