"""The pieces that inboxes cut HTML into (13.2.5 of the HTML standard), as patterns that take time in step with their input.

Pure. They are written for ``FLAGS``. Whatever never ends goes to the end of the page.
"""

from __future__ import annotations

import re
from typing import Final

FLAGS: Final = re.ASCII | re.IGNORECASE | re.DOTALL | re.VERBOSE
BLANK: Final = r"[ \t\n\r\f]"
"""White space of HTML: a space that does not break is none of it."""
IN_NAME: Final = r"[^ \t\n\r\f/>]"
ENDED: Final = r"(?=[ \t\n\r\f/>])"
"""Stands behind the name of an element."""
ATTRIBUTE: Final = rf"""
    {IN_NAME}[^ \t\n\r\f/>=]*+
    (?:{BLANK}*+={BLANK}*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^ \t\n\r\f>"'][^ \t\n\r\f>]*+)?+)?+
"""
"""A name and its value. A quote counts behind an equals sign only, and an equals sign behind a name."""
_ATTRIBUTES: Final = rf"(?:[ \t\n\r\f/]++|{ATTRIBUTE})*+"
COMMENT: Final = r"<!--(?:-?>|.*?(?:--!?>|\Z))"
RAW: Final = rf"""
    <(?P<raw>title|style|script|textarea|xmp|iframe|noembed|noframes){ENDED}{_ATTRIBUTES}>
    .*?(?:</(?P=raw){ENDED}{_ATTRIBUTES}(?:>|\Z)|\Z)
"""
"""An element whose content is no HTML, with its tags. Comments and these are looked for before tags."""
TAG: Final = rf"<(?:/?[a-z]{IN_NAME}*+{_ATTRIBUTES}|[!?][^>]*+|/[^a-z>][^>]*+)(?:>|(?P<endless>\Z))"
"""A tag, or what is left out as it begins like one."""
