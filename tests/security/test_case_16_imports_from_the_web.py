"""Attack case 16: a file of people is fetched from the open web only; to anywhere else no packet leaves."""

from __future__ import annotations

import pytest

from app.kernel import outgoing
from tests.imports.conftest import PAGE, Importer
from tests.security.test_case_16_pictures_from_the_web import INSIDE
from tests.support import make
from tests.support.webhook import hook


@pytest.fixture
def staff(session, client):
    return Importer(client, make.place())


@pytest.mark.parametrize("url", INSIDE)
def test_case_16_no_packet_leaves_for_an_address_inside(staff, monkeypatch, url):
    monkeypatch.setattr(outgoing.socket, "create_connection", lambda *_a, **_k: pytest.fail("a packet left"))
    answer = staff.post(PAGE, page=PAGE, url=url)
    assert answer.status_code == 422
    assert 'id="url-error"' in answer.text
    assert "people.csv" not in staff.get(PAGE).text


def test_case_16_a_server_that_leads_inside_is_not_followed_and_one_that_does_not_is(staff, tmp_path, monkeypatch):
    with hook(tmp_path, monkeypatch) as server:
        for to in ("https://127.0.0.1:6379/", "http://hooks.example/p.csv", "file:///etc/passwd"):
            server.pages["/days?x=1"] = (302, to, b"")
            answer = staff.post(PAGE, page=PAGE, url=server.url)
            assert answer.status_code == 422
            assert 'id="url-error"' in answer.text
        server.pages["/days?x=1"] = (200, "text/csv", b"email\nweb@example.org\n")
        answer = staff.post(PAGE, page=PAGE, url=server.url)
    assert answer.status_code == 303
    assert staff.found(answer.headers["Location"]).octets == len(b"email\nweb@example.org\n")
