"""What is copied to bring a form into a website: markup for the web component, for a frame, and a request for programs."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import lru_cache
from html import escape
from pathlib import Path

from app.forms.rules import Definition, Use, version_name
from app.kernel import assets

SCRIPT = "nod-form.js"
HEIGHT = 900
"""Enough for most forms where no script may tell the real one."""


def component(url: str, link: str, language: str, html: str) -> str:
    """The script and the plain form inside ``<nod-form>``: it works before and without the script."""
    script = assets.asset(SCRIPT) or f"/static/built/{SCRIPT}"
    integrity = _integrity()
    proof = f' integrity="{integrity}" crossorigin="anonymous"' if integrity else ""
    inside = "\n".join(f"  {line}" for line in html.split("\n"))
    return (
        f'<script type="module" src="{escape(url + script)}"{proof}></script>\n'
        f'<nod-form src="{escape(link)}" lang="{language}">\n{inside}\n</nod-form>'
    )


def frame(link: str, language: str, title: str) -> str:
    """A frame, with a few lines that let it grow with its content."""
    return (
        f'<iframe class="nod-frame" src="{escape(link)}?frame=1&amp;lang={language}" title="{escape(title)}" '
        f'loading="lazy" width="100%" height="{HEIGHT}"></iframe>\n'
        "<script>\n"
        'addEventListener("message", (event) => {\n'
        '  for (const frame of document.querySelectorAll(".nod-frame"))\n'
        '    if (frame.contentWindow === event.source && event.data?.nod === "height")\n'
        "      frame.height = Math.min(Number(event.data.height) || 900, 4000);\n"
        "});\n"
        "</script>"
    )


def api(link: str, version: int, language: str, words: Definition) -> str:
    """A request that signs somebody up, with every field that the form requires."""
    body: dict[str, object] = {
        "v": version_name(version, language),
        "via": "api",
        "email": "reader@example.org",
        "yes": True,
    }
    if len(words.interests) > 1:
        body["topic"] = [str(found) for found in words.interests]
    body |= {item.name: "…" for item in words.asked if item.use is Use.REQUIRED}
    return (
        f"curl {link} \\\n  -H 'Content-Type: application/json' -H 'Accept: application/json' \\\n"
        f"  -d '{json.dumps(body, ensure_ascii=False)}'"
    )


def _integrity() -> str:
    path = assets.FOLDER / "built" / SCRIPT
    return _digest(path, path.stat().st_mtime_ns) if path.is_file() else ""


@lru_cache(maxsize=4)
def _digest(path: Path, _changed: int) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()
