"""What all pages promise, read off their sources: a strict policy, small styles, words that can be translated."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"
STATIC = APP / "static"
TEMPLATES = sorted(
    path
    for path in APP.rglob("*.html")
    if "templates" in path.parts and not {"node_modules", "static"} & set(path.parts)
)
PUBLIC = [path for path in TEMPLATES if '{% extends "public.html" %}' in path.read_text()]
names = [str(path.relative_to(APP)) for path in TEMPLATES]


def without_comments(path: Path) -> str:
    return re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("path", TEMPLATES, ids=names)
def test_template_holds_nothing_that_the_policy_refuses(path):
    source = without_comments(path)

    assert not re.search(r"\sstyle=", source), "a style attribute"
    assert not re.search(r"<style[\s>]", source), "a style element"
    assert not re.search(r"\son[a-z]+=", source), "an event handler in an attribute"
    assert not re.search(r"<script(?![^>]*\ssrc=)", source), "a script in the page"
    assert "javascript:" not in source


@pytest.mark.parametrize("path", PUBLIC, ids=[str(path.relative_to(APP)) for path in PUBLIC])
def test_public_page_leaves_no_word_untranslated(path):
    source = re.sub(r"\{% block body_class %\}.*?\{% endblock %\}", "", without_comments(path))
    source = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|<[^>]*>", " ", source, flags=re.DOTALL)

    assert not re.findall(r"[A-Za-z]{2,}", source.replace("&lt;", "").replace("&gt;", ""))


@pytest.mark.parametrize("path", PUBLIC, ids=[str(path.relative_to(APP)) for path in PUBLIC])
def test_public_page_posts_where_its_view_says(path):
    for form in re.findall(r"<form[^>]*>", path.read_text()):
        assert 'method="post"' in form
        assert re.search(r'action="\{\{ \w+ \}\}"', form), form


@pytest.mark.parametrize("path", TEMPLATES, ids=names)
def test_icons_named_in_templates_exist(path):
    known = set(re.findall(r'<symbol id="([a-z]+)"', (STATIC / "icons.svg").read_text()))

    assert set(re.findall(r'icon\("([a-z]+)"', path.read_text())) <= known


def test_styles_of_the_app_stay_small():
    for last in ("editor.css", "letter.css", "pictures.css"):  # a page loads one of them
        assert sum((STATIC / name).stat().st_size for name in ("tokens.css", "app.css", last)) <= 35 * 1024
    assert (STATIC / "public.css").stat().st_size <= 8192


@pytest.mark.parametrize(
    "name", ["tokens.css", "app.css", "editor.css", "letter.css", "pictures.css", "public.css"]
)
def test_every_custom_property_is_defined(name):
    shared = (
        ""
        if name == "public.css"
        else "".join((STATIC / file).read_text() for file in ("tokens.css", "app.css"))
    )
    source = (STATIC / name).read_text()
    defined = set(re.findall(r"(--[a-z0-9-]+)\s*:", source + shared))
    by_brand = {"--brand", "--on-brand", "--brand-dark", "--on-brand-dark", "--brand-font"}
    by_brand |= {"--corner", "--font"}  # of a form

    assert set(re.findall(r"var\((--[a-z0-9-]+)", source)) - defined <= by_brand


def test_htmx_may_neither_evaluate_nor_style():
    for shell in ("app.html", "center.html"):
        found = re.search(r"name=\"htmx-config\" content='(.*?)'", (APP / "templates" / shell).read_text())
        assert found
        config = json.loads(found[1])
        assert config["allowEval"] is False
        assert config["includeIndicatorStyles"] is False


def test_javascript_packages_are_pinned_and_their_source_is_left_to_each_machine():
    folder = APP / "frontend"
    package = json.loads((folder / "package.json").read_text())

    for version in (package["dependencies"] | package["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert '"resolved"' not in (folder / "package-lock.json").read_text()
