"""System mails: confirmations, links, invitations. One folder each in ``emails/system``, one file per language."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from app.content.colours import DEFAULT, Colours, paint
from app.content.merge import Template, prepare
from app.content.mjml import EMAILS, compile_mjml
from app.content.variables import SYSTEM

FALLBACK: Final = "en"


@dataclass(frozen=True, slots=True)
class SystemSource:
    """The files of one mail in one language.

    Attributes:
        name: folder name.
        language: the language found, which is English where the asked one is missing.
        mjml: source of the HTML part, with colour names in it.
        text: source of the text part.
    """

    name: str
    language: str
    mjml: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail for one person: subject and preheader are one line each."""

    subject: str
    preheader: str
    html: str
    text: str


def list_names() -> list[str]:
    """The names of all system mails."""
    return sorted(path.name for path in (EMAILS / "system").iterdir() if path.is_dir())


@lru_cache(maxsize=256)
def load(name: str, language: str) -> SystemSource:
    """Read a mail in a language such as ``de`` or ``de-AT``, or in English where there is none.

    Raises:
        LookupError: for a name without a folder.
    """
    if name not in list_names():
        raise LookupError(f"emails/system has no mail {name!r}")
    folder = EMAILS / "system" / name
    short = language.replace("_", "-").partition("-")[0].lower()
    suffix = f".{short}" if short.isalpha() and (folder / f"mail.{short}.mjml").exists() else ""
    return SystemSource(
        name=name,
        language=short if suffix else FALLBACK,
        mjml=(folder / f"mail{suffix}.mjml").read_text(encoding="utf-8"),
        text=(folder / f"mail{suffix}.txt").read_text(encoding="utf-8"),
    )


def render_system(
    name: str, language: str, values: Mapping[str, Any], colours: Colours = DEFAULT
) -> Rendered:
    """Merge values into a mail. Compiles once per mail, language and colours; the same values, the same bytes.

    Args:
        name: folder in ``emails/system``.
        language: of the reader.
        values: a tree of the names in `variables.SYSTEM`.
        colours: of the brand.

    Raises:
        LookupError: for a name without a folder, and for a value that the mail shows and nobody gave:
            a confirmation without its link must never leave.
    """
    source = load(name, language)
    templates = _templates(source.name, source.language, colours)
    missing = sorted({one for template in templates for one in template.missing(values)})
    if missing:
        raise LookupError(f"The system mail {name} needs {', '.join(missing)}")
    subject, preheader, page, text = templates
    return Rendered(
        subject=subject.render(values, source.language),
        preheader=preheader.render(values, source.language),
        html=page.render(values, source.language),
        text=text.render(values, source.language),
    )


@lru_cache(maxsize=256)
def _templates(name: str, language: str, colours: Colours) -> tuple[Template, Template, Template, Template]:
    source = load(name, language)
    compiled = compile_mjml(paint(source.mjml, colours), colours)
    if not compiled.is_usable:
        raise RuntimeError(f"The system mail {name} ({language}) does not compile: {compiled.problems}")
    return (
        prepare(html.unescape(compiled.title), "header", SYSTEM),
        prepare(html.unescape(compiled.preview), "header", SYSTEM),
        prepare(compiled.html, "html", SYSTEM),
        prepare(source.text, "text", SYSTEM),
    )
