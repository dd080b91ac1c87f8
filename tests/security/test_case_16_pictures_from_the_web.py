"""Attack case 16: the address of a picture leads to the open web only; to anywhere else no packet leaves."""

from __future__ import annotations

import re

import pytest

from app.content import pictures, queries
from app.content.pages import taking
from app.kernel import outgoing
from app.kernel.outgoing import Answer
from tests.support import accounts, images, make
from tests.support.webhook import hook

INSIDE = [
    "https://127.0.0.1/a.png", "https://[::1]/a.png", "https://[::]/a.png", "https://0/a.png", "https://2130706433/a.png",
    "https://0177.0.0.1/a.png", "https://[::ffff:169.254.169.254]/a.png", "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/a.png", "https://10.0.0.7/a.png", "https://localhost./a.png", "http://hooks.example/a.png",
    "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/a.png", "https://hooks.example:25/a.png",
    "https://hooks.example:6379/", "https://hooks.example:5432/", "https://user:word@hooks.example/a.png",
    "//127.0.0.1/a.png", "no address",
]  # fmt: skip


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def inside(client, place):
    accounts.sign_in(client, accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD))
    return client


@pytest.fixture
def token(inside):
    return accounts.csrf_of(inside.get("/pictures").text)


@pytest.mark.parametrize("url", INSIDE)
def test_case_16_no_packet_leaves_for_an_address_inside(inside, place, token, monkeypatch, url):
    monkeypatch.setattr(outgoing.socket, "create_connection", lambda *_a, **_k: pytest.fail("a packet left"))
    answer = inside.post("/pictures", **images.multipart({"csrf": token, "url": url, "alt": "My words"}))
    assert answer.status_code == 422
    assert 'id="url-error"' in answer.text
    assert "My words" in answer.text
    assert queries.list_pictures(place.id).rows == []


def test_case_16_a_server_that_leads_inside_is_not_followed(inside, place, token, tmp_path, monkeypatch):
    with hook(tmp_path, monkeypatch) as server:
        for to in ("https://127.0.0.1:6379/", "http://hooks.example/a.png", "file:///etc/passwd"):
            server.pages["/days?x=1"] = (302, to, b"")
            answer = inside.post("/pictures", **images.multipart({"csrf": token, "url": server.url}))
            assert answer.status_code == 422
            assert 'id="url-error"' in answer.text
    assert queries.list_pictures(place.id).rows == []


def test_a_picture_is_copied_from_the_web_as_if_it_had_been_given(inside, place, token, tmp_path, monkeypatch):
    with hook(tmp_path, monkeypatch) as server:
        url = server.url.replace("/days?x=1", "/photos/Harbour%20at%20dawn.jpg")
        server.pages["/photos/Harbour%20at%20dawn.jpg"] = (200, "text/html", images.photo(1_400, 700, turned=3))
        answer = inside.post("/pictures", **images.multipart({"csrf": token, "url": url, "alt": "Boats"}))
    assert answer.status_code == 303
    (picture,) = queries.list_pictures(place.id).rows
    assert (picture.name, picture.alt, picture.kind) == ("Harbour at dawn", "Boats", "jpeg")
    assert (picture.width, picture.height) == (1_200, 600)
    assert b"Secretphone" not in picture.data


@pytest.mark.parametrize(
    ("answered", "says"),
    [
        (Answer(200, b"<!DOCTYPE html><html></html>", "image/png"), "web page, not a picture"),
        (Answer(200, b"<svg onload='alert(1)'/>", "image/svg+xml"), "SVG"),
        (Answer(200, images.png()[:50], "image/png"), "broken"),
        (Answer(404, b"", ""), "answered 404"),
        (outgoing.NotSent("hooks.example is too slow."), "too slow"),
    ],
)
def test_what_comes_is_looked_at_and_not_believed(inside, place, token, monkeypatch, answered, says):
    def got(url, *, most, seconds):
        assert (most, seconds) == (pictures.OCTETS, taking.SECONDS)
        if isinstance(answered, Exception):
            raise answered
        return answered

    monkeypatch.setattr(outgoing, "get", got)
    answer = inside.post("/pictures", **images.multipart({"csrf": token, "url": "https://hooks.example/a.png"}))
    assert answer.status_code in {415, 422}
    assert re.search(rf'id="url-error">.*{says}', answer.text, re.DOTALL)
    assert 'value="https://hooks.example/a.png"' in answer.text
    assert queries.list_pictures(place.id).rows == []
