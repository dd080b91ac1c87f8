"""Cases 24 to 26 through the field for a guardian: it mails no stranger more often, and signs no stranger up."""

from __future__ import annotations

import pytest

from app.consent import service as consent
from app.consent.queries import find_reach
from app.consent.rules import By, Proof
from app.delivery.rules import Prepared
from app.forms import service
from app.forms.abuse import addresses
from app.forms.style import Policy, Style, Take
from app.kernel import clock
from app.kernel.db import session, transaction
from tests.support import make, signup
from tests.support.properties import whole
from tests.support.signup import hidden, messages, path_of, prepared

pytestmark = pytest.mark.thorough

VICTIM = "victim.name@gmail.com"
SPELLINGS = (VICTIM, "v.i.c.t.i.m.name@gmail.com", "victimname+x@googlemail.com", "VictimName@gmail.com")
BORN = "2020-01-31"


@pytest.fixture
def stage(session):
    return signup.asks_age(signup.stage())


def flood(client, stage, count: int, *, first: int = 0) -> set:
    """Posts of ever other children from ever other networks, for one guardian in many spellings."""
    answers = [
        client.post(
            stage.url,
            data=stage.fields(
                f"child{number}@example.org", v="2.en", c_birthday=BORN, guardian=SPELLINGS[number % 4]
            ),
            environ_overrides={"REMOTE_ADDR": f"198.51.{number // 250}.{number % 250 + 1}"},
        )
        for number in range(first, first + count)
    ]
    return {(answer.status_code, len(answer.data) - len(answer.location)) for answer in answers}


def mailed() -> list:
    names = ("confirm-guardian", "confirm")
    made = [prepared(message, name) for name in names for message in messages(name)]
    return [one for one in made if isinstance(one, Prepared)]


def test_case_24_a_flood_of_children_brings_a_guardian_one_mail(client, stage):
    assert len(flood(client, stage, whole(20, 60))) <= 4  # one shape for each length of what was typed
    assert len(messages("confirm-guardian")) <= 5
    assert [made.to for made in mailed()] == [VICTIM]


def test_case_24_weeks_of_it_bring_three_mails_a_month(client, stage):
    sent = 0
    for day in range(0, 29, whole(4, 2)):
        clock.set_shift(day * 86400)
        flood(client, stage, 2, first=day * 2)
        sent += sum(
            isinstance(prepared(message, "confirm-guardian"), Prepared)
            for message in messages("confirm-guardian")[-2:]
        )
    assert sent == 3


def test_case_25_one_mailbox_has_one_limit_as_guardian_and_for_itself(client, stage):
    client.post(stage.url, data=stage.fields(VICTIM, v="2.en"))
    flood(client, stage, 5)
    assert [made.template for made in mailed()] == ["confirm"]


def test_case_24_who_is_named_as_a_child_can_still_sign_up(client, stage):
    """Questions that wait for some guardian are no mails to the child, so they use nothing up."""
    body = stage.fields("kim@example.org", v="2.en", c_birthday=BORN)
    client.post(stage.url, data={**body, "guardian": "eve@example.com"})
    client.post(stage.url, data=stage.fields("kim@example.org", v="2.en"))
    assert [made.to for made in mailed()] == ["eve@example.com", "kim@example.org"]


def test_a_guardian_signs_nobody_up_and_undoes_nobodys_no(client, stage):
    """Whoever names a stranger as their child and says yes for them has got nothing but one question to them."""
    victim = make.person(stage.place.id, VICTIM)
    make.confirmed(stage.place, victim)
    with transaction():
        consent.stop_everything(stage.place.id, victim.id, by=By("person"), proof=Proof(), method="web")
    client.post(stage.url, data=stage.fields(VICTIM, v="2.en", c_birthday=BORN, guardian="eve@example.com"))
    made = prepared(messages("confirm-guardian")[0], "confirm-guardian")
    link = path_of(made.values["links"]["confirm"])
    page = client.get(link).text
    clock.set_shift(10)
    for path in (link, f"{link}/again", link):
        client.post(path, data=hidden(page))
    assert "yes" not in make.standing(stage.place, victim).values()
    session().expire_all()
    assert find_reach(stage.place.id, victim.id).objected_at is not None


def test_case_26_a_child_is_told_the_same_whoever_they_and_the_guardian_are(app, client, stage):
    """The same statements for known and unknown: nobody is looked up before the answer."""
    make.confirmed(stage.place, make.person(stage.place.id, "known@example.org"))
    client.has_workers = False
    seen, answers = [], []
    for child, guardian in (("known@example.org", "known2@example.org"), ("other@example.org", "known@example.org")):
        body = stage.fields(child, v="2.en", c_birthday=BORN, guardian=guardian)
        with signup.statements(app) as statements:
            answers.append(client.post(stage.url, data=body))
        seen.append([line for line in statements if not line.startswith(("SAVEPOINT", "RELEASE"))])
    assert {answer.status_code for answer in answers} == {303}
    assert seen[0] == seen[1]
    assert sum(not line.startswith("SELECT") for line in seen[0]) == 1


def test_policies_about_addresses_hold_for_guardians(client, stage):
    service.set_look(stage.place.id, stage.form.id, Style(), Policy(Take.REFUSE, Take.REFUSE))
    session().flush()
    for address in ("a@mailinator.com", "office@example.org"):
        body = stage.fields("kim@example.org", v="2.en", c_birthday=BORN, guardian=address)
        answer = client.post(stage.url, data=body, headers={"Accept": "application/json"})
        assert list(answer.json["errors"]) == ["guardian"]


def test_both_domains_of_a_post_are_looked_up(client, stage, app, monkeypatch):
    asked: list[str] = []

    def resolve(domain: str) -> bool:
        asked.append(domain)
        return domain != "null-mx.de"

    production = type(app.config["NOD"]).is_production
    monkeypatch.setattr(type(app.config["NOD"]), "is_production", property(lambda _self: True))
    addresses.use(resolve)
    body = stage.fields("kim@shop.de", v="2.en", c_birthday=BORN, guardian="ada@null-mx.de")
    try:
        answer = client.post(stage.url, data=body, headers={"Accept": "application/json"})
    finally:
        addresses.use(None)
        monkeypatch.setattr(type(app.config["NOD"]), "is_production", production)
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["guardian"])
    assert asked == ["shop.de", "null-mx.de"]
