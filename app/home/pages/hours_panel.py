"""The panel of the settings that says when and how often people get mails at all."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request, url_for

from app.delivery import queries as delivery


def context(workspace_id: UUID, errors: dict[str, str] | None = None) -> dict[str, Any]:
    """What the panel shows: what is stored, and where there are faults what was typed."""
    limits = delivery.contact_limits(workspace_id)
    shown = {
        "quiet_since": f"{limits.quiet.since:%H:%M}" if limits.quiet else "",
        "quiet_until": f"{limits.quiet.until:%H:%M}" if limits.quiet else "",
        "weekly": str(limits.weekly or ""),
    }
    if errors:
        shown = {name: request.form.get(name, "") for name in shown}
    return {**shown, "action": url_for("hours.save"), "errors": errors or {}}
