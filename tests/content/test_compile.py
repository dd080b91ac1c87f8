"""``flask content compile``, the compiler's own fixtures, and sources that nobody would write."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from importlib.metadata import version

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.content.letters import Draft, Prepared, write
from app.content.mjml import compile_mjml
from app.kernel.errors import BadInput
from tests.support import letters
from tests.support.properties import ANY, examples

PIECES = st.text(ANY, max_size=30) | st.sampled_from(
    [
        "<mjml>", "<mj-body>", "</mj-body>", "<mj-section>", "<mj-text>", "</mj-text>", "<mj-hero>", "<mj-raw>", "<mj-style>",
        "{{ contact.first_name }}", "{% if contact.email %}", "{% endif %}", "{% for a in b %}", "{{", "}}", "{#", "<!--", "-->",
        '<mj-image src="x" width="{{ 1 }}px" />', '<mj-section border-radius="1 2 3 4 5" padding="a">', "<![CDATA[", "&#0;", "<mj-",
    ]
)  # fmt: skip


@pytest.fixture
def run(app):
    runner = app.test_cli_runner()
    return lambda *given, **more: runner.invoke(args=["content", "compile", *map(str, given)], **more)


def test_a_file_is_compiled_to_what_would_be_sent(run, tmp_path):
    file = tmp_path / "mail.mjml"
    file.write_text(
        letters.source(head="<mj-title>Three coffees</mj-title><mj-preview>Plum</mj-preview>"), encoding="utf-8"
    )
    told = run(file)
    assert told.exit_code == 0
    assert told.stdout.lstrip().lower().startswith("<!doctype html>")
    assert "{{ contact.first_name" in told.stdout
    assert json.loads(told.stderr) == []
    assert "Unsubscribe: {{ links.unsubscribe }}" in run(file, "--text").stdout
    assert "Abmelden" in run(file, "--text", "--language", "de").stdout


def test_problems_are_json_and_end_with_1(run, tmp_path):
    told = run("-", input=letters.source("<mj-text>{{ contact.nobody }}</mj-text>"))
    assert told.exit_code == 1
    found = json.loads(told.stderr)
    assert {"line", "column", "severity", "message", "place"} == set(found[0])
    assert [one["line"] for one in found if "contact.nobody" in one["message"]] == [8]
    (tmp_path / "latin").write_bytes(b"\xff\xfe\xff")
    assert "not UTF-8" in run(tmp_path / "latin").stderr
    assert run(tmp_path / "missing").exit_code == 2


@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PIECES, max_size=14))
def test_no_source_ends_in_anything_but_a_letter_or_its_problems(pieces):
    began = time.monotonic()
    written = write(Draft("".join(pieces[:2]), "".join(pieces[2:3]), "".join(pieces)))
    assert written.html or written.problems
    if written.html:
        with suppress(BadInput):  # a tag that does not work, or a letter that grows too large
            Prepared(written).merge({"contact": {"email": "a@b.test"}})
    assert time.monotonic() - began < 15


@pytest.mark.network
def test_the_compilers_own_fixtures_compile(tmp_path):
    wanted = f"mjml=={version('mjml')}"
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "mjml", wanted, "-d", str(tmp_path)],
        check=True,
    )
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    found = sorted(tmp_path.glob("*/tests/*/**/*.mjml"))
    official = [path for path in found if path.parent.name == "testdata"]
    whole = [path for path in official if not path.name.startswith("_") and "mj-include" not in path.name]
    assert len(whole) > 60
    for path in found:
        compiled = compile_mjml(path.read_text(encoding="utf-8", errors="replace"))
        assert compiled.html or compiled.problems, path
        assert compiled.html or path not in whole, (path, compiled.problems)
