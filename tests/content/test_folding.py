"""The compiled HTML is folded: smaller, and the same to whoever looks at it."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.content import designs
from app.content.compiler import compile_source
from app.content.folding import fold
from app.content.letters import Draft
from app.content.mjml import Guarded, compile_mjml
from app.content.plaintext import to_text
from tests.support import letters
from tests.support.properties import examples

KEPT = {"pre", "textarea", "style", "script", "title", "xmp", "listing", "svg"}
BLANKS = re.compile(r"[ \t\n\r\f]+")
PIECES = st.sampled_from(
    [
        "  ", " ", "\n", "\n  \n", "\t", "\u00a0 \u00a0", "a", "漢", "<b>", "</b>", "<td\n  class='a  b'\n>", '<a  title="x\n  y"  href=z >',
        "<!-- a  b -->", "<!--[if mso]>\n  <table\n    >  x<![endif]-->", "<!--[if !mso]><!-->", "<!--<![endif]-->", "&nbsp;  ", "nodtag1zz",
        "<br  />", "a <  b", "</td>\n   <td>", "<style>a  b\n\n</style>", "<title>a  b</title>",
    ]
)  # fmt: skip


class Seen(HTMLParser):
    """What a reader's program makes of a mail, with each run of blanks that it shows as one space as one space."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.tokens: list[object] = []
        self._kept: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tokens.append((tag, attrs))
        if tag in KEPT:
            self._kept.append(tag)

    def handle_endtag(self, tag):
        self.tokens.append(f"/{tag}")
        if self._kept and self._kept[-1] == tag:
            self._kept.pop()

    def handle_startendtag(self, tag, attrs):
        self.tokens.append((tag, attrs))

    def handle_data(self, data):
        self.tokens.append(data if self._kept else BLANKS.sub(" ", data))

    def handle_entityref(self, name):
        self.tokens.append(f"&{name}")

    def handle_charref(self, name):
        self.tokens.append(f"&#{name}")

    def handle_comment(self, data):
        inside = data.startswith("[if") and data.endswith("<![endif]")
        self.tokens.append(seen(data.removesuffix("<![endif]")) if inside else data)

    def handle_decl(self, decl):
        self.tokens.append(decl)


def seen(html: str) -> list[object]:
    reader = Seen()
    reader.feed(html)
    reader.close()
    joined: list[object] = []
    for token in reader.tokens:  # where the parser cuts a text says nothing
        if isinstance(token, str) and token[:1] not in {"/", "&"} and joined and isinstance(joined[-1], str) and joined[-1][:1] not in {"/", "&"}:
            joined[-1] = BLANKS.sub(" ", joined[-1] + token)
        else:
            joined.append(token)
    return joined


def compiled(source: str) -> str:
    return compile_source(Guarded(source).text)[0]


@pytest.mark.parametrize("name", [one.name for one in designs.list_designs()])
def test_every_design_is_the_same_letter_and_a_quarter_smaller(name):
    filled = designs.fill(name, lambda file: f"https://media.ostkai.example/{file}")
    source = re.sub(r'<mj-include path="[a-z-]+" />', "", Draft(filled.subject, filled.preheader, filled.source).compiled_source)
    whole = compiled(source)
    folded = fold(whole)
    assert seen(folded) == seen(whole)
    assert to_text(folded) == to_text(whole)
    assert fold(folded) == folded
    assert len(folded) < 0.8 * len(whole)
    # Its own process makes the compiler's tables once for all: with each component's own, as if they were made anew.
    assert compile_mjml(source).html == Guarded(source).back(folded)


def test_what_is_sent_is_folded():
    html = compile_mjml(letters.source("<mj-text>\n\n   Hello   there\n</mj-text>")).html
    assert ">Hello there</div>" in html
    assert "\n\n" not in html.partition("<body")[2]
    assert "\n " not in html.partition("<body")[2]


@pytest.mark.parametrize(
    "kept",
    [
        "<pre>\n  a\n    b\n</pre>",
        "<PRE class='x'>\n  a <b>  b</b>\n</PRE>",
        "<textarea>\n  a\n\n</textarea>",
        "<style>\n  .a  { content: 'x  y' }\n</style>",
        "<script>\n  let a = '  '\n</script>",
        "<title>a  b</title>",
        "<!-- a\n   word  of ours -->",
        "<p title='a\n   b' alt=\"c  d\">x</p>",
        "a\u00a0\u00a0b",
        "<!--[if mso]><pre>\n  a\n    b</pre><![endif]-->",
        "<pre>\n  never   closed",
        '<p title="never\n   closed>  a',
        "<pre>\n  a<pre>  b</pre>  c\n</pre>",
        "<pre>a </prefix>  b</pre>",
        "<svg><svg></svg><text>  a</text></svg>",
        '<style title="</style>">\n  a  </style>',
        "<plaintext>a</plaintext>  b",
        '<noframes><a title="</noframes><a title="a  b">',
        '<a b==">c</a><a title="d  e">',
        '<a ="b>c</a><a title="d  e">',
        '<a ="b c="d  e">f</a>',
        '<a="b c="d  e">f</a>',
        '<a b=c"=">d</a><a title="e  f">',
        '<?a b="c>d</a><a title="e  f">',
        '<![CDATA[a b="c>d]]><a title="e  f">',
        '</ b="c>d<a title="e  f">',
    ],
)
def test_blanks_that_somebody_sees_stay(kept):
    assert fold(f"<td>x</td>{kept}") == f"<td>x</td>{kept}"


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("<b>a</b>   <i>b</i>", "<b>a</b> <i>b</i>"),
        ("<b>a</b>\n\n   <i>b</i>", "<b>a</b>\n<i>b</i>"),
        ("漢\n   字", "漢\n字"),
        ("<b>a</b><i>b</i>", "<b>a</b><i>b</i>"),
        ("<td\n   align='left'\n   class=\"a  b\"\n>", "<td align='left' class=\"a  b\">"),
        ("<br  />x", "<br />x"),
        ("<!--[if mso | IE]>\n    <table\n      width='1'\n    ><![endif]-->", "<!--[if mso | IE]>\n<table width='1'><![endif]-->"),
        ("<!--[if !mso]><!-->  <p>a</p>  <!--<![endif]-->", "<!--[if !mso]><!--> <p>a</p> <!--<![endif]-->"),
        ("<!--><p>a   b</p>", "<!--><p>a b</p>"),
        ("<p title=a>b</p>   <pre>  c</pre>   d", "<p title=a>b</p> <pre>  c</pre> d"),
        ('<a b==">c  d</a>', '<a b==">c d</a>'),
        ('<a ="b>c  d</a>', '<a ="b>c d</a>'),
        ('<?a b="c>d  e', '<?a b="c>d e'),
        ("<style>  a</style   >  b", "<style>  a</style   > b"),
    ],
)
def test_blanks_that_nobody_sees_go(written, folded):
    assert fold(written) == folded


@pytest.mark.parametrize(
    ("style", "is_folded"),
    [
        ("white-space: pre", False),
        ("WHITE-SPACE:pre-line;", False),
        ("white-space: break-spaces", False),
        ("white-space-collapse: preserve", False),
        ("white-space: nodtag1zz", False),
        ("white-space: nowrap preserve", False),
        ("white-space: nowrap", True),
        ("white-space:normal !important;", True),
    ],
)
def test_a_letter_whose_styles_show_blanks_is_left_alone(style, is_folded):
    html = f'<div style="{style}">a\n    b</div>'
    assert fold(html) == (html.replace("\n    ", "\n") if is_folded else html)


def test_merge_tags_keep_their_blanks():
    html = compile_mjml(letters.source('<mj-text>Hello   {{ contact.first_name|default("my   dear") }}   you</mj-text>')).html
    assert 'Hello {{ contact.first_name|default("my   dear") }} you' in html


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(PIECES, max_size=14))
def test_whatever_is_written_is_seen_as_before(pieces):
    html = "".join(pieces)
    assert seen(fold(html)) == seen(html)


@pytest.mark.parametrize("piece", ['<a "', "<a =\"", "<!--", "<pre ", "< ", "<a  ", "=  ", "<!--[if mso]>  <!-- ", "<style a='", "<pre></pre>", "<a b  ", "<title>a</title"])
def test_folding_takes_as_long_as_the_letter(piece):
    began = time.process_time()
    fold(piece * (512 * 1024 // len(piece)))
    assert time.process_time() - began < 2
