"""RFC 8058 as mail programs speak it: twenty shapes of one post, each ends the one topic at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.consent import history
from app.consent import queries as consent
from app.consent import service as consent_service
from app.kernel import clock, tokens
from app.kernel.db import session, transaction
from app.people import queries as people
from app.preferences import links
from tests.conftest import KEYS
from tests.support import make
from tests.support.signup import messages

PAIR = b"List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"
B = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


def multipart(boundary: str, *, name: str = '"List-Unsubscribe"', more: str = "", end: str = "\r\n") -> bytes:
    part = f"--{boundary}{end}Content-Disposition: form-data; name={name}{end}{more}{end}One-Click{end}--{boundary}--{end}"
    return part.encode()


SHAPES = {
    "gmail": (FORM, PAIR, {"User-Agent": "Mozilla/5.0 (compatible; Google-Mail-Unsubscribe)"}),
    "yahoo": (FORM, PAIR, {"User-Agent": "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"}),
    "apple": (FORM, PAIR, {"User-Agent": "Mail/3774.600.62 CFNetwork/1568.300.101 Darwin/24.2.0", "Accept": "*/*"}),
    "outlook": (FORM, PAIR, {"User-Agent": "Microsoft Outlook Unsubscribe", "Expect": ""}),
    "fastmail": (FORM, PAIR, {"User-Agent": "Fastmail/1.0 (+https://www.fastmail.com)"}),
    "proton": (FORM, PAIR, {"User-Agent": "ProtonMail", "Accept": "application/json"}),
    "libcurl": (FORM, PAIR, {"User-Agent": "curl/8.5.0"}),
    "python": (FORM, PAIR, {"User-Agent": "python-requests/2.32.3", "Accept-Encoding": "gzip, deflate"}),
    "java": (f"{FORM};charset=UTF-8", PAIR, {"User-Agent": "Java/21.0.2"}),
    "go": (FORM, PAIR, {"User-Agent": "Go-http-client/1.1"}),
    "no agent": (FORM, PAIR, {"User-Agent": ""}),
    "line end": (FORM, PAIR + b"\r\n", {}),
    "small letters": (FORM, b"list-unsubscribe=one-click", {}),
    "escaped": (FORM, b"List%2DUnsubscribe=One%2DClick", {}),
    "with more": (FORM, PAIR + b"&foo=bar", {}),
    "multipart": (f"multipart/form-data; boundary={B}", multipart(B), {}),
    "multipart quoted": ('multipart/form-data; boundary="=_x y"', multipart("=_x y"), {}),
    "multipart typed": (
        f"multipart/form-data; boundary={B}", multipart(B, more="Content-Type: text/plain; charset=utf-8\r\n"), {},
    ),
    "text": ("text/plain", PAIR, {"User-Agent": "MailMate (1.14r5852)"}),
    "no type": (None, PAIR, {"User-Agent": "K-9 Mail/6.8"}),
}  # fmt: skip
FROM_ELSEWHERE = {
    "Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example", "Referer": "https://mail.example/inbox?x=1",
    "Cookie": "session=stolen; nod=1",
}  # fmt: skip


@pytest.fixture
def door(place, mara):
    found = next(one for one in consent.list_permissions(place.id, mara.id) if one.interest_id == place.interests[0].id)
    return "/u/" + links.unsubscribe(links.Kind.PERMISSION, found.id)


def test_there_are_twenty_shapes():
    assert len(SHAPES) == 20


def test_each_shape_ends_its_topic_at_once_and_no_other(app, place):
    """One topic for each, which Mara wants all."""
    with transaction():
        topics = [consent_service.define_interest(place.id, name, description="", pace="") for name in SHAPES]
    place = replace(place, interests=tuple(topics))
    mara = make.person(place.id, "mara@example.org")
    make.confirmed(place, mara, interests=len(SHAPES))
    doors = {one.interest_id: one.id for one in consent.list_permissions(place.id, mara.id)}
    standing = dict.fromkeys(SHAPES, "yes")
    assert make.standing(place, mara) == standing
    for topic in topics:
        kind, body, headers = SHAPES[topic.name]
        answer = app.test_client(use_cookies=False).post(
            "/u/" + links.unsubscribe(links.Kind.PERMISSION, doors[topic.id]),
            data=body, content_type=kind, headers={**FROM_ELSEWHERE, **headers},
        )  # fmt: skip
        assert answer.status_code == 200, topic.name
        assert answer.data == b"Done.\n", topic.name
        assert "Location" not in answer.headers, topic.name
        assert "Set-Cookie" not in answer.headers, topic.name
        standing[topic.name] = "no"
        assert make.standing(place, mara) == standing
        entry = history.list_history(place.id, mara.id)[0]
        assert (entry.sentence, entry.method) == ("Said no", "one_click"), topic.name
    assert messages("left-notice") == []


def test_it_stands_on_the_timeline_within_a_second(client, place, mara, door):
    began = clock.now()
    client.post(door, data=PAIR, content_type=FORM)
    newest = people.timeline(place.id, mara.id, limit=5).entries[0]
    assert newest.title == "Said no"
    assert newest.at - began < timedelta(seconds=1)


def test_years_later_under_a_retired_key_it_still_says_no(client, place, mara, door):
    clock.set_shift(5 * 366 * 86400)
    tokens.configure(b"n" * 32, (b"m" * 32, KEYS["secret_key"]))
    try:
        assert client.post(door, data=PAIR, content_type=FORM).status_code == 200
    finally:
        tokens.configure(KEYS["secret_key"])
    assert make.standing(place, mara)["New coffees"] == "no"


def test_on_a_question_it_calls_the_question_off(client, place):
    jo = make.person(place.id, "jo@example.org")
    request = make.asked(place, jo)
    client.post(f"/u/{links.unsubscribe(links.Kind.REQUEST, request.id)}", data=PAIR, content_type=FORM)
    assert set(make.standing(place, jo).values()) == {"no"}
    assert client.post("/c/" + consent.confirm_token(request)).status_code == 410


def test_less_instead_of_none_counts_at_once_and_takes_no_permission(client, place, mara, door):
    page = client.get(door).text
    assert f'action="{door}/less"' in page
    assert "one mail a week" in client.post(f"{door}/less", data={"less": "weekly"}).text
    reach = consent.find_reach(place.id, mara.id)
    assert (reach.digest, reach.paused_until) == ("weekly", None)
    client.post(f"{door}/less", data={"less": "pause"})
    session().expire_all()
    assert reach.digest == "weekly"
    assert reach.paused_until > clock.now() + timedelta(days=29)
    assert client.post(f"{door}/less", data={"less": "more"}).status_code == 404
    assert set(make.standing(place, mara).values()) == {"yes"}
    assert history.list_history(place.id, mara.id)[0].sentence == "Chose how often"
