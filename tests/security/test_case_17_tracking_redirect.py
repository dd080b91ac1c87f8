"""Attack case 17 at the links in mails: they lead to the stored address and to no other, whatever is asked."""

from __future__ import annotations

import pytest

from app.consent.rules import Level
from app.kernel import tokens as kernel_tokens
from app.tracking import service, tokens
from tests.support import make, reading
from tests.support.reading import LINKS, visit

EVIL = "https://evil.example/"


@pytest.fixture
def letter(session):
    place = make.place()
    return reading.sent(place, [reading.reader(place)])


@pytest.fixture
def code(letter):
    return letter.link(letter.people[0], 0)


@pytest.mark.parametrize(
    "extra",
    [
        f"?u={EVIL}", f"?url={EVIL}", f"?next={EVIL}", "?u=//evil.example", f"?{EVIL}", "?0=1", "?utm_source=x",
        f"#{EVIL}", "?Location=" + EVIL,
    ],
)  # fmt: skip
def test_what_is_added_to_a_link_changes_nothing(client, code, extra):
    answer = visit(client, code + extra)
    assert (answer.status_code, answer.headers["Location"]) == (302, LINKS[0])


@pytest.mark.parametrize(
    "extra", ["/" + EVIL, "/evil.example", "//evil.example", "@evil.example", ".evil.example", "%2F%2Fevil.example",
              "1", "%00", "%0d%0aLocation:%20https://evil.example", ";x", " ", "%20", "a"],
)  # fmt: skip
def test_what_makes_it_another_link_is_not_found(client, code, extra):
    answer = visit(client, code + extra)
    assert answer.status_code == 404
    assert "Location" not in answer.headers
    assert "evil" not in str(answer.headers)


def test_every_altered_character_is_not_found(client, code):
    token = code[3 : 3 + tokens.SIZE]
    for place in range(tokens.SIZE):
        other = "A" if token[place] != "A" else "B"
        answer = visit(client, f"/r/{token[:place]}{other}{token[place + 1 :]}0")
        assert answer.status_code == 404
        assert "Location" not in answer.headers


def test_headers_and_hosts_do_not_move_the_target(client, code):
    for headers in (
        {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}, {"X-Original-URL": EVIL},
        {"X-Rewrite-URL": EVIL}, {"Referer": EVIL}, {"Origin": EVIL},
    ):  # fmt: skip
        assert visit(client, code, **headers).headers["Location"] == LINKS[0]
    answer = client.get(code, headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_a_token_leads_to_links_of_its_own_mailing_only(client, letter):
    other = reading.sent(letter.where, letter.people, links=[EVIL])
    mine = tokens.make(letter.no, 1)
    for index in range(50):
        answer = visit(client, f"/r/{mine}{index}")
        assert answer.headers.get("Location", LINKS[0]) in LINKS
    theirs = kernel_tokens.decode(tokens.make(other.no, 1))
    spliced = kernel_tokens.encode(theirs[:9] + kernel_tokens.decode(mine)[9:])
    assert visit(client, f"/r/{spliced}0").status_code == 404


def test_tokens_of_other_purposes_lead_nowhere(client):
    body = (1).to_bytes(4, "big") + (1).to_bytes(5, "big")
    for purpose in ("unsubscribe", "preferences", "confirm", "private"):
        forged = kernel_tokens.encode(body + kernel_tokens.mac(purpose, body, 9))
        assert visit(client, f"/r/{forged}0").status_code == 404
    assert visit(client, "/r/" + kernel_tokens.sign("tracking", body) + "0").status_code == 404


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "data:text/html,hi", "//evil.example", "https:evil"]
)
def test_no_such_target_can_be_stored(letter, target):
    from app.kernel.db import transaction
    from app.kernel.errors import BadInput

    with pytest.raises(BadInput), transaction():
        service.register(letter.no + 1_000_000, letter.where.id, [target])


def test_the_answer_tells_nothing_to_the_target(client, letter, code):
    answer = visit(client, code)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    assert service.links_for(letter.no, 1, Level.NONE)(0, LINKS[0]) == LINKS[0]
