"""The panel of the settings that says how fast mails leave, and why where they do not."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request, url_for

from app.delivery import queries as delivery
from app.delivery import service


def context(workspace_id: UUID, errors: dict[str, str] | None = None) -> dict[str, Any]:
    """What the panel shows: what is stored, and where there are faults what was typed."""
    found = delivery.standing(workspace_id)
    own = delivery.server_of(workspace_id) is not None
    route = service.own_route(workspace_id) if own else ""
    rates = delivery.own_rates(route)
    whole = rates.pop("", None)
    shown = {
        "per_minute": f"{whole:.0f}" if whole else "",
        "connections": delivery.own_connections(route) or "",
        "domain": "",
        "domain_per_minute": "",
    }
    if errors:
        shown |= {name: request.form.get(name, "") for name in shown if name in request.form}
    return {
        **shown,
        "standing": [limit for limit in found if limit.is_resting or limit.own_per_minute is None],
        "own": own,
        "usual": delivery.USUAL_CONNECTIONS,
        "rates": [{"domain": domain, "per_minute": rate} for domain, rate in rates.items()],
        "action": url_for("pace.save"),
        "add_action": url_for("pace.limit_receiver"),
        "clear_action": url_for("pace.clear_receiver"),
        "errors": errors or {},
    }
