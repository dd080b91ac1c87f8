"""What is said of HTML and colours that inboxes show otherwise than a browser does."""

from __future__ import annotations

import time

import pytest

from app.content.lint import lint_source
from tests.support import letters


def told(inner: str, **more: str) -> list[tuple[int, str]]:
    problems = lint_source(letters.source(inner, **more))
    assert {one.severity for one in problems} <= {"warning"}
    return [(one.line, one.message) for one in problems]


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ('<mj-text><div style="display: flex">a</div></mj-text>', "Outlook knows no “display: flex”"),
        ('<mj-raw><td style="DISPLAY:grid !important">a</td></mj-raw>', "Outlook knows no “display: grid"),
        ('<mj-text><p style="color:red;position:absolute">a</p></mj-text>', "drop “position: absolute”"),
        ('<mj-raw><td style="background:url(https://a.test/b.png)">a</td></mj-raw>', "no picture behind this"),
        ("<mj-raw><svg></svg></mj-raw>", "nothing of <svg>"),
        ('<mj-raw><video src="https://a.test/v.mp4"></video></mj-raw>', "nothing of <video>"),
        ('<mj-image src="data:image/png;base64,AA" alt="" />', "stands in the mail itself"),
        ('<mj-image src="https://a.test/x.svg?1" alt="" />', "this kind of picture (svg)"),
        ('<mj-text><img src="https://a.test/x.webp" alt="" width="9"></mj-text>', "this kind of picture (webp)"),
        ('<mj-text><img src="https://a.test/x.png" alt=""></mj-text>', "as large as its file"),
        ('<mj-text color="#AAA" container-background-color="#ffffff">a</mj-text>', "#aaaaaa on #ffffff has a contrast of 2.3"),
        ('<mj-button href="https://a.test/" background-color="#eeeeee" color="white">a</mj-button>', "#ffffff on #eeeeee"),
        ('<mj-text><p style="background:#000"><b style="color:#111111">a</b></p></mj-text>', "#111111 on #000000"),
        ('<mj-text><p style="color:#fff"><span style="background-color:white">a</span></p></mj-text>', "#ffffff on #ffffff"),
        ('<mj-text><span style="color:#222222">a</span></mj-text>', "In a dark inbox #222222 stands on dark"),
    ],
)
def test_what_some_inboxes_do_not_show_is_told_on_its_line(inner, words):
    ((line, message),) = told(inner)
    assert (line, words in message) == (8, True), message


@pytest.mark.parametrize(
    "inner",
    [
        '<mj-raw><td style="background:#eeeeee url(https://a.test/b.png)">a</td></mj-raw>',
        '<mj-text color="#777777" font-size="24px" container-background-color="#ffffff">Large</mj-text>',
        '<mj-text color="#767676" container-background-color="#ffffff">a</mj-text>',
        '<mj-text mj-class="second" color="#ffffff">a</mj-text>',
        '<mj-text><p style="background:#fff"><b class="own" style="color:#fff">a</b></p></mj-text>',
        '<mj-text><p style="background:#fff;color:#222">a</p></mj-text>',
        '<mj-text><p style="background:#fff;color:#222">a</p><p style="color:#e9a583">b</p></mj-text>',
        '<mj-text color="{{ contact.first_name }}" container-background-color="#fff">a</mj-text>',
        '<mj-social><mj-social-element name="web" color="#fff" href="https://a.test/">a</mj-social-element></mj-social>',
    ],
)
def test_what_can_be_read_everywhere_is_left_alone(inner):
    assert told(inner) == []


def test_a_section_is_the_ground_of_what_stands_in_it_and_of_nothing_else():
    one = '<mj-section background-color="{}"><mj-column><mj-text color="#111111">a</mj-text></mj-column></mj-section>'
    rows = f"</mj-column></mj-section>\n{one.format('#000000')}\n{one.format('#ffffff')}\n<mj-section><mj-column>"
    assert [line for line, _ in told(rows)] == [9]


def test_styles_are_looked_at_and_those_of_a_media_query_are_for_others():
    styles = "<mj-style>\n.a { display: grid }\n@media (max-width: 479px) {\n .b { display: flex }\n}\n.c > p { position: fixed }</mj-style>\n"
    assert [(line, message.partition("“")[2].partition("”")[0]) for line, message in told(letters.GREETING, head=styles)] == [
        (4, "display: grid"), (8, "position: fixed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "inner",
    [
        "<b>" * 50_000 + "</i>" * 50_000, "<mj-style>" + "@media " * 50_000, "<mj-style>" + "a" * 400_000,
        "<mj-style>" + "@media x{a{b}" * 30_000, '<p style="' + "a:" * 100_000 + '">', "<mj-style>" + "a: " * 100_000,
        "<mj-style>" + "@media {a{" + "b" * 200_000, "<style>" * 50_000,
    ],
    ids=lambda inner: inner[:24],
)  # fmt: skip
def test_a_hostile_source_is_looked_at_in_little_time(inner):
    began = time.process_time()
    lint_source(inner)
    assert time.process_time() - began < 4
