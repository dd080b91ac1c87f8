"""Why am I getting this?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from flask import render_template, url_for

from app.consent import history
from app.consent import queries as consent
from app.consent.rules import State
from app.kernel.http import guards
from app.preferences import links, queries
from app.preferences.pages import shown
from app.preferences.pages.shown import blueprint

if TYPE_CHECKING:
    pass


@blueprint.get("/w/<token>")
@guards.public
def why(token: str) -> str:
    """The events and the words behind a mail."""
    permission = queries.get_permission(links.read_why(token))
    reader = shown.reader(permission.workspace_id, permission.contact_id)
    entries = queries.list_why(permission)
    reach = consent.find_reach(permission.workspace_id, permission.contact_id)
    allowed = permission.state == State.YES and not (reach and (reach.objected_at or reach.suppressed_at))
    leave = links.unsubscribe(links.Kind.PERMISSION, permission.id)
    topic = consent.get_interests(permission.workspace_id, [permission.interest_id or permission.id])
    return render_template(
        "preferences/why.html",
        **shown.shell(reader),
        masked=reader.masked,
        topic=shown.names(topic),
        allowed=allowed,
        entries=[
            {
                "state": entry.word.value if entry.word else "open",
                "verb": shown.verb(entry),
                "at": entry.at,
                "detail": queries.site(str((entry.body.get("page") or {}).get("url") or "")),
            }
            for entry in entries
        ],
        words=_words_of(permission.workspace_id, entries),
        unsubscribe_action=url_for("preferences.unsubscribe", token=leave) if allowed else None,
        all_action=url_for("preferences.stop_all", token=leave) if allowed else None,
        request_url=shown.preferences_url(reader),
    )


def _words_of(workspace_id: UUID, entries: Sequence[history.HistoryEntry]) -> dict[str, str] | None:
    for entry in entries:
        for text in entry.body.get("texts", []):
            if text["kind"] == "consent":
                return {"text": consent.get_text(workspace_id, UUID(text["id"])).body}
    return None
