"""Merging while others act: whoever merges gives way, nothing is lost, and nobody waits for each other for ever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.consent import queries
from app.consent import service as consent
from app.consent.rules import By, Proof
from app.consent.service import RequestOver
from app.consent.verify import verify
from app.contacts import queries as contacts
from app.contacts import service as contacts_service
from app.contacts.addresses import normalise
from app.delivery import taking
from app.delivery.rules import Lane
from app.engagement import queries as scores
from app.kernel import clock
from app.kernel.db import session, transaction
from app.kernel.errors import Conflict
from app.kernel.ids import uuid7
from app.merging import service
from app.people import service as people
from app.tracking import service as tracking
from app.tracking.rules.hits import Hit, Kind
from tests.support import mailing, make, reading
from tests.support.outbox import in_context

BY = By("system")


class Story:
    """Two people of one workspace, and acts on connections of their own."""

    def __init__(self, app) -> None:
        self.app, self.where = app, make.place()
        self.people()

    def people(self) -> None:
        self.mara, self.double = make.person(self.where.id), make.person(self.where.id)

    def merge(self, own=None, other=None, takes=()):
        own, other = own or self.mara, other or self.double

        def run():
            with transaction():
                return service.merge(self.where.id, own.id, other.id, by=BY, takes=takes)

        return self.apart(run)

    def apart(self, call):
        return in_context(self.app, call)

    def held(self, begin, meanwhile, *, seconds=0.5, then=None):
        """``begin`` in a transaction that stays open while ``meanwhile`` runs on another connection; what that gave.

        ``then`` is the end of that transaction.
        """
        has_begun, may_end = threading.Event(), threading.Event()

        def hold():
            with transaction():
                begin()
                has_begun.set()
                may_end.wait(20)
                if then is not None:
                    then()

        with ThreadPoolExecutor(2) as pool:
            holding = pool.submit(self.apart, hold)
            assert has_begun.wait(10)
            answer = pool.submit(self.apart, meanwhile)
            time.sleep(seconds)
            may_end.set()
            holding.result(20)
            return answer.result(20)

    def standing(self, who):
        session().rollback()
        return make.standing(self.where, who)


@pytest.fixture
def story(live):
    return Story(live)


def test_merges_beside_each_other_and_beside_what_people_do(story):
    where = story.where

    # Both ways round at once, many times: one merge each, and the same answer for both.
    for _ in range(6):
        story.people()
        with ThreadPoolExecutor(2) as pool:
            one = pool.submit(story.merge, story.mara, story.double)
            other = pool.submit(story.merge, story.double, story.mara)
            answers = [one.result(20), other.result(20)]
        assert sorted(answer.is_new for answer in answers) == [False, True]
        assert answers[0].merge_id == answers[1].merge_id
        assert answers[0].survivor_id == answers[1].survivor_id

    # A yes that is being given while they are merged is the survivor's; a no that is being said holds for both.
    story.people()
    request = make.asked(where, story.double)
    merge = lambda takes=(): service.merge(where.id, story.mara.id, story.double.id, by=BY, takes=takes)  # noqa: E731
    confirm = lambda: consent.confirm(request.id, by=By(), proof=Proof())  # noqa: E731
    done = story.held(confirm, lambda: story.merge(takes={"email"}))
    assert story.standing(story.mara) == {"New coffees": "yes", "Brewing letters": "yes"}
    ids = [found.id for found in where.interests]
    leave = lambda: consent.withdraw(where.id, story.double.id, ids, by=By(), proof=Proof())  # noqa: E731
    story.held(leave, lambda: None, seconds=0)
    with transaction():
        service.undo(where.id, done.merge_id, by=BY)
    assert set(story.standing(story.double).values()) == {"no"}

    # The other way round: whoever confirms or leaves while a merge is under way waits for it, and acts on the survivor; a
    # question that went to the mailbox that is given up is over.
    story.people()
    request = make.asked(where, story.double)

    def in_transaction(act):
        def run():
            with transaction():
                return act()

        return run

    story.held(lambda: merge({"email"}), in_transaction(confirm))
    assert story.standing(story.mara) == {"New coffees": "yes", "Brewing letters": "yes"}
    story.people()
    request = make.asked(where, story.double)
    with pytest.raises(RequestOver):
        story.held(merge, in_transaction(confirm))
    assert story.standing(story.mara) == {}
    story.people()
    make.confirmed(where, story.mara)
    make.confirmed(where, story.double)
    assert story.held(merge, in_transaction(leave)) is not None
    assert set(story.standing(story.mara).values()) == {"no"}

    # Somebody who is erased meanwhile is not merged.
    story.people()
    make.confirmed(where, story.double)
    with pytest.raises(Conflict):
        story.held(lambda: people.erase(where.id, story.double.id, by=BY), story.merge)

    # A lock that two take in another order: whoever merges gives way, the other one never sees an error.
    story.people()
    make.confirmed(where, story.double)

    def tell():
        # As after a yes by a form: the permission first, then the profile. PostgreSQL would look for whoever waits in a
        # circle after a second, and end the one who came last.
        contacts_service.update_profile(where.id, story.double.id, first_name="Maria")
        session().flush()

    story.held(leave, story.merge, seconds=1.3, then=tell)
    assert set(story.standing(story.mara).values()) == {"no"}

    # The same address signs up while it is being merged: one person with it.
    story.people()
    address = contacts.find_address(where.id, story.double.id).address

    def sign_up():
        contact_id, is_new = contacts_service.find_or_make(where.id, normalise(address))
        assert not is_new
        return make_question(where, contact_id)

    asked = story.held(merge, in_transaction(sign_up))
    assert asked == story.mara.id

    # A click that is being taken in while its message goes over is the survivor's, whichever comes first.
    for is_first in (True, False):
        story.mara, story.double = reading.reader(where), reading.reader(where)
        letter = reading.sent(where, [story.mara, story.double])
        with transaction():
            at = clock.now() - timedelta(minutes=30)
        hit = Hit(uuid7().hex, letter.no, 2, Kind.CLICK, 0, at, False, False, reading.FIREFOX, uuid7().hex, 1)
        ingest = lambda hit=hit: tracking.ingest_batch([hit])  # noqa: E731
        if is_first:
            story.held(ingest, story.merge)
        else:
            story.held(merge, in_transaction(ingest))
        assert len(letter.signals(story.mara)) == 1
        assert scores.score(where.id, story.mara.id).points > 0

    with transaction():
        consent.seal_now()
        assert verify().holds


def make_question(where, contact_id):
    from app.consent.rules import Shown

    words = consent.ensure_text(where.id, "consent", "en", "Yes, Ostkai may email me.")
    request = consent.ask(
        where.id, contact_id, interests=[where.interests[0].id], tracking=None, typed="", by=By(), proof=Proof(),
        shown=Shown(text_ids=(words,), page_url="https://ostkai.example/"),
    )  # fmt: skip
    return request.contact_id


def test_a_mailing_in_hand_goes_to_one_mailbox_only(story):
    place = mailing.setting()
    where = story.where = place.where
    story.people()
    for who in (story.mara, story.double):
        make.confirmed(where, who)
    mailing.running(place)

    def take():
        (head,) = [head for head, _ in taking.choose(Lane.BULK, clock.now())]
        taken = taking.take(head, 10, clock.now())
        return {one.held.contact_id: one.refusal for one in taken}

    # In hand while they are merged: the merge waits for these milliseconds and no message is passed over.
    assert story.held(lambda: take(), story.merge).is_new
    session().rollback()
    with transaction():
        taken = taking.choose(Lane.BULK, clock.now())
        (head,) = [head for head, _ in taken]
        refusals = [one.refusal for one in taking.take(head, 10, clock.now())]
        assert sorted(refusals) == ["", "merged"]
    owners = session().execute(text("SELECT contact_id FROM messages WHERE permission_id IS NOT NULL")).scalars()
    assert set(owners) == {story.mara.id}
    assert queries.find_reach(where.id, story.double.id).suppressed_reason == "merged"
