"""The wrapper around the compiler: faults bridged, limits kept, every problem on its line."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.content import compiler, limited
from app.content import mjml as wrapper
from app.content.colours import Colours
from app.content.compiler import DEPTH, ENDING_TAGS, TAGS
from app.content.mjml import Compiled, compile_mjml
from app.content.warm import MOST, Warm

HEAD = '<mj-head><mj-attributes><mj-all font-family="Arial" /></mj-attributes></mj-head>'


def mail(inner: str, head: str = HEAD) -> str:
    return f"<mjml>\n{head}\n<mj-body>\n<mj-section>\n<mj-column>\n{inner}\n</mj-column>\n</mj-section>\n</mj-body>\n</mjml>"


def errors(compiled: Compiled) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in compiled.problems if problem.severity == "error"]


def test_a_plain_mail_compiles_without_a_word() -> None:
    compiled = compile_mjml(mail("<mj-text>Hello</mj-text>"))
    assert compiled.is_usable
    assert compiled.problems == ()
    assert "Hello" in compiled.html
    assert "fonts.googleapis" not in compiled.html


def test_merge_tags_come_through_untouched() -> None:
    source = mail(
        "<mj-text>{{ contact.first_name|default(\"you < & > 'x' }}\") }}{% if a < b %}x{% endif %}{# n < #}</mj-text>\n"
        '<mj-button href="{{ links.shop }}?a={{ x|urlencode }}">Go</mj-button>\n'
        "<mj-raw>{% for i in rows %}<tr><td>{{ i.name }}</td></tr>{% endfor %}</mj-raw>"
    )
    compiled = compile_mjml(source)
    assert compiled.is_usable
    for tag in (
        "{{ contact.first_name|default(\"you < & > 'x' }}\") }}",
        "{% if a < b %}x{% endif %}{# n < #}",
        'href="{{ links.shop }}?a={{ x|urlencode }}"',
        "{% for i in rows %}<tr><td>{{ i.name }}</td></tr>{% endfor %}",
    ):
        assert tag in compiled.html
    assert "nodtag" not in compiled.html


def test_subject_and_preheader_are_held() -> None:
    head = HEAD.replace(
        "<mj-head>", "<mj-head><mj-title> Hi\n {{ a }}</mj-title><mj-preview>Pre &amp; more</mj-preview>"
    )
    compiled = compile_mjml(mail("<mj-text>x</mj-text>", head))
    assert (compiled.title, compiled.preview) == ("Hi {{ a }}", "Pre &amp; more")


def test_our_partials_are_written_in_and_painted_without_moving_lines() -> None:
    source = mail("<mj-text>x</mj-text>\n<mj-nope />", '<mj-head><mj-include path="head" /></mj-head>')
    compiled = compile_mjml(source, Colours(brand="#00aa55"))
    assert "#00aa55" in compiled.html
    assert [line for line, _ in errors(compiled)] == [7]


@pytest.mark.parametrize(
    "include",
    [
        '<mj-include path="/etc/passwd" />',
        '<mj-include path="head" type="css" />',
        '<mj-include path="../system/confirm/mail" />',
        '<mj-include path="unknown" />',
        '<MJ-INCLUDE PATH="head" />',
        "<mj-Include path='head'></mj-include>",
        '<!-- <mj-include path="/dev/zero" /> -->',
        "<mj-include\npath='/dev/stdin'/>",
    ],
)
def test_an_authors_include_is_refused_with_its_line(include: str) -> None:
    compiled = compile_mjml(mail(include))
    assert not compiled.html
    assert errors(compiled)[0][0] == 6


def test_the_compiler_itself_opens_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.mjml"
    secret.write_text("<mjml><mj-body><mj-text>SECRET</mj-text></mj-body></mjml>")
    for kind in ("", 'type="html"', 'type="css"'):
        answer = wrapper._run(mail(f'<mj-include path="{secret}" {kind} />'))
        assert answer is not None
        assert "SECRET" not in str(answer)
        assert answer["problems"]


@pytest.mark.parametrize(
    ("inner", "line", "words"),
    [
        ("<mj-text>a</mj-text>\nlost words\n<mj-text>b</mj-text>", 7, "Text between"),
        ("<mj-text>a</mj-text>\n\n  {{ contact.email }}", 8, "merge tag between"),
        ("{% if a %}<mj-text>a</mj-text>{% endif %}", 6, "merge tag between"),
        ("<mj-text {{ x }}>a</mj-text>", 6, "among the attributes"),
        ("<mj-text>\n<a {{ x }}>a</a></mj-text>", 7, "among the attributes"),
        ("<mj-text>\n<a href={{ x }}>a</a></mj-text>", 7, "quotes"),
        ('<mj-text font-size="{{ x }}px">a</mj-text>', 6, "size"),
        ('<mj-text color="{{ x }}">a</mj-text>', 6, "colour"),
        ('<mj-text font-size="16">a</mj-text>', 6, "font-size"),
        ('<mj-text nope="16">a</mj-text>', 6, "nope"),
        ("<mj-nope>a</mj-nope>", 6, "mj-nope"),
        ("<mj-text>a", 6, "never closed"),
        ("</mj-table>", 6, "closes nothing"),
        ('<mj-button href="javascript:alert(1)">a</mj-button>', 6, "must begin"),
        ('<mj-button href="//evil.example">a</mj-button>', 6, "must begin"),
        ('<mj-text><a href="data:text/html,x">a</a></mj-text>', 6, "must begin"),
        ("<mj-text>{{\n a\n}}</mj-text>\n<mj-nope />", 9, "mj-nope"),
        ("<mj-text>a\x00</mj-text>", 6, "character"),
        ("<mj-text>a\ud800</mj-text>", 6, "character"),
    ],
)
def test_what_would_break_in_silence_is_said_with_its_line(inner: str, line: int, words: str) -> None:
    found = errors(compile_mjml(mail(inner)))
    assert any(at == line and words in message for at, message in found), found
    assert all("nodtag" not in message for _, message in found)


def test_an_attribute_that_stands_twice_is_a_warning() -> None:
    compiled = compile_mjml(mail('<mj-text color="#000000" color="#111111">a</mj-text>'))
    assert [problem.severity for problem in compiled.problems] == ["warning"]
    assert compiled.is_usable


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            mail("</mj-column></mj-section><mj-hero>\n<mj-text>a</mj-text></mj-hero><mj-section><mj-column>"),
            6,
        ),
        (
            mail(
                '<mj-text>a</mj-text>\n<mj-image border-radius="4px / 5px" src="https://a.example/a.png" />'
            ),
            7,
        ),
        (mail("<mj-text>a</mj-text>").replace("<mj-section>", '<mj-section padding="x y z w v">'), 4),
        ("", 1),
        ("no mjml at all", 1),
        ("<mjml></mjml>", 1),
        ("<mjml><mj-head></mj-head></mjml>", 1),
        ("<html><body></body></html>", 1),
        ("<mjml><mj-body><mj-body></mj-body></mj-body></mjml>", 1),
    ],
)
def test_odd_input_never_raises(source: str, line: int) -> None:
    compiled = compile_mjml(source)
    assert compiled.problems or compiled.html
    assert not errors(compiled) or min(at for at, _ in errors(compiled)) == line


@pytest.mark.parametrize("name", ["Roboto", "Ubuntu", "Inter"])
def test_a_font_twice_or_with_a_built_in_name_becomes_a_link(name: str) -> None:
    font = f'<mj-font name="{name}" href="https://fonts.example/{name}.css" />'
    head = HEAD.replace("</mj-head>", f"{font}\n{font}</mj-head>")
    compiled = compile_mjml(mail(f'<mj-text font-family="{name}x, Arial">a</mj-text>', head))
    assert compiled.html
    assert f"https://fonts.example/{name}.css" in compiled.html


def test_a_font_that_is_not_https_is_refused() -> None:
    head = HEAD.replace("</mj-head>", '<mj-font name="x" href="http://a.example/x.css" /></mj-head>')
    assert errors(compile_mjml(mail("<mj-text>a</mj-text>", head)))


@pytest.mark.parametrize("name", ["Roboto", "Open Sans", "Lato", "Ubuntu", "Droid Sans"])
def test_no_mail_calls_a_font_server_that_the_author_did_not_name(name: str) -> None:
    compiled = compile_mjml(mail(f'<mj-text>a</mj-text>\n<mj-text font-family="{name}, Arial">a</mj-text>'))
    assert any(line == 7 and "Google" in message for line, message in errors(compiled))
    assert not compiled.is_usable


def test_the_compilers_default_font_is_named_as_the_fault() -> None:
    found = errors(compile_mjml(mail("<mj-text>a</mj-text>", "")))
    assert any("mj-all" in message for _, message in found)


def test_an_author_may_name_the_font_server_himself() -> None:
    head = HEAD.replace(
        "</mj-head>", '<mj-raw><link href="https://fonts.googleapis.com/css?family=A"></mj-raw></mj-head>'
    )
    assert compile_mjml(mail("<mj-text>a</mj-text>", head)).is_usable


def test_limits_answer_with_words() -> None:
    assert "512 KB" in errors(compile_mjml("x" * 600_000))[0][1]
    deep = "<mj-wrapper>" * (DEPTH + 1) + "</mj-wrapper>" * (DEPTH + 1)
    assert any("deep" in message for _, message in errors(compile_mjml(mail(deep))))
    many = "<mj-text>" + "<b></b>" * (TAGS + 1) + "</mj-text>"
    assert any("tags" in message for _, message in errors(compile_mjml(mail(many))))


def test_a_mail_that_grows_too_large_in_compiling_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    html, problems = compiler.compile_source(mail("<mj-text>a</mj-text>"))
    assert html
    monkeypatch.setattr(compiler, "OUTPUT_CHARACTERS", len(html) - 1)
    html, problems = compiler.compile_source(mail("<mj-text>a</mj-text>"))
    assert not html
    assert [problem["message"] for problem in problems] == ["The compiled mail is larger than 4 MB."]


LIMITED = """
import resource, runpy, sys
limited = runpy.run_path(sys.argv[1])
program = limited["program_of"](sys.argv[2])
limited["work_once"](program, sys.stdin.buffer.readline())
for name, act in (("memory", lambda: bytearray(program.MEMORY_OCTETS)), ("file", lambda: open(sys.argv[3], "wb", 0).write(b"x"))):
    try:
        act()
    except (MemoryError, OSError):
        print(name, file=sys.stderr)
print(resource.getrlimit(resource.RLIMIT_CPU)[0], file=sys.stderr)
"""


def test_the_compilers_process_gets_no_more_than_its_share(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-W", "ignore", "-c", LIMITED, limited.__file__, compiler.__file__, str(tmp_path / "new")],
        input=json.dumps({"source": mail("<mj-text>a</mj-text>")}).encode(),
        capture_output=True,
        check=False,
    )
    assert json.loads(done.stdout)["html"]
    assert done.stderr.decode().split() == ["memory", "file", str(compiler.CPU_SECONDS)]


def test_a_compile_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrapper, "WALL_SECONDS", 0.001)
    began = time.monotonic()
    compiled = compile_mjml(mail("<mj-text>endless</mj-text>"))
    assert time.monotonic() - began < 5
    assert "too long" in errors(compiled)[0][1]
    monkeypatch.undo()
    assert compile_mjml(mail("<mj-text>endless</mj-text>")).is_usable, "a stop is not remembered"


def test_the_same_source_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source = mail("<mj-text>once</mj-text>")
    first = compile_mjml(source)
    monkeypatch.setattr(wrapper, "_run", lambda text: pytest.fail("compiled again"))
    assert compile_mjml(source) is first
    assert len(first.fingerprint) == 64


def test_our_list_of_text_components_is_that_of_the_compiler() -> None:
    from mjml.core.registry import components_for_invocation

    found = {name for name, component in components_for_invocation(None).items() if component.ending_tag}
    assert found == ENDING_TAGS


def test_a_compiler_that_was_killed_is_followed_by_another_and_none_outlives_its_limits() -> None:
    warm = Warm("compiler.py")
    first = warm.run({"source": mail("<mj-text>one</mj-text>")}, 10)
    (waiting,) = warm._idle
    assert warm.run({"source": mail("<mj-text>two</mj-text>")}, 10)
    assert [found.pid for found in warm._idle] == [waiting.pid], "it waits for the next"
    os.killpg(waiting.pid, signal.SIGKILL)
    waiting.wait()
    assert warm.run({"source": mail("<mj-text>one</mj-text>")}, 10) == first
    assert warm.run({"source": mail("<mj-text>two</mj-text>")}, 0.0) is None
    assert warm._idle == [], "whatever it was at has ended with it"
    with ThreadPoolExecutor(6) as threads:
        sources = [mail(f"<mj-text>{number}</mj-text>") for number in range(12)]
        answers = list(threads.map(lambda source: warm.run({"source": source}, 10), sources))
    assert all(f">{number}<" in answer["html"] for number, answer in enumerate(answers))
    assert len(warm._idle) <= MOST
    warm.close()
