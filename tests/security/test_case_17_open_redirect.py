"""Case 17: no public page sends anybody where a stranger wants."""

from __future__ import annotations

import pytest

from app.kernel import clock
from tests.support import signup
from tests.support.signup import path_of

EVIL = "https://evil.example/"


@pytest.fixture
def stage(session):
    return signup.stage()


@pytest.mark.parametrize("name", ["u", "url", "next", "redirect", "target", "continue"])
def test_case_17_a_target_on_a_confirm_link_is_not_here(client, stage, name):
    link = path_of(signup.question(stage, client).values["links"]["confirm"])
    for method in (client.get, client.post):
        answer = method(f"{link}?{name}={EVIL}")
        assert answer.status_code == 404
        assert "evil.example" not in answer.text
    assert set(signup.states(signup.messages()[0].contact_id).values()) == {"asked"}


def test_case_17_an_altered_token_is_not_here(client, stage):
    link = path_of(signup.question(stage, client).values["links"]["confirm"])
    assert client.get(link[:-1] + ("A" if link[-1] != "A" else "B")).status_code == 404
    assert client.get(f"{link}//evil.example").status_code == 404


@pytest.mark.parametrize("name", ["next", "redirect", "success_url"])
def test_case_17_a_post_cannot_name_the_next_page(client, stage, name):
    answer = client.post(stage.url, data=stage.fields(**{name: EVIL}))
    assert answer.status_code == 422
    assert "Location" not in answer.headers


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https:evil.example"])
def test_case_17_odd_paths_redirect_nowhere(client, stage, path):
    answer = client.get(f"{stage.url}/{path}")
    assert answer.status_code in {400, 404} or answer.headers["Location"].startswith("http://127.0.0.1")


def test_case_17_the_page_after_a_post_is_ours(client, stage):
    answer = client.post(stage.url, data=stage.fields(), headers={"Origin": EVIL, "Referer": EVIL})
    assert answer.location.startswith(f"{stage.url}/inbox")
    page = client.get(answer.location + "&u=" + EVIL).text
    assert "evil.example" not in page
    assert clock.now()
