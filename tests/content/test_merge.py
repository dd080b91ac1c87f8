"""The merge language: what it does, what it refuses with a place, and where it stops."""

import time
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.content.merge import MergeRefused, MergeStopped, Target, check, prepare
from app.content.variables import NEWSLETTER, SYSTEM, Kind, Several, Variable, samples
from tests.support.properties import ANY

ROWS = Variable(
    "shop.rows", Kind.LIST, ({"name": "a", "url": "https://a.example"},), "Rows", {"name": Kind.TEXT}
)
BREWS = Variable("contact.fields.brews", Kind.CHOICES, Several(["V60", "Aeropress"]), "Brews")
DECLARED = (*SYSTEM, ROWS, BREWS, Variable("shop.since", Kind.DATE, date(2026, 11, 22), "Since"))


def merge(source: str, values: object = None, target: Target = "html", language: str = "en") -> str:
    tree = values if isinstance(values, dict) else samples(DECLARED)
    return prepare(source, target, DECLARED).render(tree, language)


@pytest.mark.parametrize(
    ("source", "merged"),
    [
        ("", ""),
        ("Hello\n", "Hello\n"),
        ("{{ contact.first_name }}", "Mara"),
        ("{{contact.first_name|upper}}", "MARA"),
        ("{{ contact.first_name|lower|capitalize }}", "Mara"),
        ('{{ contact.first_name|default("there") }}', "Mara"),
        ("{# nothing #}x", "x"),
        ("{% raw %}{{ contact.email }}{% endraw %}", "{{ contact.email }}"),
        ("{% if contact.first_name %}a{% else %}b{% endif %}", "a"),
        ('{% if contact.first_name == "Tom" %}a{% elif contact.last_name %}b{% else %}c{% endif %}', "b"),
        ("{% if not contact.first_name or contact.email %}a{% endif %}", "a"),
        ('{% if "ar" in contact.first_name and 1 < 2 <= 2 %}a{% endif %}', "a"),
        ("{% if contact.first_name < 3 %}a{% else %}b{% endif %}", "b"),
        ("{% for t in request.topics %}{{ t.name }};{% endfor %}", "New coffees;Brewing letters;"),
        ("{% for t in request.topics %}x{% else %}y{% endfor %}", "xx"),
        ("{% for t in request.topics %}{{ loop.index }}{% if not loop.last %},{% endif %}{% endfor %}", "1,2"),
        (
            "{% for a in contact.fields.brews %}{% for b in request.topics %}{{ loop.index }}{% endfor %}{% if loop.first %};{% endif %}{% endfor %}",
            "12;12",
        ),
        ("{{ contact.fields.brews }}", "V60, Aeropress"),
        ("{{ contact.fields.brews|upper }}", "V60, AEROPRESS"),
        ('{% if contact.fields.brews == "V60, Aeropress" %}a{% endif %}', "a"),
        ("{% for b in contact.fields.brews %}{{ b|lower }};{% endfor %}", "v60;aeropress;"),
        ('{% for b in contact.fields.brews %}{% if b == "V60" %}a{% else %}b{% endif %}{% endfor %}', "ab"),
        ('{{ shop.since|date("short") }}', "11/22/26"),
        ("{{ 1234.5|money('EUR') }}", "€1,234.50"),
        ("{{ 1234567|number }}", "1,234,567"),
        ("{{ 'a b&c'|urlencode }}", "a%20b%26c"),
        ("{{ 'o’brien de vries'|title }}", "O’brien De Vries"),
        ("{{ 'abcdef'|truncate(4) }}", "abc…"),
    ],
)
def test_the_language_does_what_it_says(source: str, merged: str) -> None:
    assert merge(source) == merged


@pytest.mark.parametrize(
    "value", [None, "", {}, {"contact": None}, {"contact": {}}, {"contact": {"first_name": ""}}]
)
def test_a_missing_value_is_empty_or_its_default(value: object) -> None:
    values = value if isinstance(value, dict) else {"contact": {"first_name": value}}
    assert merge('[{{ contact.first_name }}]{{ contact.first_name|default("there") }}', values) == "[]there"
    assert merge("{% for t in request.topics %}x{% else %}none{% endfor %}", values) == "none"


def test_filters_speak_the_language_of_the_reader() -> None:
    assert merge("{{ shop.since|date }}", language="de") == "22. November 2026"
    assert merge("{{ 1234.5|money('EUR') }}", language="de") == "1.234,50\u00a0€"
    assert (
        merge("{{ shop.since|date }}|{{ 1|money }}|{{ 1|number }}", language="xx-nowhere")
        == "2026-11-22|1 EUR|1"
    )


@pytest.mark.parametrize(
    "value", ["NaN", "1e999999", "x", object(), [1], {"a": 1}, True, b"x", Decimal("Infinity")]
)
def test_a_filter_never_fails(value: object) -> None:
    for name in ("upper", "title", "date", "money", "number", "urlencode", "truncate(0)", 'money("?")'):
        assert isinstance(merge("{{ contact.email|" + name + " }}", {"contact": {"email": value}}), str)


ATTACKS = [
    "{{''.__class__.__mro__[1].__subclasses__()}}",
    "{{cycler.__init__.__globals__}}",
    "{{self}}",
    "{{ self._TemplateReference__context }}",
    "{{ lipsum.__globals__ }}",
    "{{ namespace }}",
    "{{ joiner() }}",
    "{{ range(10) }}",
    "{{ dict }}",
    "{{ loop.index }}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% block x %}{% endblock %}",
    "{% set x = 1 %}",
    "{% set x %}a{% endset %}",
    "{% macro x() %}{% endmacro %}",
    "{% call contact() %}{% endcall %}",
    "{% filter upper %}a{% endfilter %}",
    "{% with %}{% endwith %}",
    "{% autoescape false %}{% endautoescape %}",
    "{% do x %}",
    "{{ contact.email|attr('__class__') }}",
    "{{ contact|attr('__class__') }}",
    "{{ contact.email|safe }}",
    "{{ contact.email|map('upper') }}",
    "{{ contact.email|format(1) }}",
    "{{ '{0.__class__}'.format(contact) }}",
    "{{ contact.email.format }}",
    "{{ contact.email.upper() }}",
    "{{ contact.__class__ }}",
    "{{ contact._x }}",
    "{{ contact['email'] }}",
    "{{ contact[0] }}",
    "{{ contact }}",
    "{{ request.topics }}",
    "{{ request.topics|upper }}",
    "{{ request.topics.name }}",
    "{{ contact.items }}",
    "{{ config }}",
    "{{ env }}",
    "{{ session }}",
    "{{ request }}",
    "{{ g }}",
    "{{ request.environ }}",
    "{{ contact.password }}",
    "{{ 1 + 1 }}",
    "{{ -1 }}",
    "{{ 'a' * 10**9 }}",
    "{{ 'a' ~ 'b' }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ [1, 2] }}",
    "{{ {'a': 1} }}",
    "{{ (1, 2) }}",
    "{{ 'a' if 1 else 'b' }}",
    "{{ contact.email is defined }}",
    "{% for i in range(1000000000) %}{% endfor %}",
    "{% for c in contact.email %}{% endfor %}",
    "{% for c in contact %}{% endfor %}",
    "{% for a, b in request.topics %}{% endfor %}",
    "{% for t in request.topics if t.name %}{% endfor %}",
    "{% for t in request.topics recursive %}{% endfor %}",
    "{% for contact in request.topics %}{% endfor %}",
    "{% for b in contact.fields.brews %}{{ b.name }}{% endfor %}",
    "{% for b in contact.fields.brews|upper %}{% endfor %}",
    "{% for b in contact.fields.brews %}{{ loop.cycle }}{% endfor %}",
    "{% for b in contact.fields.brews %}{{ b.entries }}{{ b.__class__ }}{% endfor %}",
    "{% for b in contact.fields.brews.entries %}{% endfor %}",
    "{% for b in contact.fields.brews %}{% endfor %}{{ b }}",
    "{% for t in request.topics %}{{ t.secret }}{% endfor %}",
    "{% for t in request.topics %}{% endfor %}{{ t.name }}",
    "{% for a in request.topics %}" + "{% for b in shop.rows %}" * 2 + "{% endfor %}" * 3,
    "{{ contact.email|default }}",
    "{{ contact.email|upper(1) }}",
    "{{ contact.email|default(value='x') }}",
    "{{ contact.email|default(*request.topics) }}",
    "{{ contact.email",
    "{% if contact.email %}",
    "{% endif %}",
    "{{ }}",
    "{{ contact. }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "not " * 5000 + "1 }}",
    "{{ contact" + ".a" * 50_000 + " }}",
    "{{ " + "9" * 10_000 + " }}",
]


@pytest.mark.parametrize("source", ATTACKS, ids=lambda source: source[:60])
def test_what_is_not_listed_is_refused_with_its_place(source: str) -> None:
    errors = check("first line\n" + source, DECLARED)
    assert errors
    assert errors[0].line in {1, 2}
    assert errors[0].column >= 1
    assert len(errors[0].message) < 300
    with pytest.raises(MergeRefused) as refused:
        prepare("first line\n" + source, "header", DECLARED)
    assert refused.value.status == 422


def test_an_error_points_at_its_word() -> None:
    errors = check("Hello\n  {{ contact.email }} {{ contcat.email }}\n{{ x|nope }}", DECLARED)
    assert [(error.line, error.column) for error in errors] == [(2, 26), (3, 6)]
    assert "contcat.email" in errors[0].message


def test_values_cannot_become_markup_or_leave_an_attribute() -> None:
    evil = {"contact": {"first_name": "\"'><script>alert(1)</script>&{{ x }}"}}
    merged = merge('<a title="{{ contact.first_name }}">{{ contact.first_name }}</a>', evil)
    assert "<script" not in merged
    assert merged.count('"') == 2
    assert "'" not in merged
    assert "{{ x }}" in merged, "a value is never read as a template"
    assert "<script>" in merge("{{ contact.first_name }}", evil, "text")


def test_an_object_that_brings_its_own_markup_is_not_believed() -> None:
    class Sly(str):
        __slots__ = ()

        def __html__(self) -> str:
            return "<script>"

        def __str__(self) -> str:
            return "<script>"

    assert merge("{{ contact.email }}", {"contact": {"email": Sly("<b>")}}) == "&lt;b&gt;"


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "data:text/html,x", "//evil.example", " java\nscript:x", "x"]
)
def test_a_link_that_is_no_link_is_left_out(target: str) -> None:
    assert merge('<a href="{{ links.confirm }}">', {"links": {"confirm": target}}) == '<a href="">'


def test_only_a_link_may_begin_a_link() -> None:
    assert check('<a href="{{ contact.first_name }}">', DECLARED)
    assert check("<a HREF = '{{ contact.first_name }}'>", DECLARED)
    assert check("<a href={{ contact.first_name }}>", DECLARED)
    assert not check('<a href="https://a.example/?n={{ contact.first_name|urlencode }}">', DECLARED)
    assert not check('<a href="{{ links.confirm }}?s=1">', DECLARED)


@given(st.text(ANY))
def test_a_header_is_always_one_line(name: str) -> None:
    merged = merge("Hello {{ contact.first_name }}!\r\n", {"contact": {"first_name": name}}, "header")
    assert not any(character in merged for character in "\r\n\x00\t\x0b\x85\u2028\u2029")


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in shop.rows %}" + "x" * 3000 + "{% endfor %}",
        "{% for a in shop.rows %}{% for b in shop.rows %}{{ b.name }}{% endfor %}{% endfor %}",
        "{% for a in shop.rows %}{% for b in shop.rows %}{% if 1 == 2 %}x{% endif %}{% endfor %}{% endfor %}"
        * 50,
    ],
)
def test_a_runaway_template_stops_within_a_second_or_so(source: str) -> None:
    template = prepare(source, "html", DECLARED)
    began = time.monotonic()
    with pytest.raises(MergeStopped) as stopped:
        template.render({"shop": {"rows": [{"name": "abc"}] * 1000}})
    assert time.monotonic() - began < 3
    assert stopped.value.status == 422


def test_a_loop_over_too_many_rows_is_stopped() -> None:
    with pytest.raises(MergeStopped):
        merge("{% for a in shop.rows %}{% endfor %}", {"shop": {"rows": [{}] * 1001}})


@pytest.mark.parametrize(
    "piece", ["{{", "{%", "{#", "{{ a ", "{% if a %}", " {%- ", "{{ '", "}}", "\n{{-", "{{ a|b }}"]
)
def test_reading_a_hostile_source_takes_little_time(piece: str) -> None:
    # Its own seconds: others may use the cores.
    began = time.process_time()
    check(piece * (100_000 // len(piece)), DECLARED)
    assert time.process_time() - began < 8


def test_a_source_that_is_too_long_is_refused() -> None:
    assert check("x" * 600_000, DECLARED)


def test_a_template_knows_what_it_cannot_do_without() -> None:
    template = prepare(
        "{{ contact.email }}{{ contact.first_name|default('x') }}{% if brand.name %}{{ brand.site }}{% endif %}"
        "{% for t in request.topics %}{{ t.name }}{% endfor %}",
        "html",
        DECLARED,
    )
    assert template.needed == {"contact.email", "request.topics"}
    assert template.missing({"contact": {"email": ""}}) == ["request.topics"]


@pytest.mark.parametrize(
    ("source", "brews", "names"),
    [
        ("{% for b in contact.fields.brews %}{{ b }}{% endfor %}", [], {"contact.fields.brews"}),
        ("{% for b in contact.fields.brews %}{{ b }}{% endfor %}", ["V60"], set()),
        ("{% for b in contact.fields.brews %}{% else %}nothing{% endfor %}", [], set()),
        ("{% if contact.fields.brews %}{% for b in contact.fields.brews %}{% endfor %}{% endif %}", [], set()),
        # A word that is for some of them alone is no hole for the others, and other tags are looked at in each round.
        ('{% for b in contact.fields.brews %}{% if b == "V60" %}a{% endif %}{% endfor %}', ["Aeropress"], set()),
        ("{% for b in contact.fields.brews %}{{ b }} {{ contact.first_name }}{% endfor %}", ["V60"], {"contact.first_name"}),
        ("{% for b in contact.fields.brews %}{{ contact.first_name }}{% endfor %}", [], {"contact.fields.brews"}),
        ("{% for b in contact.fields.brews %}{% else %}{{ contact.first_name }}{% endfor %}", [], {"contact.first_name"}),
    ],
)
def test_an_empty_list_is_a_blank_and_so_is_what_is_empty_in_a_round(source: str, brews: list[str], names: set[str]) -> None:
    values = {"contact": {"fields": {"brews": Several(brews)}}}
    template = prepare(source, "html", DECLARED)
    assert template.blanks(values) == names
    assert template.blanks({"contact": {}}) == prepare(source, "html", DECLARED).blanks({"contact": {"fields": {"brews": Several([])}}})


def test_a_loop_over_too_many_words_is_stopped() -> None:
    with pytest.raises(MergeStopped):
        merge("{% for b in contact.fields.brews %}{% endfor %}", {"contact": {"fields": {"brews": Several(["V60"] * 1001)}}})


def test_every_declared_name_can_be_merged() -> None:
    for declared in (NEWSLETTER, SYSTEM):
        values = samples(declared)
        for variable in declared:
            if variable.kind is not Kind.LIST:
                merged = prepare("{{ " + variable.name + " }}", "text", declared).render(values)
                assert merged == variable.sample
