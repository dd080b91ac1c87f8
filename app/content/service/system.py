"""System mails, in the colours of a brand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.content import systemmail
from app.content.colours import DEFAULT, Colours
from app.content.systemmail import Rendered


def render_system(name: str, language: str, values: Mapping[str, Any], accent: str = "") -> Rendered:
    """Merge values into a system mail in the colours around a brand's accent; the same values, the same bytes.

    Args:
        name: folder in ``emails/system``.
        language: of the reader; English where there is no other.
        values: a tree of the names in ``variables.SYSTEM``.
        accent: ``#rrggbb``, or empty for Nod's own colours.

    Raises:
        LookupError: for a name without a folder.
    """
    return systemmail.render_system(name, language, values, Colours.of(accent) if accent else DEFAULT)
