"""Case 18: what a page links to is a web address, judged when it is saved."""

from __future__ import annotations

import pytest

from app.forms import rules
from tests.forms.test_editor import edit_url, save, staff  # noqa: F401  a fixture
from tests.support import signup

HOSTILE = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "//evil.example",
    "\\\\evil.example",
    "https:\\\\evil.example",
    "https://user@evil.example",
    "https://",
    "https:///evil.example",
    "http://a b.example/",
    "https://example.org/\u2028x",
    "file:///etc/passwd",
    "ftp://example.org",
    "evil.example",
    "https://[::1",
    "https://example.org:99999/",
]


@pytest.fixture
def stage(session):
    return signup.stage()


@pytest.mark.parametrize("target", HOSTILE)
def test_case_18_a_hostile_target_is_no_web_address(target):
    with pytest.raises(ValueError, match="whole web address"):
        rules.web_address(target)


@pytest.mark.parametrize("target", ["javascript:alert(1)", "data:text/html,x", "//evil.example"])
@pytest.mark.parametrize("field", ["privacy_url", "origins"])
def test_case_18_a_hostile_target_is_refused_at_save(staff, stage, field, target):  # noqa: F811
    answer = save(staff, stage, **{field: target})
    assert answer.status_code == 422
    page = staff.get(stage.url).text
    assert "javascript:" not in page
    assert "evil.example" not in page
    assert f'href="{target}"' not in staff.get(edit_url(stage)).text


def test_case_18_a_real_address_is_kept(staff, stage):  # noqa: F811
    assert save(staff, stage, privacy_url="https://ostkai.example/privacy").status_code == 303
    assert 'href="https://ostkai.example/privacy"' in staff.get(stage.url).text


def test_case_18_only_listed_websites_read_answers_and_show_frames(client, session):
    stage = signup.stage(origins=("https://shop.example",))
    for origin, allowed in [
        ("https://shop.example", True),
        ("https://evil.example", False),
        ("https://shop.example.evil.example", False),
        ("http://shop.example", False),
        ("null", False),
        ("", False),
    ]:
        answer = client.post(
            stage.url, data=stage.fields(f"a{len(origin)}@example.org"), headers={"Origin": origin}
        )
        assert answer.status_code == 303
        assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Origin" in ",".join(answer.headers.getlist("Vary"))
    policy = client.get(stage.url).headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' https://shop.example" in policy
    assert "frame-ancestors 'none'" in client.get(f"{stage.url}/inbox").headers["Content-Security-Policy"]
