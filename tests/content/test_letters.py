"""Letters: drafts are kept, versions are compiled once and never change, what cannot be sent is not frozen."""

from __future__ import annotations

import re
import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from app.contacts import service as contacts
from app.content import addresses, mjml, places, queries, service
from app.content import letters as written
from app.content.letters import Incomplete, declared
from app.content.mjml import EMAILS
from app.content.models import LetterVersion
from app.content.service import Reader
from app.content.service.versions import NotReady
from app.content.variables import Kind, Variable
from app.kernel.db import db, transaction
from app.kernel.db import session as current
from app.kernel.errors import BadInput, Conflict, NotFound
from tests.support import letters, make
from tests.support.properties import whole


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def compiles(monkeypatch):
    """Counts how often the compiler really ran."""
    monkeypatch.setattr(mjml, "_results", mjml._Results())
    runs = []
    real = mjml._run
    monkeypatch.setattr(mjml, "_run", lambda source: runs.append(source) or real(source))
    return runs


def messages(problems, severity="error"):
    return [(one.place, one.line, one.message) for one in problems if one.severity == severity]


# --- Drafts -----------------------------------------------------------------------------------------------------


def test_a_draft_is_kept_with_all_its_faults_and_each_is_on_its_line(place):
    made = letters.letter(place.id)
    broken = letters.source(
        "<mj-text>Hello {{ contact.frist_name }}</mj-text>\nlost words\n<mj-nonsense />\n<mj-text>fine</mj-text>"
    )
    with transaction():
        problems = service.save_draft(place.id, made.id, "{{ nobody }}", "", broken)
    current().expire_all()
    assert queries.get_letter(place.id, made.id).source == broken
    found = {(where, line) for where, line, _ in messages(problems)}
    assert {("subject", 1), ("source", 8), ("source", 9), ("source", 10)} <= found
    with pytest.raises(NotReady) as refused:
        service.freeze_version(place.id, made.id)
    assert refused.value.status == 422
    assert {(one.place, one.line) for one in refused.value.problems} == found


def test_the_source_of_an_author_is_kept_to_the_letter(place):
    odd = letters.source("<mj-text>a  \t b   </mj-text>  \n\n\n<!-- mine -->")
    made = letters.letter(place.id)
    with transaction():
        service.save_draft(place.id, made.id, "S", "P", odd)
    current().expire_all()
    assert queries.get_letter(place.id, made.id).source == odd


def test_two_writers_notice_each_other(place):
    made = letters.letter(place.id)
    seen = made.revision
    with transaction():
        service.save_draft(place.id, made.id, "Mine", "P", made.source, revision=seen)
    with pytest.raises(Conflict):
        service.save_draft(place.id, made.id, "Theirs", "P", made.source, revision=seen)
    assert queries.get_letter(place.id, made.id).subject == "Mine"


def test_another_workspace_sees_no_letter_and_no_version(place):
    other = make.place("Other")
    made = letters.letter(place.id)
    frozen = service.freeze_version(place.id, made.id)
    for act in (
        lambda: queries.get_letter(other.id, made.id),
        lambda: service.save_draft(other.id, made.id, "S", "P", "x"),
        lambda: service.freeze_version(other.id, made.id),
        lambda: service.restore_version(other.id, made.id, 1),
        lambda: queries.get_version(other.id, frozen.id),
        lambda: service.publish(other.id, frozen.id),
    ):
        with pytest.raises(NotFound):
            act()


@pytest.mark.parametrize("name", [one.name for one in service.designs()])
def test_every_design_makes_a_letter_that_can_be_sent(place, name):
    with transaction():
        made = service.create_letter(place.id, "From a design", design=name)
    problems = service.check(place.id, made.id).problems
    if name in {"blank", "code"}:
        assert messages(problems) == [("subject", 1, "Write a subject.")]
        return
    assert messages(problems) == []
    assert {re.sub("^This (button|link|picture)", "It", one.message) for one in problems} <= {
        "It still leads to an example."
    }
    assert made.subject
    assert "media.ostkai.example" not in made.source
    version = service.freeze_version(place.id, made.id)
    assert len(version.html.encode()) < 60 * 1024
    assert version.blocks == made.blocks != []


def test_four_designs_come_first():
    first = ["blank", "announcement", "digest", "plain-letter"]
    assert [one.name for one in service.designs() if one.is_first] == first
    assert [one.name for one in service.designs()][:4] == first


# --- Versions ---------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_version_is_compiled_once_whatever_follows(place, compiles):
    made = letters.letter(place.id)
    compiles.clear()
    mjml._results = mjml._Results()
    written._write_once.cache_clear()
    frozen = service.freeze_version(place.id, made.id)
    for number in range(whole(5, 50)):
        service.render(frozen, letters.values(place.id, Reader(f"Reader {number}")))
    service.render_public(frozen, service.public_values(_brand(place)))
    assert len(compiles) == 1
    mjml._results = mjml._Results()  # as in another process
    again = service.freeze_version(place.id, made.id)
    assert again.id == frozen.id
    assert len(compiles) == 1


def _brand(place):
    from app.accounts import queries as accounts

    return accounts.brand(place.id)


def test_every_change_makes_a_new_version_and_the_old_one_stays(place):
    made = letters.letter(place.id)
    first = service.freeze_version(place.id, made.id)
    kept = (first.html, first.text, first.subject)
    for number, change in enumerate(
        [{"subject": "Other"}, {"preheader": "Other"}, {"source": letters.source("<mj-text>Other</mj-text>")},
         {"own_text": "Other {{ links.unsubscribe }} {{ brand.postal_address }}"}],
        start=2,
    ):  # fmt: skip
        values = {
            name: getattr(made, name) for name in ("subject", "preheader", "source", "own_text")
        } | change
        with transaction():
            own_text = values.pop("own_text")
            service.save_draft(place.id, made.id, **values, own_text=own_text)
        assert service.freeze_version(place.id, made.id).number == number
    current().expire_all()
    old = queries.get_version(place.id, first.id)
    assert (old.html, old.text, old.subject) == kept


def test_going_back_to_a_version_brings_its_words_and_loses_none(place):
    made = letters.letter(place.id)
    first = service.freeze_version(place.id, made.id)
    with transaction():
        service.save_draft(place.id, made.id, "Second", "P2", letters.source("<mj-text>Second</mj-text>"))
    service.freeze_version(place.id, made.id)
    with transaction():
        back = service.restore_version(place.id, made.id, 1)
    assert (back.subject, back.source) == (first.subject, first.source)
    assert [one.number for one in queries.list_versions(back)] == [2, 1]
    third = service.freeze_version(place.id, made.id)
    assert (third.number, third.html) == (3, first.html)


@pytest.mark.parametrize(
    "statement", ["UPDATE letter_versions SET html = 'x'", "DELETE FROM letter_versions"]
)
def test_the_application_has_no_right_to_change_a_version(place, statement):
    letters.version(place.id)
    with pytest.raises(ProgrammingError, match="permission denied"):
        current().execute(text(statement))


def test_not_even_the_owner_of_the_database_changes_a_version(live):
    letters.version(make.place().id)
    for statement in (
        "UPDATE letter_versions SET html = 'x'",
        "DELETE FROM letter_versions",
        "TRUNCATE letter_versions CASCADE",
    ):
        with db.engine.connect() as connection:
            connection.execute(text("SET ROLE NONE"))
            with pytest.raises(Exception, match="append-only"):
                connection.execute(text(statement))


def test_two_at_once_freeze_one_version(live):
    made = letters.letter(make.place().id)
    found: list[LetterVersion] = []

    def freeze() -> None:
        with live.app_context():
            with transaction():
                found.append(service.freeze_version(made.workspace_id, made.id))
            db.session.remove()

    threads = [threading.Thread(target=freeze) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({one.id for one in found}) == 1
    assert len(found) == 4


# --- What every letter must show --------------------------------------------------------------------------------

WAY_OUT = '<mj-text><a href="{{ links.unsubscribe }}">Leave</a></mj-text>'
POSTAL = "<mj-text>{{ brand.postal_address }}</mj-text>"


@pytest.mark.parametrize(
    ("inner", "lacks"),
    [
        (POSTAL, "the link to unsubscribe"),
        (WAY_OUT, "your postal address"),
        (
            POSTAL + '<mj-text><a href="{{ links.preferences }}">Leave</a></mj-text>',
            "the link to unsubscribe",
        ),
        (POSTAL + f"<mj-raw><!-- {WAY_OUT} --></mj-raw>", "the link to unsubscribe"),
        (POSTAL + f'<mj-raw><div style="display:none">{WAY_OUT}</div></mj-raw>', "the link to unsubscribe"),
        (
            POSTAL
            + '<mj-text>{% if contact.first_name %}<a href="{{ links.unsubscribe }}">x</a>{% endif %}</mj-text>',
            "the link to unsubscribe",
        ),
    ],
)
def test_no_letter_is_frozen_that_a_reader_could_not_leave(place, inner, lacks):
    made = letters.letter(place.id, inner, footer="")
    with pytest.raises(NotReady, match=lacks):
        service.freeze_version(place.id, made.id)


def test_a_footer_of_ones_own_is_enough(place):
    assert letters.version(place.id, WAY_OUT + POSTAL, footer="").number == 1


def test_a_text_part_of_ones_own_must_show_it_too(place):
    made = letters.letter(place.id)
    with transaction():
        service.save_draft(place.id, made.id, "S", "P", letters.source(), own_text="Hello")
    with pytest.raises(NotReady) as refused:
        service.freeze_version(place.id, made.id)
    assert [one.place for one in refused.value.problems] == ["text", "text"]


@pytest.mark.parametrize("lost", ["unsubscribe", "preferences", "why", "web_view"])
def test_one_readers_letter_without_a_link_never_leaves(place, lost):
    inner = "".join(f'<mj-text><a href="{{{{ links.{name} }}}}">x</a></mj-text>' for name in letters.LINKS)
    frozen = letters.version(place.id, inner + POSTAL, footer="")
    service.render(frozen, letters.values(place.id))
    with pytest.raises(Incomplete):
        service.render(frozen, letters.values(place.id, **{lost: ""}))


def test_a_brand_without_an_address_sends_nothing(place):
    frozen = letters.version(place.id)
    values = letters.values(place.id)
    with pytest.raises(Incomplete, match="postal address"):
        service.render(frozen, {**values, "brand": {**values["brand"], "postal_address": ""}})


# --- Merging ----------------------------------------------------------------------------------------------------


def test_a_preview_is_what_is_sent(place):
    made = letters.letter(
        place.id,
        letters.GREETING + '<mj-button href="https://shop.ostkai.test/a?b=1&c=2">Shop</mj-button>',
        subject="For {{ contact.first_name }} & <friends>",
    )
    values = letters.values(place.id)
    before = service.preview(place.id, made.id, values)
    sent = service.render(service.freeze_version(place.id, made.id), values)
    assert before == sent
    assert sent.subject == "For Mara & <friends>"
    assert re.search(r"<title>\s*For Mara &amp; &lt;friends&gt;\s*</title>", sent.html)
    assert "Plum and cocoa" in sent.html
    assert '<html lang="en"' in sent.html


def test_links_pixel_and_decoy_are_written_in_and_nothing_else_changes(place):
    frozen = letters.version(
        place.id,
        '<mj-text><a href="https://shop.ostkai.test/a?b=1&amp;c=2">One</a> and <a href="https://shop.ostkai.test/two">Two</a>'
        ' and <a href="https://shop.ostkai.test/two">Two again</a></mj-text>' + letters.GREETING,
    )  # fmt: skip
    assert frozen.links == ["https://shop.ostkai.test/a?b=1&c=2", "https://shop.ostkai.test/two"]
    values = letters.values(place.id)
    asked = []

    def tracked(index: int, url: str) -> str:
        asked.append((index, url))
        return f"https://news.ostkai.example/r/{index}"

    plain = service.render(frozen, values)
    sent = service.render(
        frozen, values, links=tracked, pixel_url="https://news.ostkai.example/o/p.gif",
        hidden_url="https://news.ostkai.example/r/h",
    )  # fmt: skip
    assert asked == list(enumerate(frozen.links))
    assert sent.html.count("https://news.ostkai.example/r/1") == 2
    assert "shop.ostkai.test" not in sent.html + sent.text
    assert "https://news.ostkai.example/r/0" in sent.text
    assert letters.LINKS["unsubscribe"] in sent.html
    assert sent.html.count("o/p.gif") == 1
    assert "display:none" in sent.html.split('href="https://news.ostkai.example/r/h"')[0][-200:]
    assert "r/h" not in sent.text
    for part in ("https://shop.ostkai.test/a?b=1&amp;c=2", "https://shop.ostkai.test/two"):
        assert part in plain.html
    assert "/r/" not in plain.html
    assert ".gif" not in plain.html
    assert plain.text.count("https://shop.ostkai.test/two") == 2


SHOP = "https://shop.ostkai.test/?n={{ contact.first_name|urlencode }}&m={{ contact.email }}"


def test_a_link_with_tags_is_one_link_whose_address_is_each_readers_own(place):
    frozen = letters.version(
        place.id,
        f'<mj-text><a href="{SHOP.replace("&", "&amp;")}">x</a> and <a href="https://shop.ostkai.test/two">y</a></mj-text>'
        f'<mj-button href="{SHOP.replace("&", "&amp;")}">z</mj-button>',
    )
    assert frozen.links == [SHOP, "https://shop.ostkai.test/two"]
    asked = []

    def tracked(index: int, url: str) -> str:
        asked.append((index, url))
        return f"https://news.ostkai.example/r/{index}"

    values = letters.values(place.id)
    sent = service.render(frozen, values, links=tracked)
    mine = "https://shop.ostkai.test/?n=Mara&m=mara@example.org"
    assert asked == [(0, mine), (1, "https://shop.ostkai.test/two")]
    assert "shop.ostkai.test" not in sent.html + sent.text
    assert sent.html.count("https://news.ostkai.example/r/0") == 2
    assert sent.text.count("https://news.ostkai.example/r/0") == 2
    plain = service.render(frozen, values)
    assert plain.html.count(f'href="{mine.replace("&", "&amp;")}"') == 2
    assert plain.text.count(mine) == 2
    assert "/r/" not in plain.html + plain.text


def test_the_brands_website_is_a_link_like_others(place):
    frozen = letters.version(
        place.id, '<mj-text><a href="{{ brand.site }}">home</a></mj-text>' + letters.GREETING
    )
    assert frozen.links == ["{{ brand.site }}"]
    sent = service.render(
        frozen, letters.values(place.id), links=lambda index, url: f"https://news.ostkai.example/r/{url[8:]}"
    )
    assert 'href="https://news.ostkai.example/r/ostkai.example' in sent.html
    assert "https://news.ostkai.example/r/ostkai.example" in sent.text


@pytest.mark.parametrize(
    "address",
    [
        # A reader's own field would choose the host.
        "https://{{ contact.first_name }}.test/", "https://shop.ostkai.test{{ contact.first_name }}/",
        "https://shop.ostkai.test:{{ contact.first_name }}/", "https://a@{{ contact.first_name }}.test/",
        "https://shop.ostkai.test{{ contact.first_name }}", "{{ brand.site }}{{ contact.first_name }}",
        "{{ brand.site }}.evil.test/", "{{ brand.site|lower }}",
        # Their own pages.
        "{{ links.unsubscribe }}", "https://shop.ostkai.test/?back={{ links.preferences }}",
        "mailto:{{ contact.email }}", "tel:{{ contact.first_name }}",
    ],
)  # fmt: skip
def test_whoever_fills_in_a_form_chooses_no_host_and_nobodys_own_page_is_followed(place, address):
    page = f"<p><a href='{address}'>x</a></p>"
    assert addresses.find_links(page, declared({})) == []


@pytest.mark.parametrize(
    "address",
    [
        "https://shop.ostkai.test/{{ contact.first_name }}", "https://shop.ostkai.test?{{ contact.first_name }}",
        "HTTPS://shop.ostkai.test:8443/#{{ contact.email }}", "{{ brand.site }}?m={{ contact.email }}",
        "https://shop.ostkai.test/{% if contact.first_name %}known{% else %}new{% endif %}",
    ],
)  # fmt: skip
def test_an_address_whose_host_is_ours_is_followed(place, address):
    assert addresses.find_links(f"<a href='{address}'>x</a>", declared({})) == [address]


def test_a_tag_that_works_only_where_it_stands_is_left_there(place):
    page = "{% for one in stories %}<a href='https://a.test/{{ one.name }}'>x</a>{% endfor %}"
    names = (Variable("stories", Kind.LIST, (), "Stories", {"name": Kind.TEXT}),)
    assert addresses.find_links(page, names) == []


def test_what_no_address_may_hold_travels_encoded(place):
    frozen = letters.version(
        place.id, '<mj-text><a href="https://shop.ostkai.test/?n={{ contact.first_name }}">x</a></mj-text>'
    )
    values = letters.values(place.id, Reader('A "B"\n<c>\u2028', "", "a@example.org"))
    asked = []
    service.render(frozen, values, links=lambda index, url: asked.append(url) or url)
    assert asked == ["https://shop.ostkai.test/?n=A%20%22B%22%0A%3Cc%3E%E2%80%A8"]


def test_the_workspaces_own_fields_are_named_and_others_are_not(place):
    with transaction():
        contacts.define_field(place.id, "Roast", "text", key="roast")
        contacts.define_field(place.id, "Cups", "number", key="cups")
        contacts.define_field(place.id, "Brews", "multi_choice", key="brews", choices=["V60", "Aeropress"])
    inner = (
        "<mj-text>{{ contact.fields.roast }} {{ contact.fields.brews }}"
        "{% if contact.fields.cups > 3 %} many{% endif %}</mj-text>"
    )
    frozen = letters.version(place.id, inner)
    assert frozen.needs == {"fields": {"brews": "multi_choice", "cups": "number", "roast": "text"}}
    reader = Reader(
        "Mara", fields={"roast": "dark & <b>bold</b>", "cups": "12", "brews": ["V60", "Aeropress"]}
    )
    sent = service.render(frozen, letters.values(place.id, reader))
    assert "dark &amp; &lt;b&gt;bold&lt;/b&gt; V60, Aeropress many" in sent.html
    assert "dark & <b>bold</b> V60, Aeropress many" in sent.text
    with transaction():
        contacts.archive_field(place.id, contacts.queries.list_fields(place.id)[0].id)
    assert service.render(frozen, letters.values(place.id, reader)).html == sent.html
    unknown = service.save_draft(
        place.id, frozen.letter_id, "S", "P", letters.source("<mj-text>{{ contact.fields.shoe }}</mj-text>")
    )
    assert [(where, line) for where, line, _ in messages(unknown)] == [("source", 8)]


def test_what_was_chosen_of_several_can_be_gone_through(place):
    with transaction():
        contacts.define_field(place.id, "Brews", "multi_choice", key="brews", choices=["V60", "Aeropress <2> {{ brand.name }}"])
    loop = "{% for brew in contact.fields.brews %}BODY{% else %}any way{% endfor %}"
    inner = (
        f"<mj-text>All: {{{{ contact.fields.brews }}}}; {loop.replace('BODY', '{{ loop.index }} {{ brew }}. ')}</mj-text>"
        "<mj-text><ul>{% for brew in contact.fields.brews %}<li>{{ brew }}</li>{% endfor %}</ul></mj-text>"
    )
    frozen = letters.version(place.id, inner, subject=f"Yours: {loop.replace('BODY', '{{ brew }} ')}")
    both, none = (
        service.render(frozen, letters.values(place.id, Reader("Mara", fields=fields)))
        for fields in ({"brews": ["V60", "Aeropress <2> {{ brand.name }}"]}, {})
    )
    assert (both.subject, none.subject) == ("Yours: V60 Aeropress <2> {{ brand.name }}", "Yours: any way")
    assert "All: V60, Aeropress &lt;2&gt; {{ brand.name }}; 1 V60. 2 Aeropress &lt;2&gt; {{ brand.name }}. " in both.html
    assert "<li>V60</li><li>Aeropress &lt;2&gt; {{ brand.name }}</li>" in both.html
    assert "- V60\n\n- Aeropress <2> {{ brand.name }}" in both.text
    assert "All: ; any way" in none.html
    assert "<li>" not in none.html
    # Whatever everybody needs to see must not hang on what somebody chose; both readers are tried when it is saved.
    for only in ("{% for brew in contact.fields.brews %}FOOTER{% endfor %}", "{% for brew in contact.fields.brews %}{% else %}FOOTER{% endfor %}"):
        lacking = only.replace("FOOTER", '<a href="{{ links.unsubscribe }}">Leave</a> {{ brand.postal_address }}')
        source = letters.source(f"<mj-text>{lacking}</mj-text>", footer="")
        saved = service.save_draft(place.id, frozen.letter_id, "S", "P", source)
        assert any("Every reader must see" in message for _, _, message in messages(saved)), only
    wrong = "<mj-text>{% for brew in contact.fields.brews %}{{ brew.name }}{% endfor %}</mj-text>"
    saved = service.save_draft(place.id, frozen.letter_id, "S", "P", letters.source(wrong))
    assert [(where, line) for where, line, _ in messages(saved)] == [("source", 8)]


def test_a_letter_in_german_speaks_german_to_the_end(place):
    with transaction():
        made = service.create_letter(place.id, "Brief", source=letters.source(), language="de")
        service.save_draft(place.id, made.id, "Hallo", "P", made.source)
    frozen = service.freeze_version(place.id, made.id)
    values = service.reader_values(
        Reader("Mara"), _brand(place), topic="Kaffee", permission_at=letters.datetime(2026, 11, 22, tzinfo=letters.UTC),
        links=letters.LINKS, language="de",
    )  # fmt: skip
    sent = service.render(frozen, values)
    assert "Abmelden" in sent.html
    assert "22. November 2026" in sent.html
    assert "Unsubscribe" not in sent.html


def test_a_runaway_letter_is_stopped_for_its_reader_and_the_next_goes_out(place):
    with transaction():
        contacts.define_field(place.id, "Story", "text", key="story")
    frozen = letters.version(place.id, "<mj-text>" + "{{ contact.fields.story }}" * 300 + "</mj-text>")
    began = time.thread_time()
    with pytest.raises(BadInput, match="larger than 2 MB"):
        service.render(frozen, letters.values(place.id, Reader("Mara", fields={"story": "x" * 10_000})))
    assert time.thread_time() - began < 2
    assert service.render(frozen, letters.values(place.id)).subject


def test_a_runaway_source_is_stopped_with_a_word(place, monkeypatch):
    monkeypatch.setattr(mjml, "WALL_SECONDS", 0.01)
    monkeypatch.setattr(mjml, "_results", mjml._Results())
    made = letters.letter(place.id, "<mj-text>runaway</mj-text>" * 50)
    with pytest.raises(NotReady, match="too long"):
        service.freeze_version(place.id, made.id)


@pytest.mark.thorough
def test_merging_costs_no_statement_and_no_parsing(place, count_statements, monkeypatch):
    frozen = letters.version(place.id)
    values = letters.values(place.id)
    service.render(frozen, values)
    monkeypatch.setattr("app.content.letters.prepare", lambda *_: pytest.fail("parsed once more"))
    with count_statements() as statements:
        for _ in range(whole(10, 100)):
            service.render(frozen, values)
    assert statements == []


# --- The public copy --------------------------------------------------------------------------------------------


def test_the_public_copy_holds_no_name_and_no_personal_link(place):
    frozen = letters.version(
        place.id,
        letters.GREETING
        + '<mj-text>{{ contact.email }} <a href="{{ links.preferences }}">mine</a></mj-text>',
    )
    shown = service.render_public(frozen, service.public_values(_brand(place)))
    assert "Hello there" in shown.html
    assert "public copy" in shown.html
    assert "@" not in shown.text
    for name in ("unsubscribe", "preferences", "why"):
        assert letters.LINKS[name] not in shown.html
    assert 'href=""' not in shown.html
    assert "Unsubscribe" not in shown.html


def test_a_public_copy_has_one_number_for_ever(place):
    first, second = letters.version(place.id), letters.version(place.id, "<mj-text>Two</mj-text>")
    with transaction():
        assert [service.publish(place.id, one.id, "New coffees") for one in (first, second, first)] == [
            1,
            2,
            1,
        ]
    assert [one.number for one in queries.list_published(place.id)] == [2, 1]
    with transaction():
        service.withdraw(place.id, second.id)
    assert [one.number for one in queries.list_published(place.id)] == [1]
    with pytest.raises(NotFound):
        queries.get_publication(place.id, 2)


# --- Look -------------------------------------------------------------------------------------------------------


def test_the_brands_colour_stands_in_every_letter_light_and_dark(place):
    from app.accounts import service as accounts
    from app.accounts.rules import acts
    from app.accounts.rules.brand import Details
    from app.content.colours import Colours

    with transaction():
        made = service.create_letter(place.id, "November", design="announcement")
        accounts.change_workspace(place.id, Details("Ostkai", "Kiel 1", "en", accent="#0b57d0"), by=acts.COMMAND)
        frozen = service.freeze_version(place.id, made.id)
    own, before = Colours.of("#0b57d0"), Colours()
    assert own.brand in frozen.html
    assert own.brand_dark in frozen.html
    assert before.brand not in frozen.html
    assert before.brand_dark not in frozen.html


def test_fonts_logo_and_footer_of_the_brand_stand_in_every_letter(place):
    from app.accounts import service as accounts
    from app.accounts.rules import acts
    from app.accounts.rules.brand import Look

    with transaction():
        made = service.create_letter(place.id, "November", design="announcement")
        before = service.freeze_version(place.id, made.id)
        picture = service.add_picture(place.id, "logo.png", (EMAILS / "img" / "logo.png").read_bytes())
        look = Look(f"/pictures/{picture.key}.png", "georgia", "verdana", "HRB 1234 <Kiel>")
        accounts.change_look(place.id, look, by=acts.COMMAND)
        after = service.freeze_version(place.id, made.id)
    assert after.number == before.number + 1
    assert "Palatino" in before.html
    assert "Palatino" not in after.html
    assert "font-family:Georgia, 'Times New Roman', serif" in after.html
    assert "Verdana, Geneva" in after.html
    shown = service.render(after, letters.values(place.id))
    assert f'src="{places.base()}/pictures/{picture.key}.png"' in shown.html
    assert "HRB 1234 &lt;Kiel&gt;" in shown.html
    assert "HRB 1234 <Kiel>" in shown.text
