"""Attack case 17 at the links in mails: they lead to the stored address and to no other, whatever is asked."""

from __future__ import annotations

import pytest

from app.consent.rules import Level
from app.kernel import tokens as kernel_tokens
from app.tracking import service, tokens
from tests.support import make, reading
from tests.support.properties import whole
from tests.support.reading import LINKS, visit

pytestmark = pytest.mark.thorough

EVIL = "https://evil.example/"


@pytest.fixture
def letter(session):
    place = make.place()
    return reading.sent(place, [reading.reader(place)])


@pytest.fixture
def code(letter):
    return letter.link(letter.people[0], 0)


def test_what_is_added_to_a_link_changes_nothing(client, code):
    for extra in (
        f"?u={EVIL}", f"?url={EVIL}", f"?next={EVIL}", "?u=//evil.example", f"?{EVIL}", "?0=1", "?utm_source=x",
        f"#{EVIL}", "?Location=" + EVIL,
    ):  # fmt: skip
        answer = visit(client, code + extra)
        assert (answer.status_code, answer.headers["Location"]) == (302, LINKS[0]), extra


def test_what_makes_it_another_link_is_not_found(client, code):
    for extra in (
        "/" + EVIL, "/evil.example", "//evil.example", "@evil.example", ".evil.example", "%2F%2Fevil.example",
        "1", "%00", "%0d%0aLocation:%20https://evil.example", ";x", " ", "%20", "a",
    ):  # fmt: skip
        answer = visit(client, code + extra)
        assert answer.status_code == 404, extra
        assert "Location" not in answer.headers, extra
        assert "evil" not in str(answer.headers), extra


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


PATTERN = "https://ostkai.example/?n={{contact.first_name}}"
MINE = "https://ostkai.example/?n=Mara"


@pytest.fixture
def tagged(letter):
    return reading.sent(letter.where, letter.people, links=[*LINKS, PATTERN])


def own_target(tagged, target=MINE, level=Level.INDIVIDUAL):
    return service.links_for(tagged.no, 1, level)(3, target)


def path(url):
    return "/r/" + url.rsplit("/r/", 1)[1]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_signed_target_is_led_to(client, tagged, method):
    answer = visit(client, path(own_target(tagged)), method=method)
    assert (answer.status_code, answer.headers["Location"]) == (302, MINE)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_altered_character_of_a_signed_target_is_not_found(client, tagged):
    code = path(own_target(tagged))[3:]
    for place, mark in enumerate(code):
        for other in {"A", "B", "_", "9"} - {mark}:
            answer = visit(client, f"/r/{code[:place]}{other}{code[place + 1 :]}")
            assert answer.status_code == 404, place
            assert "Location" not in answer.headers
    for cut in range(len(code)):
        assert visit(client, f"/r/{code[:cut]}").status_code in {404, 405}


def test_every_altered_bit_of_a_signed_target_is_not_found(client, tagged):
    raw = kernel_tokens.decode(path(own_target(tagged))[3:])
    for bit in range(0, len(raw) * 8, whole(3, 1)):  # in turn each bit of an octet
        other = bytearray(raw)
        other[bit // 8] ^= 1 << bit % 8
        assert visit(client, "/r/" + kernel_tokens.encode(bytes(other))).status_code == 404, bit


@pytest.mark.parametrize(
    "extra", [f"?u={EVIL}", "?0=1", "#x"],
)  # fmt: skip
def test_what_is_added_to_a_signed_target_changes_nothing(client, tagged, extra):
    assert visit(client, path(own_target(tagged)) + extra).headers["Location"] == MINE


def test_the_proof_of_one_target_is_none_for_another_or_for_a_plain_link(client, tagged):
    code = path(own_target(tagged))[3:]
    raw = kernel_tokens.decode(code)
    evil = raw[:11] + EVIL.encode() + raw[-12:]
    assert visit(client, "/r/" + kernel_tokens.encode(evil)).status_code == 404
    # Nor does a plain link lead to what the tags were before anybody filled them in.
    plain = tokens.make(tagged.no, 1)
    assert visit(client, f"/r/{plain}2").status_code == 302
    assert visit(client, f"/r/{plain}3").status_code == 404


def test_what_the_author_did_not_begin_is_never_signed(tagged):
    for target in (
        "javascript:alert(1)", "data:text/html,x", EVIL, "https://ostkai.example.evil.example/", "//evil.example", "",
        "https://ostkai.example/ ?n=x", "https://ostkai.example/?n=\r\nSet-Cookie: a=b",
        "https://ostkai.example/?n=" + "x" * 2000,
    ):  # fmt: skip
        assert own_target(tagged, target) == target


@pytest.mark.parametrize("level", [Level.NONE, Level.AGGREGATE])
def test_a_target_that_tells_people_apart_is_signed_only_for_who_allows_it(tagged, level):
    assert own_target(tagged, level=level) == MINE


@pytest.mark.parametrize("target", ["javascript:alert(1)", "ftp://a.example/x", "data:text/html,hi"])
def test_even_a_signed_target_must_be_in_the_web(client, tagged, target):
    code = tokens.target_code(tagged.no, 1, 3, target)
    answer = visit(client, "/r/" + code)
    assert answer.status_code == 404
    assert "Location" not in answer.headers


def test_no_pattern_without_its_host_can_be_stored(letter):
    from app.kernel.db import transaction
    from app.kernel.errors import BadInput

    for pattern in (
        "https://{{ contact.first_name }}.example/", "https://ostkai.example{{ contact.first_name }}",
        "javascript:{{ contact.first_name }}", "ostkai.example/{{ contact.first_name }}", "//a.example/{{ x }}",
    ):  # fmt: skip
        with pytest.raises(BadInput), transaction():
            service.register(letter.no + 1_000_000, letter.where.id, [pattern])


def test_a_signed_target_counts_under_the_links_pattern_and_asks_the_database_nothing(
    client, tagged, count_statements
):
    from app.tracking import queries

    (who,) = tagged.people
    link = path(own_target(tagged))
    with count_statements() as statements:
        assert visit(client, link).status_code == 302
    assert statements == []
    visit(client, path(own_target(tagged, MINE + "2")), "curl/8")
    reading.take_in()
    assert [(s.link, s.url, s.verdict) for s in tagged.signals(who)] == [
        (3, PATTERN, "human"), (3, PATTERN, "machine"),
    ]  # fmt: skip
    last = queries.by_link(tagged.where.id, tagged.no)[-1]
    assert (last.url, last.counts["human"], last.counts["machine"]) == (PATTERN, 1, 1)


def test_who_takes_the_permission_back_is_led_on_and_not_noted(client, tagged):
    link = path(own_target(tagged))
    reading.allow(tagged.where, tagged.people[0], Level.NONE)
    assert visit(client, link).headers["Location"] == MINE
    reading.take_in()
    assert tagged.signals(tagged.people[0]) == []
