"""White space that a compiler wrote for people who read source: folded, since every reader gets it with every mail.

Pure. A run of blanks becomes one line end where there was one in it, else one space: inboxes show both as the same
space. What shows blanks as they are stays as it is, and so does every letter whose styles ask for that anywhere.
"""

from __future__ import annotations

import re
from typing import Final

from app.content.markup import ATTRIBUTE, BLANK, COMMENT, ENDED, FLAGS, IN_NAME, RAW, TAG

_TOKEN = re.compile(
    rf"""
    {COMMENT}
    |(?P<kept>{RAW}|<(?P<nests>pre|listing|svg|math){ENDED}(?:.*</(?P=nests){ENDED}|.*+)|<plaintext{ENDED}.*+)
    |{TAG}
    |{BLANK}{{2,}}
    """,
    FLAGS,
)
"""Elements that nest are kept from the first to the last of their kind."""
_IN_TAG = re.compile(rf"\A</?{IN_NAME}++|{ATTRIBUTE}|{BLANK}++>?", FLAGS)
_BLANKS: Final = frozenset(" \t\n\r\f")
_SHOWN = re.compile(
    r"white-space(?:-collapse)?+(?!\s*:\s*(?:normal|nowrap|collapse|initial)\s*(?:!\s*important\s*)?[;}\"'])", re.IGNORECASE
)
"""A style that may show blanks as they are: everything but the values that surely do not."""
_CONDITION: Final = "<!--[if"
_CONDITION_END: Final = "<![endif]-->"


def fold(html: str) -> str:
    """The same mail to whoever looks at it, without indentation and empty lines; merge tags are opaque words by now."""
    return html if _SHOWN.search(html) else _TOKEN.sub(_folded, html)


def _folded(found: re.Match[str]) -> str:
    token = found[0]
    if token[0] != "<":
        return "\n" if "\n" in token or "\r" in token else " "
    if found["kept"] or found["endless"] is not None:
        return token
    if token.startswith("<!--"):
        return _comment(token)
    # Most tags stand in one line already, and looking costs less than folding.
    return _IN_TAG.sub(_in_tag, token) if "\n" in token or "  " in token else token


def _comment(token: str) -> str:
    """What Outlook reads in a comment is HTML; other comments are somebody's words."""
    if not (token.startswith(_CONDITION) and token.endswith(_CONDITION_END)):
        return token
    inside = token[len("<!--") : -len(_CONDITION_END)]
    return f"<!--{_TOKEN.sub(_folded, inside)}{_CONDITION_END}"


def _in_tag(found: re.Match[str]) -> str:
    part = found[0]
    if part[0] not in _BLANKS:
        return part
    return ">" if part[-1] == ">" else " "
