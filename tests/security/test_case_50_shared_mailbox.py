"""Case 50: two people whose addresses fold to one keep their own permissions."""

from __future__ import annotations

from tests.support import signup
from tests.support.signup import messages, path_of, prepared


def test_case_50_leaving_never_alters_the_other_who_shares_the_folded_address(client, session):
    stage = signup.stage()
    people = {}
    for address in ("mara+shop@example.org", "mara@example.org"):
        from app.kernel import clock

        clock.set_shift(len(people) * 2 * 86400)  # one question a day for one mailbox
        made = signup.question(stage, client, address)
        client.post(path_of(made.values["links"]["confirm"]))
        people[address] = messages("welcome")[-1]
    first, second = people.values()
    assert first.contact_id != second.contact_id
    leave = path_of(prepared(first, "welcome").unsubscribe_url)
    client.post(f"{leave}/all")
    session.expire_all()
    assert set(signup.states(first.contact_id).values()) == {"no"}
    assert set(signup.states(second.contact_id).values()) == {"yes"}
