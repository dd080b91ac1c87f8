"""Whatever is written into a letter or a snippet: its page and its preview come, and nothing runs longer than its limits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from app.content import queries, service
from app.content.blocks.writing import Block
from app.content.merge import SECONDS
from app.content.mjml import WALL_SECONDS
from app.content.service import blocks as service_blocks
from app.content.service import snippets as service_snippets
from app.kernel.db import session as current
from app.kernel.db import transaction
from tests.support import accounts, letters, make
from tests.support.properties import ANY, examples

LONGEST = WALL_SECONDS + SECONDS
"""Seconds: after these whatever runs away has been stopped."""
SIZES = (9_000, 55_000, 100_000)
PIECES = (
    "\0", "\x0b\x1b\x85", "\ud800", "\udfff\ud83d", "\ufffe\uffff", "\u202e\u2066עברית\u200f", "e" + "\u0301" * 40, "😀\u200d🧑🏽",
    "&#0;&#xD800;&amp;&bogus;", "{%", "%}", "{{", "}}", "{#", "{% if contact.first_name %}", "{% for a in contact %}", "{% endfor %}",
    "{{ contact.first_name|", "{{ 9**9**9 }}", "{{ ''.__class__ }}", "{{ snippet.fuzz }}", "{% raw %}", "[[ x ]]", "[% if %]", "<", "</", ">",
    '"', "'", "<!--", "-->", "]]>", "<![CDATA[", "<?xml", '<!DOCTYPE a [<!ENTITY b "c">]>&b;', "<mj-text>", "</mj-text>", "</mj-column>",
    "<mj-section><mj-column>", '<mj-include path="../../etc/passwd" />', "<mj-raw>", "<mj-style>a{", "<mj-attributes>", "<p>", "<strong>",
    "<ul>", "<li>", '<a href="javascript:x">', "<script>", "$brand", "nodrich0z", "nodtag0z", "\\", "\r\n", "\u2028",
)  # fmt: skip
ODD = st.text(ANY, max_size=30) | st.text(st.characters(categories=["Cs", "Cc", "Cn", "Lo"]), max_size=8)
MIXED = st.lists(st.sampled_from(PIECES) | ODD, max_size=12).map("".join)
LARGE = st.builds(lambda piece, size: (piece * size)[:size] + "x", st.sampled_from(PIECES), st.sampled_from(SIZES))


class Desk:
    """Somebody who saves and looks as the editors do, with a letter of each kind and a snippet."""

    def __init__(self, client, where: make.Place) -> None:
        accounts.sign_in(client, accounts.Account(where.owner_id, where.id, where.owner_email, make.PASSWORD))
        self.client, self.workspace_id = client, where.id
        self.code = letters.letter(where.id).id
        with transaction():
            self.blocks = service.create_letter(where.id, "November", design="announcement").id
            self.snippet = service_snippets.create_snippet(where.id, "Fuzz", "<p>Words</p>").id
        self.csrf = accounts.csrf_of(client.get(f"/letters/{self.code}").text)

    def code_with(self, field: str, text: str) -> None:
        """The letter by hand."""
        values = {"subject": "S", "preheader": "P", "source": letters.source(), "own_text": "", field: text}
        self.save(f"/letters/{self.code}", "", {**values, "revision": self.revision_of(self.code)})

    def block_with(self, kind: str, field: str, text: str) -> None:
        """The letter of blocks, with one of a kind that has nothing in it yet."""
        with transaction():
            service_blocks.edit(self.workspace_id, self.blocks, lambda _: [Block("b1", kind, {}, {})])
        values = {"filled": "1", f"v-{field}": text, "revision": self.revision_of(self.blocks)}
        self.save(f"/letters/{self.blocks}", "/blocks/b1", values)

    def lines_with(self, text: str) -> None:
        """Subject and preview line of the letter of blocks."""
        values = {"subject": text, "preheader": text, "revision": self.revision_of(self.blocks)}
        self.save(f"/letters/{self.blocks}", "/lines", values)

    def snippet_with(self, text: str) -> None:
        """The snippet."""
        current().expire_all()
        revision = queries.get_snippet(self.workspace_id, self.snippet).revision
        self.save(f"/snippets/{self.snippet}", "", {"name": "Fuzz", "body": text, "revision": str(revision)})

    def revision_of(self, letter_id: UUID) -> str:
        """As the form holds it."""
        current().expire_all()
        return str(queries.get_letter(self.workspace_id, letter_id).revision)

    def save(self, page: str, verb: str, values: Mapping[str, str]) -> None:
        """Post, then look. Halves of pairs go out as three octets, which no browser sends."""
        fields = {"csrf": self.csrf, **values}
        body = "&".join(f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in fields.items())
        self.ask("POST", page + verb, data=body, content_type="application/x-www-form-urlencoded")
        self.ask("GET", page)
        self.ask("GET", f"{page}/preview")

    def ask(self, method: str, path: str, **more) -> None:
        """One request: no fault of ours, and in time."""
        began = time.monotonic()
        answer = self.client.open(path, method=method, **more)
        seconds = time.monotonic() - began
        allowed = {303, 422} if method == "POST" else {200, 422} if path.endswith("/preview") else {200}
        assert answer.status_code in allowed, f"{method} {path}: {answer.status} {answer.text[:300]}"
        assert seconds < LONGEST, f"{method} {path} took {seconds:.1f} s"


PLACES = {
    "source": lambda desk, text: desk.code_with("source", text),
    "words": lambda desk, text: desk.code_with("source", letters.source(f"<mj-text>{text}</mj-text>")),
    "attribute": lambda desk, text: desk.code_with("source", letters.source(f'<mj-button href="{text}">Go</mj-button>')),
    "subject": lambda desk, text: desk.code_with("subject", text),
    "text part": lambda desk, text: desk.code_with("own_text", text),
    "lines": Desk.lines_with,
    "rich text": lambda desk, text: desk.block_with("text", "text", text),
    "heading": lambda desk, text: desk.block_with("heading", "text", text),
    "html": lambda desk, text: desk.block_with("html", "html", text),
    "link": lambda desk, text: desk.block_with("button", "link", text),
    "snippet": Desk.snippet_with,
}


@pytest.fixture
def desk(client, session):
    return Desk(client, make.place())


@settings(
    max_examples=examples(8), deadline=None, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(st.sampled_from(sorted(PLACES)), MIXED | LARGE)
@example("rich text", "<ul>" * 14_000)
@example("source", "<mj-section>" * 8_000)
@example("words", "{{ contact.first_name }}" * 4_000)
def test_any_text_is_kept_or_refused_and_its_page_still_comes(desk, place, text):
    PLACES[place](desk, text)
