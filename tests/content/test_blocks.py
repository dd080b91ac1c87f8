"""Letters of blocks: each kind, what is written from them, what is done to them, and how it is undone."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.content import queries, service
from app.content.blocks import acts, posting, rich, writing
from app.content.blocks.kinds import FOLDER, find_kind, kinds
from app.content.blocks.writing import Block
from app.content.letters import Draft, Prepared
from app.content.letters import write as compile_draft
from app.content.pages.blocks import flat
from app.content.service import blocks as service_blocks
from app.content.service.blocks import blocks_of
from app.kernel.db import session as current
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from tests.support import letters, make
from tests.support.properties import examples

FOOTER = Block("b99", "footer", {}, {})
SHOWN = {
    "url": "https://shop.test/a?b=1&c=2", "feed": "01961f3e-7c0a-7000-8000-000000000000", "at": "2026-11-22T09:16:00+00:00",
    "rows": [{"key": "a", "title": "A & B", "summary": "Words", "link": "https://shop.test/a", "picture": "https://shop.test/a.png"}],
    "title": "Shop", "more": 0, "known": 1, "fault": "",
}  # fmt: skip
PICTURE = {"src": "https://news.shop.test/pictures/a.png", "alt": "A cup"}


@pytest.fixture
def place(session):
    return make.place()


@pytest.fixture
def letter(place):
    with transaction():
        return service.create_letter(place.id, "November", design="announcement")


def of(kind: str, **values) -> Block:
    found = find_kind(kind)
    assert found is not None
    return Block("b1", kind, {**found.sample, **values}, {})


def compiled(*blocks: Block, language: str = "en"):
    return compile_draft(
        Draft("Subject", "Preview", writing.write([*blocks, FOOTER]).mjml, language=language)
    )


def errors(written) -> list[str]:
    return [one.message for one in written.problems if one.severity == "error"]


def filled(kind) -> dict:
    """A sample with every picture and address there."""

    def fill(fields, values):
        return {
            field.name: PICTURE
            if field.type == "picture"
            else "https://shop.test/a?b=1&c=2"
            if field.type == "url"
            else [fill(field.fields, item) for item in values[field.name]]
            if field.type == "items"
            else SHOWN
            if field.type == "entries"
            else values[field.name]
            for field in fields
        }

    return fill(kind.fields, kind.sample)


# --- Kinds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FOLDER.glob("*/block.mjml")))
def test_a_kind_is_a_folder_that_compiles_empty_and_full(name):
    kind = kinds()[name]
    assert kind.title
    assert kind.says.endswith(".")
    assert kind.place in {"card", "page"}
    assert 'aria-hidden="true"' in kind.icon
    assert not re.search(r"<script|\son|style=", kind.icon)
    assert {field.name for field in kind.fields} == set(kind.sample)
    assert posting.read(kind.fields, flat(kind.fields, kind.sample)) == kind.sample
    for values in (kind.sample, filled(kind)):
        block = Block("b1", name, values, {})
        written = compiled(block)
        assert errors(written) == []
        assert not re.search(r"\[\[|\[%|nodtag|\$[a-z]", written.html)
    assert [one for one in written.problems if "alt" in one.message or "nowhere" in one.message] == []
    some = {"name": "contact.first_name", "test": "has", "value": ""} if kind.is_for_some else {}
    assert not writing.find_faults([Block("b1", name, filled(kind), some)])


def test_a_kind_that_is_gone_is_told_and_loses_nothing(place, letter):
    with transaction():
        gone = Block("b50", "hologram", {"text": "kept"}, {})
        service_blocks.edit(place.id, letter.id, lambda before: [*before, gone])
    assert find_kind("hologram") is None
    assert blocks_of(queries.get_letter(place.id, letter.id))[-1] == gone
    assert [one.message for one in writing.find_faults([gone])] == [
        "This kind of block is no longer here. Remove it."
    ]
    assert "kept" not in queries.get_letter(place.id, letter.id).source


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (Block("b50", "text", {"text": "<p>For some</p>"}, {"name": "", "test": "is", "value": ""}), "Say who sees this block"),
        (Block("b50", "hologram", {}, {}), "no longer here"),
        (Block("b50", "button", {"label": "Go", "link": "shop"}, {}), "must be an address"),
    ],
)
def test_a_block_that_says_less_than_was_meant_keeps_its_letter_from_being_sent(place, letter, block, says):
    with transaction():
        service_blocks.edit(place.id, letter.id, lambda before: [*before, block], subject="Words")
    found = [one for one in service.check(place.id, letter.id).problems if one.severity == "error"]
    assert len([one for one in found if says in one.message]) == 1
    with pytest.raises(BadInput), transaction():
        service.freeze_version(place.id, letter.id)
    with transaction():
        service_blocks.edit(place.id, letter.id, lambda before: [one for one in before if one.id != "b50"])
    assert not [one for one in service.check(place.id, letter.id).problems if one.severity == "error"]


def test_each_reader_gets_the_first_product_that_is_for_them():
    rules = {
        "berg": {"name": "contact.last_name", "test": "is", "value": "Berg"},
        "mara": {"name": "contact.first_name", "test": "is", "value": "Mara"},
        "named": {"name": "contact.first_name", "test": "has", "value": ""},
        "all": {},
    }
    sample = kinds()["recommendation"].sample["products"][1]
    products = [{**sample, "name": f"For {name}.", "link": "https://shop.test/", "who": who} for name, who in rules.items()]
    written = compiled(Block("b1", "recommendation", {"products": products}, {}))
    assert errors(written) == []
    prepared = Prepared(written)

    def shown(first_name: str, last_name: str) -> list[str]:
        contact = {"first_name": first_name, "last_name": last_name, "email": "a@b.test"}
        seen = prepared.merge({"contact": contact, "links": letters.LINKS, "brand": {}})
        assert [name for name in rules if f"For {name}." in seen.text] == [name for name in rules if f"For {name}." in seen.html]
        return [name for name in rules if f"For {name}." in seen.html]

    assert shown("Mara", "Berg") == ["berg"]
    assert shown("Mara", "Lind") == ["mara"]
    assert shown("Ben", "") == ["named"]
    assert shown("", "") == ["all"]


def test_a_product_for_nobody_in_particular_is_told_and_one_below_everybodys_too():
    sample = kinds()["recommendation"].sample["products"]
    products = [{**sample[1]}, {**sample[1], "who": {"name": "topic.name", "test": "is", "value": ""}}, {**sample[1]}]
    block = Block("b1", "recommendation", {"products": products}, {})
    told = [(one.field, one.severity, one.message.partition(":")[0]) for one in writing.find_faults([block]) if "who" in one.field]
    assert told == [
        ("products-1-who", "error", "Say who gets this one, or leave it to everybody."),
        ("products-1-who", "warning", "Nobody gets this one"), ("products-2-who", "warning", "Nobody gets this one"),
    ]  # fmt: skip
    assert "{% elif false %}" in writing.write([block]).mjml


# --- Writing ----------------------------------------------------------------------------------------------------


def test_words_are_words_and_merge_tags_are_merge_tags():
    tag = '{{ contact.first_name|default("you & me") }}'
    written = compiled(of("heading", text=f'a < b & "c" {tag} <script>x</script>'))
    assert errors(written) == []
    assert f"a &lt; b &amp; &quot;c&quot; {tag} &lt;script&gt;x&lt;/script&gt;" in written.html


@pytest.mark.parametrize("address", ["javascript:alert(1)", "shop.test", "//shop.test", "data:text/html,x"])
def test_an_address_that_is_none_keeps_the_letter_from_being_sent(address):
    block = of("button", link=address)
    assert [one.severity for one in writing.find_faults([block])] == ["error"]
    written = compiled(block)
    assert len(errors(written)) == 1
    assert "must begin with https://" in errors(written)[0]


def test_a_problem_is_told_with_its_block():
    blocks = [of("heading"), replace(of("button", link="shop.test"), id="b7"), FOOTER]
    source = writing.write(blocks)
    problem = next(
        one for one in compile_draft(Draft("S", "P", source.mjml)).problems if one.severity == "error"
    )
    assert source.block_at(problem.line) == "b7"
    assert source.block_at(1) == ""


@pytest.mark.parametrize(
    ("only", "seen"),
    [
        ({"name": "contact.first_name", "test": "has", "value": ""}, (True, False)),
        ({"name": "contact.first_name", "test": "lacks", "value": ""}, (False, True)),
        ({"name": "contact.first_name", "test": "is", "value": 'Ma"ra'}, (True, False)),
        ({"name": "contact.first_name", "test": "not", "value": 'Ma"ra'}, (False, True)),
    ],
)
def test_a_block_is_shown_only_to_some(only, seen):
    written = compiled(replace(of("heading", text="Only for some"), only=only))
    assert errors(written) == []
    prepared = Prepared(written)
    for name, is_seen in zip(('Ma"ra', ""), seen, strict=True):
        shown = prepared.merge(
            {"contact": {"first_name": name, "email": "a@b.test"}, "links": letters.LINKS, "brand": {}}
        )
        assert ("Only for some" in shown.html) is is_seen
        assert ("Only for some" in shown.text) is is_seen


@pytest.mark.parametrize(
    "only",
    [
        {"name": "contact.first_name", "test": "is", "value": ""},
        {"name": "contact.first_name }}{{", "test": "has", "value": ""},
        {"name": "contact.first_name", "test": "is", "value": "%} {{ x"},
        {"name": "contact.first_name", "test": "eval", "value": "x"},
    ],
)
def test_a_condition_that_says_nothing_is_told(only):
    block = replace(of("heading"), only=only)
    assert [(one.field, one.severity) for one in writing.find_faults([block])] == [("only", "error")]
    assert "{%" not in writing.write([block]).mjml


def test_what_is_for_some_and_shown_to_everybody_is_told(place, letter):
    with transaction():
        service_blocks.edit(place.id, letter.id, lambda before: acts.add(before, "only"), subject="Words")
    told = [one for one in service.check(place.id, letter.id).problems if "Everybody sees this block" in one.message]
    assert [one.severity for one in told] == ["warning"]
    assert service.place_of(letter, told[0]) == "In the block “Only for some”"
    rule = {"name": "contact.first_name", "test": "has", "value": ""}
    with transaction():
        service_blocks.edit(
            place.id, letter.id, lambda before: [replace(one, only=rule) if one.kind == "only" else one for one in before]
        )
    assert "Everybody sees" not in str(service.check(place.id, letter.id).problems)


def test_html_of_ones_own_keeps_its_line_breaks():
    block = of("html", html="<pre>one\n  two\n\nthree</pre>")
    source = writing.write([block])
    assert "<pre>one\n  two\n\nthree</pre>" in source.mjml
    first, last = source.lines["b1"]
    own = "\n".join(source.mjml.split("\n")[first - 1 : last])
    assert own.count("\n") == last - first
    assert "three</pre>" in own


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60) | st.sampled_from(
    [
        "{{",
        "{% if",
        "{{ contact.first_name }}",
        "]]",
        "[[ x ]]",
        "<!--",
        "-->",
        "</mj-text>",
        "<mj-include path='head' />",
        "\x00",
    ]
)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(kinds())), st.lists(WORDS, min_size=1, max_size=4))
def test_whatever_is_filled_in_is_kept_and_written_or_told(name, words):
    kind = kinds()[name]
    form = flat(kind.fields, kind.sample)
    form = {key: words[number % len(words)] if "-" in key else form[key] for number, key in enumerate(form)}
    try:
        values = posting.read(kind.fields, form)
    except BadInput:
        assert any("\x00" in word for word in words)
        return
    assert posting.read(kind.fields, flat(kind.fields, values)) == values
    written = compiled(Block("b1", name, values, {}))
    assert written.html or errors(written)
    if not errors(written):
        assert "<script" not in written.html or name == "html"


# --- Rich text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pasted", "kept"),
    [
        ("<p>One</p><p>Two</p>", "<p>One</p><p>Two</p>"),
        ('<p style="color:red" onclick="x()">One <b>two</b> <i>three</i></p>', "<p>One <strong>two</strong> <em>three</em></p>"),
        ("<div>One</div><script>two()</script><style>p{}</style>", "<p>One</p>"),
        ('<a href="javascript:x()">One</a>', "<a>One</a>"),
        ('<a href="https://shop.test/?a=1&amp;b=2" target="_blank">One</a>', '<a href="https://shop.test/?a=1&amp;b=2">One</a>'),
        ('<a href="{{ links.preferences }}">One</a>', '<a href="{{ links.preferences }}">One</a>'),
        ('<p>Hello {{ contact.first_name|default("you") }}</p>', '<p>Hello {{ contact.first_name|default("you") }}</p>'),
        ("<p>One nodrich0z {{ contact.email }}</p>", "<p>One  {{ contact.email }}</p>"),
        ("<p><strong></strong></p><p>One</p><p>&nbsp;</p>", "<p>One</p>"),
        ('<img src="https://a.test/x.png" onerror="x()">One', "One"),
        ("<ul><li>One</li></ul>", "<ul><li>One</li></ul>"),
    ],
)  # fmt: skip
def test_rich_text_stays_clean(pasted, kept):
    assert rich.clean(pasted) == kept
    assert rich.clean(kept) == kept


def test_elements_that_hold_nothing_are_taken_out_in_one_pass_however_deep_they_stand():
    began = time.process_time()
    assert rich.clean("<ul>" * 15_000) == ""
    assert rich.clean("<p>A<em> <strong><br>\u00a0</strong></em></p><ul><li> <s></s></li></ul>" * 700) == "<p>A</p>" * 700
    assert time.process_time() - began < 6, "one of these passes for each of them is forty seconds"


def test_a_merge_tag_of_rich_text_reads_in_the_mail_as_it_was_written():
    assert rich.for_mail("<p>One</p>\n<p>{% if contact.fields.n &lt; 3 %}Two{% endif %}</p>") == (
        "One<br><br>{% if contact.fields.n < 3 %}Two{% endif %}"
    )


# --- Acts -------------------------------------------------------------------------------------------------------


def test_blocks_are_added_moved_copied_and_removed():
    made = acts.add(acts.add([], "footer"), "heading")
    assert [one.kind for one in made] == ["heading", "footer"]
    made = acts.add(made, "button", after=made[0].id)
    assert [one.kind for one in made] == ["heading", "button", "footer"]
    made = acts.move(made, made[1].id, 0)
    assert [one.kind for one in made] == ["button", "heading", "footer"]
    made = acts.step(made, made[0].id, -1)
    assert [one.kind for one in made] == ["button", "heading", "footer"]
    made = acts.duplicate(made, made[1].id)
    assert [one.kind for one in made] == ["button", "heading", "heading", "footer"]
    assert len({one.id for one in made}) == 4
    assert [one.kind for one in acts.remove(made, made[0].id)] == ["heading", "heading", "footer"]
    for act in (
        lambda: acts.remove(made, "b77"),
        lambda: acts.move(made, "b77", 0),
        lambda: acts.add(made, "nothing"),
        lambda: acts.change(made, "b77", {}, {}),
    ):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(BadInput, match="at most"):
        acts.duplicate([replace(made[0], id=f"b{n}") for n in range(acts.MOST_BLOCKS)], "b0")


def test_every_change_is_a_step_back_and_forth(place, letter):
    def now():
        current().expire_all()
        found = queries.get_letter(place.id, letter.id)
        return found.subject, [one.kind for one in blocks_of(found)], found.source

    def edit(*given, **more):
        with transaction():
            service_blocks.edit(place.id, letter.id, *given, **more)

    def turn(**more):
        with transaction():
            service_blocks.undo(place.id, letter.id, by=place.owner_id, **more)

    begun = now()
    edit(lambda before: before)  # changes nothing: no step
    edit(lambda before: acts.add(before, "quote"))
    edit(subject="Another subject")
    last = now()
    assert last != begun
    turn()
    turn()
    assert now() == begun
    assert queries.get_letter(place.id, letter.id).updated_by == place.owner_id
    assert service_blocks.steps_around(queries.get_letter(place.id, letter.id)) == (False, True)
    turn()  # nothing before it
    assert now() == begun
    turn(again=True)
    turn(again=True)
    assert now() == last
    turn()
    edit(preheader="What was undone is gone now")
    assert service_blocks.steps_around(queries.get_letter(place.id, letter.id)) == (True, False)


def test_two_who_write_at_once_do_not_write_over_each_other(place, letter):
    seen = letter.revision
    with transaction():
        service_blocks.edit(place.id, letter.id, subject="Mine", revision=seen)
    for act in (
        lambda: service_blocks.edit(place.id, letter.id, subject="Theirs", revision=seen),
        lambda: service_blocks.undo(place.id, letter.id, revision=seen),
        lambda: service_blocks.turn_into_code(place.id, letter.id, revision=seen),
    ):
        with pytest.raises(Conflict):
            act()
    assert queries.get_letter(place.id, letter.id).subject == "Mine"


def test_code_is_one_way_and_never_written_by_us_again(place, letter):
    with transaction():
        version = service.freeze_version(place.id, letter.id)
        made = service_blocks.turn_into_code(place.id, letter.id)
        assert made.blocks is None
        assert "<!-- block" not in made.source
        source = made.source.replace("Three neighbours", "Four neighbours")
        own = "By hand, {{ links.unsubscribe }} {{ brand.postal_address }}"
        service.save_draft(place.id, letter.id, "By hand", "P", source, own_text=own)
    with pytest.raises(Conflict):
        service_blocks.edit(place.id, letter.id, lambda before: acts.add(before, "quote"))
    assert queries.get_letter(place.id, letter.id).source == source
    with transaction():
        back = service.restore_version(place.id, letter.id, version.number)
    assert back.blocks == version.blocks
    assert back.own_text == version.own_text == ""  # nobody sees it beside blocks, so it must not stay
    with pytest.raises(Conflict):
        service.save_draft(place.id, letter.id, "By hand", "P", source)


def test_a_version_of_blocks_takes_the_place_of_the_draft_and_can_be_undone(place, letter):
    with transaction():
        version = service.freeze_version(place.id, letter.id)
        service_blocks.edit(place.id, letter.id, lambda before: acts.add(before, "quote"), subject="Later")
        later = queries.get_letter(place.id, letter.id).blocks
        service.restore_version(place.id, letter.id, version.number)
    found = queries.get_letter(place.id, letter.id)
    assert (found.subject, found.blocks) == (version.subject, version.blocks)
    with transaction():
        service_blocks.undo(place.id, letter.id)
    assert (found.subject, found.blocks) == ("Later", later)


def test_a_copy_has_the_blocks_and_a_history_of_its_own(place, letter):
    with transaction():
        made = service.copy_letter(place.id, letter.id, "December")
        service_blocks.edit(place.id, made.id, lambda before: before[:1])
    assert len(blocks_of(queries.get_letter(place.id, letter.id))) > 1
    assert len(blocks_of(made)) == 1


def test_a_block_is_kept_for_other_letters_of_this_workspace(place, letter):
    other = make.place("Other")
    button = next(one for one in blocks_of(letter) if one.kind == "button")
    with transaction():
        service_blocks.keep_block(place.id, button, "Our button")
        service_blocks.keep_block(
            place.id, replace(button, values={**button.values, "label": "New"}), "Our button"
        )
        with pytest.raises(BadInput):
            service_blocks.keep_block(place.id, button, "  ")
    assert [(one.name, one.values["label"]) for one in service_blocks.list_kept(place.id)] == [
        ("Our button", "New")
    ]
    assert not service_blocks.list_kept(other.id)
    assert service_blocks.find_kept(other.id, "Our button") is None
    with transaction():
        service_blocks.forget_kept(other.id, "Our button")
        assert service_blocks.find_kept(place.id, "Our button")
        service_blocks.forget_kept(place.id, "Our button")
    assert not service_blocks.list_kept(place.id)


def test_a_problem_is_placed_in_words(place, letter):
    with transaction():
        service_blocks.edit(
            place.id, letter.id, lambda before: acts.change(before, "b7", {**acts.find(before, "b7").values, "link": "x"}, {})
        )
    found = queries.get_letter(place.id, letter.id)
    problems = service.check(place.id, letter.id).problems
    error = next(one for one in problems if one.severity == "error")
    assert service.place_of(found, error) == "In the block “Button”"
    assert service.place_of(found, replace(error, place="subject")) == "In the subject"
    assert service.place_of(found, replace(error, line=1)) == "In the letter"
    by_hand = letters.letter(place.id)
    assert service.place_of(by_hand, replace(error, line=7)) == "Line 7"
