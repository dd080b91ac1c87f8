"""Every mail in the house: it compiles, names only what is declared, and keeps its promises."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.content.colours import DEFAULT, Colours, paint
from app.content.merge import prepare
from app.content.mjml import EMAILS, compile_mjml
from app.content.systemmail import list_names, load, render_system
from app.content.variables import SYSTEM, samples
from app.kernel import i18n

SYSTEM_FILES = sorted(EMAILS.glob("system/*/mail*.mjml"))
FOR_PEOPLE = (
    "address-change", "already-subscribed", "confirm", "confirm-guardian", "digest", "erase-confirm", "export-ready",
    "left-notice", "preferences-link", "renew", "welcome",
)  # fmt: skip
ADDRESS = re.compile(r"https?://[^\s\"'<>)]+")


class Links(HTMLParser):
    """What a mail links to and loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if tag == "a" and name == "href":
                self.links.append(value or "")
            elif name in {"src", "srcset", "background", "poster"} or (tag == "link" and name == "href"):
                self.loads.append(value or "")


def ident(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("path", SYSTEM_FILES, ids=ident)
def test_a_mail_compiles_merges_and_stays_small(path: Path) -> None:
    declared = SYSTEM
    compiled = compile_mjml(paint(path.read_text(), DEFAULT))
    assert compiled.problems == ()
    assert compiled.title
    assert compiled.preview
    html = prepare(compiled.html, "html", declared).render(samples(declared))
    assert len(html.encode()) < 60 * 1024
    assert not re.search(r"\{\{|\{%|nodtag|\$[a-z]", html)
    assert 'href=""' not in html
    text = prepare(path.with_suffix(".txt").read_text(), "text", declared).render(samples(declared))
    assert not re.search(r"\{\{|\{%|\$[a-z]|<[a-z]", text)
    shown = {link.partition("?s=")[0] for link in Links(html).links if "/d/" not in link}
    assert {link for link in shown if link != "https://ostkai.example/"} == set(ADDRESS.findall(text))


@pytest.mark.parametrize("path", SYSTEM_FILES, ids=ident)
def test_every_mail_shows_the_postal_address_in_both_parts(path: Path) -> None:
    assert 'path="footer' in path.read_text()
    assert "{{ brand.postal_address }}" in path.with_suffix(".txt").read_text()


@pytest.mark.parametrize("path", SYSTEM_FILES, ids=ident)
def test_a_system_mail_loads_nothing_and_tracks_nothing(path: Path) -> None:
    html = compile_mjml(paint(path.read_text(), DEFAULT)).html
    assert Links(html).loads == []
    assert "<img" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert all(link.startswith(("{{ links.", "{{ letter.url }}")) for link in Links(html).links)


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_confirmation_has_one_visible_link_and_one_decoy(language: str) -> None:
    mail = render_system("confirm", language, samples(SYSTEM))
    links = Links(mail.html).links
    assert sorted(link.split("/")[3] for link in links) == ["c", "d"]
    assert re.search(r'display:none[^>]*>\s*<a href="https://news.ostkai.example/d/', mail.html)
    assert ADDRESS.findall(mail.text) == [link for link in links if "/c/" in link]


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_mails_to_people_speak_every_language_of_the_pages(name: str) -> None:
    english = load(name, "en")
    tags = re.compile(r"\{[{%].*?[}%]\}")
    for language in i18n.languages()[1:]:
        other = load(name, f"{language}-AT")
        assert other.language == language
        assert sorted(tags.findall(other.mjml)) == sorted(tags.findall(english.mjml))
        assert sorted(tags.findall(other.text)) == sorted(tags.findall(english.text))
        same = set(english.text.splitlines()) & set(other.text.splitlines())
        assert [line for line in same if re.search(r"[a-z]{4}", re.sub(r"\{.*\}", "", line))] == []


def test_a_language_that_is_missing_falls_back_to_english() -> None:
    assert load("confirm", "fi").language == "en"
    assert load("invite", "de").language == "en"
    assert load("confirm", "../../x").language == "en"
    with pytest.raises(LookupError):
        load("../newsletters/offer", "en")


def test_a_system_mail_is_merged_and_safe() -> None:
    values = samples(SYSTEM)
    values["brand"] = {**values["brand"], "short_name": 'Ost & "Kai"\r\n<script>'}
    mail = render_system("confirm", "en", values, Colours.of("#0055aa"))
    assert mail.subject == 'Please confirm: mail from Ost & "Kai" <script>'
    assert mail.preheader == "One press, and it counts. Otherwise do nothing."
    assert "<script>" not in mail.html
    assert "#0055aa" in mail.html
    assert "- New coffees, about twice a month\n" in mail.text
    assert mail == render_system("confirm", "en", values, Colours.of("#0055aa"))


def test_a_mail_without_a_value_that_it_shows_never_leaves() -> None:
    values = samples(SYSTEM)
    del values["links"]["confirm"]
    with pytest.raises(LookupError, match=r"confirm needs links\.confirm"):
        render_system("confirm", "en", values)


def test_a_test_mail_does_without_checks_that_were_not_made() -> None:
    values = samples(SYSTEM)
    assert "DMARC" in render_system("test-mail", "en", values).html
    del values["checks"]
    mail = render_system("test-mail", "en", values)
    assert "DMARC" not in mail.html + mail.text


def test_all_named_mails_are_there() -> None:
    assert set(list_names()) == {
        *FOR_PEOPLE, "test-mail", "password-reset", "invite", "form-alert", "series",
    }  # fmt: skip
    for name in list_names():
        assert load(name, "en").text.endswith("\n")
