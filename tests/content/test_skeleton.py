"""What of a letter is the same for all readers: parts of a template, the text between blanks, and gaps around them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.content.merge import MergeRefused, Template, check, prepare
from app.content.skeleton import Blank, Parts, fold, tidy
from app.content.variables import NEWSLETTER, Kind, Several, Variable

DECLARED = (
    *NEWSLETTER,
    Variable("contact.fields.cups", Kind.NUMBER, "2", "Cups"),
    Variable("contact.fields.brews", Kind.CHOICES, Several(["V60"]), "Brews"),
    Variable("nod.l0", Kind.URL, "", "A link"),
    Variable("shop.rows", Kind.LIST, (), "Rows", {"name": Kind.TEXT}),
)
FIXED = {
    "brand": {"name": "Ost & Kai", "site": ""},
    "topic": {"name": "News"},
    "links": {"why": "https://n.example/w/1"},
    "nod": {"l0": "https://n.example/r/1"},
    "shop": {"rows": [{"name": "a"}, {"name": "b"}]},
}
MARA = {"contact": {"first_name": "Mara", "fields": {"cups": "4", "brews": Several(["V60", "Moka"])}}, "permission": {"date": "today"}}
NOBODY: dict[str, Any] = {"contact": {}, "permission": {}}


def read(source: str, target: Any = "html") -> Template:
    return prepare(source, target, DECLARED)


def folded(source: str, target: Any = "html") -> Parts:
    return fold(read(source, target), FIXED, "en")


def shown(parts: Parts) -> list[str]:
    """Text as it stands, a blank by the names that decide it."""
    return [part if isinstance(part, str) else "|".join(part.names) for part in parts]


def filled(parts: Parts, own: Mapping[str, Any]) -> str:
    values = {**FIXED, **own}
    return "".join(part if isinstance(part, str) else part.write(values) for part in parts)


# --- The parts of a template ------------------------------------------------------------------------------------


def test_a_template_falls_apart_into_text_tags_and_whole_ifs_and_fors():
    pieces = read(
        "a{{ contact.first_name }}b{% for r in shop.rows %}{{ r.name }}{% endfor %}"
        "{% if topic.name %}c{{ contact.email }}{% elif brand.name %}d{% else %}e{% endif %}"
    ).pieces
    assert [piece.text for piece in pieces] == ["a", None, "b", None, None]
    assert [set(piece.names) for piece in pieces] == [
        set(), {"contact.first_name"}, set(), {"shop.rows", "r.name"}, {"topic.name", "contact.email", "brand.name"},
    ]  # fmt: skip
    assert [[set(branch.names) for branch in piece.branches] for piece in pieces[-1:]] == [
        [{"topic.name"}, {"brand.name"}, set()]
    ]
    assert [len(branch.pieces) for branch in pieces[-1].branches] == [2, 1, 1]


def test_a_piece_renders_what_it_gives_to_the_whole():
    source = "{{ contact.first_name }}{% if contact.fields.cups > 3 %}<b>{{ brand.name }}</b>{% else %}-{% endif %}"
    template = read(source)
    for own in (MARA, NOBODY):
        values = {**FIXED, **own}
        assert "".join(piece.render(values, "en") for piece in template.pieces) == template.render(values)


def test_a_branch_holds_as_its_question_says():
    first, second, other = read('{% if contact.fields.cups > 3 %}a{% elif contact.first_name == "Tom" %}b{% endif %}').pieces[0].branches  # fmt: skip
    assert first.holds({**FIXED, **MARA}, "en")
    assert not first.holds({**FIXED, **NOBODY}, "en")
    assert not second.holds({**FIXED, **MARA}, "en")
    assert other.holds({}, "en")


def test_loops_count_their_depth_inside_an_if_too():
    nested = "{% for a in shop.rows %}{% for b in shop.rows %}{% for c in shop.rows %}x{% endfor %}{% endfor %}{% endfor %}"
    assert [one.message for one in check("{% if brand.name %}" + nested + "{% endif %}", DECLARED)] == [
        "Loops can stand two deep, not deeper."
    ]


# --- Folding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("Dear reader of {{ topic.name }}", ["Dear reader of News"]),
        ("{{ brand.name }}, {{ contact.first_name }}!", ["Ost &amp; Kai, ", "contact.first_name", "!"]),
        ("{{ contact.first_name|default('you') }}", ["contact.first_name"]),
        ("{{ permission.date }}", ["permission.date"]),
        ("{% if contact.first_name %}a{% else %}b{% endif %}c", ["contact.first_name", "c"]),
        ("{% if topic.name %}{{ contact.first_name }}x{% endif %}", ["contact.first_name", "x"]),
        ("{% if not topic.name %}{{ contact.first_name }}{% endif %}x", ["x"]),
        ("{% if brand.site %}a{% elif contact.first_name %}b{% endif %}", ["contact.first_name"]),
        ("{% if topic.name %}a{% elif contact.first_name %}b{% endif %}", ["a"]),
        ("{% if topic.name %}{% if contact.first_name %}a{% endif %}b{% endif %}", ["contact.first_name", "b"]),
        ("{% for r in shop.rows %}{{ r.name }},{% endfor %}", ["a,b,"]),
        ("{% for r in shop.rows %}{{ contact.first_name }}{% endfor %}", ["contact.first_name"]),
        ("{% for b in contact.fields.brews %}{{ b }}{% if loop.last %}.{% endif %}{% endfor %}", ["contact.fields.brews"]),
        ('<a href="{{ nod.l0 }}">x</a>', ['<a href="https://n.example/r/1">x</a>']),
        ("", []),
    ],
)  # fmt: skip
def test_what_all_readers_share_is_text_and_the_rest_a_blank(source, parts):
    assert shown(folded(source)) == parts


def test_a_blank_tells_whether_it_may_hold_a_link():
    (one,) = folded("{% if contact.first_name %}{{ links.why }}{% endif %}")
    (other,) = folded("{% if contact.first_name %}{{ brand.name }}{% endif %}")
    assert isinstance(one, Blank)
    assert isinstance(other, Blank)
    assert (one.holds_marks, other.holds_marks) == (True, False)


TAGS = [
    "{{ contact.first_name }}", "{{ brand.name }}", "{{ contact.fields.cups|number }}", "{{ links.why }}",
    "{% if contact.first_name %}", "{% elif topic.name %}", "{% else %}", "{% endif %}", "{% if brand.site %}",
    "{% for r in shop.rows %}", "{{ r.name }}", "{% endfor %}", "text\n", "\n\n\n", " <b>&amp;</b> ",
    "- {% for b in contact.fields.brews %}{{ b }}{% if not loop.last %},\n{% endif %}{% else %}{{ links.why }}{% endfor %}",
]  # fmt: skip


CLOSED_BY = {"{% if ": "{% endif %}", "{% for": "{% endfor %}"}


def whole(tags: list[str]) -> str:
    """The tags without those that close or part nothing, and with whatever closes the others."""
    found: list[str] = []
    inside: list[str] = []
    for tag in tags:
        if tag.startswith("{% e"):
            parts = inside[-1:] == ["{% endif %}"] and not tag.startswith("{% end")
            if not parts and inside[-1:] != [tag]:
                continue
            if tag == inside[-1]:
                inside.pop()
        elif tag.startswith("{%"):
            inside.append(CLOSED_BY[tag[:6]])
        found.append(tag)
    return "".join([*found, *reversed(inside)])


# An octet for each tag: drawn at once, in half the time of a list.
@given(st.binary(max_size=12), st.sampled_from([MARA, NOBODY]), st.sampled_from(["html", "text"]))
def test_a_folded_template_says_what_the_whole_one_says(octets, own, target):
    try:
        template = read(whole([TAGS[octet % len(TAGS)] for octet in octets]), target)
    except MergeRefused:
        return
    parts = fold(template, FIXED, "en")
    assert filled(parts, own) == template.render({**FIXED, **own})
    assert not any(isinstance(a, str) and isinstance(b, str) for a, b in itertools.pairwise(parts))


# --- Gaps -------------------------------------------------------------------------------------------------------


def closed(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def test_gaps_are_closed_around_blanks_and_not_across_them():
    parts = tidy(folded("\n\na\n\n\n\n{{ contact.first_name }}\n\n\nb\n\n\n\n", "text"), closed)
    assert parts is not None
    assert shown(parts) == ["a\n\n", "contact.first_name", "\n\nb\n"]


@pytest.mark.parametrize(
    ("source", "fits", "not_"),
    [
        ("a\n{{ contact.first_name }}\nb", ["", "x", "x\n\ny"], ["\n", "x\n\n", "x\n\n\ny"]),
        ("a\n\n{{ contact.first_name }}\n\nb", ["x", "x\ny"], ["", "\nx", "x\n"]),
        ("{{ contact.first_name }} b", ["x", "x "], ["", " x", "\nx"]),
        ("a {{ contact.first_name }}", ["x", " x"], ["", "x ", "x\n"]),
        ("a {{ contact.first_name }} b", ["", " ", "\n", "x\n\ny"], ["\n\n\n"]),
        ("a\n{{ contact.first_name }}{{ contact.last_name }}\nb", ["x"], ["", "x\n"]),
    ],
)
def test_a_blank_knows_which_values_leave_the_text_around_it_tidy(source, fits, not_):
    parts = tidy(folded(source, "text"), closed)
    assert parts is not None
    (blank, *_) = [part for part in parts if isinstance(part, Blank)]
    assert [value for value in (*fits, *not_) if blank.fits(value)] == fits


@pytest.mark.parametrize("odd", ["\ue000", "\ue001"])
def test_text_with_our_private_signs_is_not_tidied(odd):
    assert tidy((f"a{odd}b",), closed) is None


def test_text_without_a_blank_is_just_tidied():
    assert tidy(("\n a\n\n\n\nb",), closed) == ("a\n\nb\n",)
