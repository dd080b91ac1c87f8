"""The panel of how letters look."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from app.content import service as content


def context(workspace: Any, errors: dict[str, str] | None) -> dict[str, Any]:
    """What the panel shows."""
    given = request.form if errors else None
    values = {
        name: given.get(name, "") if given else getattr(workspace, name)
        for name in ("heading_font", "text_font", "footer")
    }
    return {
        "logo": workspace.logo,
        "values": values,
        "fonts": [(name, called) for name, (called, _stack) in content.FONTS.items()],
        "usual": {"heading_font": content.HEADING_FONT, "text_font": content.TEXT_FONT},
        "errors": errors or {},
        "action": url_for("look.save"),
        "example_url": url_for("content.design", name="announcement"),
    }
