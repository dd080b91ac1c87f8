"""The text part that is made from a letter, and what a letter is looked at for before it goes out."""

from __future__ import annotations

import pytest

from app.content.letters import Draft, Prepared, write
from app.content.lint import GMAIL_CLIPS_OCTETS, lint_size, lint_source, lint_subject
from app.content.merge import prepare
from app.content.plaintext import to_text
from app.content.variables import NEWSLETTER, samples
from tests.support import letters


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two<br>lines</p>", "One\n\nTwo\nlines"),
        ("<h1>Big</h1><h2>Small</h2><p>x</p>", "Big\n===\n\nSmall\n-----\n\nx"),
        ("<ul><li>a</li><li>b <b>c</b></li></ul>", "- a\n- b c"),
        ('<p><a href="https://a.test/?x=1&amp;y=2">Go</a></p>', "Go:\nhttps://a.test/?x=1&y=2"),
        ('<p>See <a href="https://a.test/">this</a>, or not.</p>', "See this: https://a.test/, or not."),
        ('<p><a href="https://a.test/">https://a.test/</a></p>', "https://a.test/"),
        ('<p><a href="https://a.test/1">1</a><a href="https://a.test/2">2</a></p>', "1: https://a.test/1\n2: https://a.test/2"),
        ('<p><a href="https://a.test/"><img src="x" alt="The shop"></a></p>', "The shop:\nhttps://a.test/"),
        ('<p>x<img src="x" alt="A harbour">y</p>', "xy"),
        ('<div style="display:none">preheader</div><p>seen</p>', "seen"),
        ("<head><title>t</title><style>a{}</style></head><p>seen</p><!-- not --><script>x</script>", "seen"),
        ("<table><tr><td>one</td><td>two</td></tr></table>", "one\n\ntwo"),
        ("<p>caf&eacute; &amp; more&nbsp;&lt;b&gt;</p>", "café & more <b>"),
        ("<p>a</p><hr><p>b</p>", "a\n\n---\n\nb"),
        ("", ""),
    ],
)  # fmt: skip
def test_html_becomes_text(html, text):
    assert to_text(html) == f"{text}\n"


def test_merge_tags_stay_and_braces_of_the_text_are_no_tags():
    made = to_text('<p>{{ contact.first_name|default("<you>") }} {% if links.why %}<a href="{{ links.why }}">Why?</a>{% endif %}</p><p>&#123;&#123; self }}</p>')  # fmt: skip
    assert '{{ contact.first_name|default("<you>") }}' in made
    merged = prepare(made, "text", NEWSLETTER).render(samples(NEWSLETTER))
    assert merged.startswith("Mara Why?: https://news.ostkai.example/w/")
    assert "{{ self }}" in merged


def test_a_text_part_of_ones_own_is_sent_as_it_is():
    own = "Dear {{ contact.first_name }},\n\n  indented\n\n{{ links.unsubscribe }}\n{{ brand.postal_address }}\n"
    written = write(Draft("S", "P", letters.source(), own_text=own))
    assert written.is_usable
    assert (
        Prepared(written).merge(samples(NEWSLETTER)).text.startswith("Dear Mara,\n\n  indented\n\nhttps://")
    )


@pytest.mark.parametrize(
    ("inner", "severity", "words"),
    [
        ('<mj-image src="https://a.test/x.png" />', "warning", 'needs alt="…"'),
        ('<mj-text><img src="https://a.test/x.png" width="20"></mj-text>', "warning", 'needs alt="…"'),
        ('<mj-image src="/x.png" alt="" />', "error", "must begin with https://"),
        ('<mj-text><a href="https://a.test/"></a></mj-text>', "warning", "has no words"),
        ('<mj-text><a href="https://a.test/"> &nbsp; </a></mj-text>', "warning", "has no words"),
        ('<mj-button href="https://a.test/"></mj-button>', "warning", "has no words"),
        ("<mj-button>Go</mj-button>", "warning", "leads nowhere"),
        ('<mj-text><a href="#">Go</a></mj-text>', "warning", "leads nowhere"),
        ('<mj-button href="https://shop.example/">Go</mj-button>', "warning", "leads to an example"),
        ("<mj-raw><script>x</script></mj-raw>", "error", "never works in a mail"),
        ('<mj-text><p onclick="x()">y</p></mj-text>', "error", "never works in a mail"),
    ],
)
def test_what_is_odd_is_told_on_its_line(inner, severity, words):
    (problem,) = lint_source(letters.source(inner))
    assert (problem.line, problem.severity) == (8, severity)
    assert words in problem.message


@pytest.mark.parametrize(
    "inner",
    [
        '<mj-image src="https://a.test/x.png" alt="" />',
        '<mj-image src="{{ brand.logo }}" alt="{{ brand.name }}" />',
        '<mj-text><a href="https://a.test/"><img src="https://a.test/x.png" alt="Shop" width="20"></a></mj-text>',
        '<mj-text><a href="{{ links.unsubscribe }}">{{ topic.name }}</a></mj-text>',
        '<mj-text><a id="top"></a>Top</mj-text>',
        "<mj-text>5 &lt; 6</mj-text>",
    ],
)
def test_what_is_right_is_left_alone(inner):
    assert lint_source(letters.source(inner)) == []


def test_the_two_lines_of_the_inbox_are_looked_at():
    assert [(one.place, one.severity) for one in lint_subject("", "")] == [
        ("subject", "error"),
        ("preheader", "warning"),
    ]
    assert lint_subject("Three new coffees", "Plum") == []
    assert "capitals" in lint_subject("BUY NOW, LAST BAGS", "Plum")[0].message
    assert "70" in lint_subject("x" * 71, "Plum")[0].message


def test_a_mail_that_gmail_would_cut_is_told():
    assert lint_size("x" * GMAIL_CLIPS_OCTETS) == []
    (problem,) = lint_size("x" * (GMAIL_CLIPS_OCTETS + 1))
    assert (problem.severity, "102 KB" in problem.message) == ("warning", True)


def test_text_between_components_keeps_a_letter_back():
    written = write(Draft("S", "P", letters.source("lost words")))
    assert not written.is_usable
    assert [(one.line, one.severity) for one in written.problems] == [(8, "error")]
