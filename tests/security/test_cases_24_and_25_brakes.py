"""Cases 24, 25 and 46: floods of posts meet a puzzle, replays meet a memory, and huge posts are not read."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from sqlalchemy import select, text

from app.contacts.addresses import normalise
from app.delivery.rules import Prepared
from app.forms.abuse import addresses, brake, puzzle
from app.forms.models import Form, Submission
from app.forms.style import Policy, Style, Take
from app.kernel import clock, redis
from app.kernel.db import session
from tests.support import signup
from tests.support.signup import MARA, hidden, messages, prepared

JSON = {"Accept": "application/json"}


@pytest.fixture
def stage(session):
    return signup.stage()


@pytest.fixture
def braked(stage, client, monkeypatch):
    """A form that three asked through, and nobody said yes."""
    monkeypatch.setattr(brake, "ASKED", 3)
    monkeypatch.setattr(brake, "LOOK_SECONDS", 1)
    for number in range(3):
        clock.set_shift(number * 2)
        assert client.post(stage.url, data=stage.fields(f"v{number}@example.org")).status_code == 303
    session().expire_all()
    assert session().get(Form, stage.form.id).challenge_until is not None
    return stage


@pytest.mark.parametrize(
    ("asked", "confirmed", "flood"),
    [(199, 0, False), (200, 19, True), (200, 20, False), (5000, 499, True), (5000, 500, False)],
)
def test_case_24_few_who_say_yes_among_many_are_a_flood(asked, confirmed, flood):
    assert brake.is_flood(asked, confirmed) is flood


def test_case_24_a_flooded_form_tells_its_owners_once(client, braked):
    client.post(braked.url, data=braked.fields("more@example.org"))
    (alert,) = messages("form-alert")
    mail = prepared(alert, "form-alert")
    assert isinstance(mail, Prepared)
    assert (mail.to, mail.values["form"]["asked"]) == (braked.place.owner_email, "3")


def test_case_24_a_braked_form_takes_a_solved_puzzle_once(client, braked):
    refused = client.post(braked.url, data=braked.fields(), headers=JSON)
    assert refused.status_code == 422
    solution = puzzle.solve(refused.json["puzzle"])
    fields = braked.fields(altcha=solution)
    assert client.post(braked.url, data=fields, headers=JSON).status_code == 200
    again = client.post(braked.url, data={**fields, "email": "next@example.org"}, headers=JSON)
    assert again.status_code == 422
    other = signup.stage("Another brand")
    session().execute(text("UPDATE forms SET challenge_until = now() + interval '1 day'"))
    session().expire_all()
    foreign = puzzle.solve(puzzle.make(braked.form.public_id, clock.now()))
    assert client.post(other.url, data=other.fields(altcha=foreign), headers=JSON).status_code == 422


def test_case_24_without_a_script_patience_opens_it_once_a_page(client, braked):
    page = client.get(braked.url).text
    assert json.loads(unescape(re.findall(r'data-puzzle="([^"]+)"', page)[0]))["algorithm"] == "SHA-256"
    opened = hidden(page)["t"]
    clock.set_shift(10)
    assert client.post(braked.url, data=braked.fields(t=opened)).status_code == 422
    clock.set_shift(16)
    assert client.post(braked.url, data=braked.fields(t=opened)).status_code == 303
    assert client.post(braked.url, data=braked.fields("b@example.org", t=opened)).status_code == 422


def test_case_24_the_brake_ends_by_itself(client, braked):
    clock.set_shift(2 * 3600)
    assert client.post(braked.url, data=braked.fields()).status_code == 303


def test_case_24_a_solution_is_believed_in_no_other_shape(session):
    now = clock.now()
    made = puzzle.make("form1", now)
    solution = puzzle.solve(made)
    import base64

    plain = json.loads(base64.b64decode(solution))

    def encode(**more) -> str:
        return base64.b64encode(json.dumps({**plain, **more}).encode()).decode()

    odd = [
        "", "x", "e30=", base64.b64encode(b"[1]").decode(), "A" * 5000, encode(number=-1), encode(number=True),
        encode(number="7"), encode(salt=None), encode(signature="é"), encode(signature="0" * 64),
        encode(salt=plain["salt"].replace("expires=", "expires=9")), encode(number=plain["number"] + 1),
    ]  # fmt: skip
    assert not [answer for answer in odd if puzzle.is_solved(answer, "form1", now)]
    assert not puzzle.is_solved(solution, "form1", now + puzzle.GOOD_FOR * 2)
    assert puzzle.is_solved(solution, "form1", now)
    assert not puzzle.is_solved(solution, "form1", now)


def test_case_24_a_replay_is_known_without_redis(session, servers):
    solution = puzzle.solve(puzzle.make("form2", clock.now()))
    redis.configure("redis://127.0.0.1:1/0")
    try:
        assert puzzle.is_solved(solution, "form2", clock.now())
        assert not puzzle.is_solved(solution, "form2", clock.now())
    finally:
        redis.configure(servers.redis_url)


def test_case_46_a_post_of_many_parts_is_not_read(client, stage):
    line = "\r\n"
    part = f'--x{line}Content-Disposition: form-data; name="topic"{line}{line}1{line}'
    body = part * 20_000 + f"--x--{line}"
    before = signup.everything()
    answer = client.post(stage.url, data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 413
    assert client.post(stage.url, data="a=1&" * 2_000_000).status_code == 413
    assert signup.everything() == before


@pytest.mark.parametrize(
    ("address", "flags"),
    [
        ("mara@example.org", ()),
        ("a@mailinator.com", ("disposable",)),
        ("a@sub.mailinator.com", ("disposable",)),
        ("Info@example.org", ("role",)),
        ("info+news@example.org", ("role",)),
        ("information@example.org", ()),
        ("postmaster@mailinator.com", ("disposable", "role")),
    ],
)
def test_throw_away_and_role_addresses_are_known(address, flags):
    assert addresses.flags_of(normalise(address)) == flags


def test_flagged_addresses_are_asked_and_noted_or_refused_by_policy(client, stage):
    from app.forms import service

    assert client.post(stage.url, data=stage.fields("info@mailinator.com")).status_code == 303
    personal = session().execute(text("SELECT body FROM consent_personal")).scalar_one()
    assert b'"verdict":"disposable role"' in personal
    service.set_look(stage.place.id, stage.form.id, Style(), Policy(Take.REFUSE, Take.REFUSE))
    session().flush()
    for address in ("a@mailinator.com", "office@example.org"):
        answer = client.post(stage.url, data=stage.fields(address), headers=JSON)
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["email"])
    assert client.post(stage.url, data=stage.fields()).status_code == 303


def test_a_domain_that_takes_no_mail_is_told_and_silence_refuses_nobody(client, stage, app, monkeypatch):
    zone = {"shop.de": True, "null-mx.de": False, "silent.de": None}
    asked: list[str] = []

    def resolve(domain: str) -> bool | None:
        asked.append(domain)
        return zone[domain]

    production = type(app.config["NOD"]).is_production
    monkeypatch.setattr(type(app.config["NOD"]), "is_production", property(lambda _self: True))
    addresses.use(resolve)
    try:
        codes = {
            domain: client.post(stage.url, data=stage.fields(f"a@{domain}")).status_code
            for domain in ("shop.de", "null-mx.de", "example.org", "shop.de", "silent.de", "other.de")
        }
    finally:
        addresses.use(None)
        monkeypatch.setattr(type(app.config["NOD"]), "is_production", production)
    assert codes == {"shop.de": 303, "null-mx.de": 422, "example.org": 303, "silent.de": 303, "other.de": 303}
    # A known domain and those of examples are not asked about; after a silence nobody is for a while.
    assert asked == ["shop.de", "null-mx.de", "silent.de"]
    assert session().execute(select(Submission)).scalars().all()


def test_case_26_the_answer_is_ready_before_anybody_looks_who_it_is(app, client, stage):
    """The same statements, in the same order, for a known address and an unknown one: one row, and nothing else."""
    signup.question(stage, client, MARA)
    client.has_workers = False
    seen = []
    url, posts = stage.url, [stage.fields(address) for address in (MARA, "nobody@example.org")]
    for fields in posts:
        with signup.statements(app) as statements:
            assert client.post(url, data=fields).status_code == 303
        seen.append([line for line in statements if not line.startswith(("SAVEPOINT", "RELEASE"))])
    assert seen[0] == seen[1]
    written = [line for line in seen[0] if not line.startswith("SELECT")]
    assert len(written) == 1
    assert written[0].startswith("INSERT INTO submissions")
