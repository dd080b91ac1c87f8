"""Leaving by one click, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from flask import Response, make_response, render_template, request, url_for

from app.consent import queries as consent
from app.kernel import clock
from app.kernel.errors import NotFound
from app.kernel.http import guards
from app.kernel.i18n import gettext as _
from app.preferences import links, queries, service
from app.preferences.pages import shown
from app.preferences.pages.shown import blueprint
from app.preferences.queries import Reader
from app.preferences.rules import PAUSE

if TYPE_CHECKING:
    pass

ONE_CLICK = "List-Unsubscribe"


@blueprint.get("/u/<token>")
@guards.public
def unsubscribe_page(token: str) -> str:
    """One button; loading it ends nothing."""
    reader, topic, permission_id = _target(links.read_unsubscribe(token))
    return render_template(
        "preferences/unsubscribe.html",
        **shown.shell(reader),
        masked=reader.masked,
        topic=topic,
        action=url_for("preferences.unsubscribe", token=token),
        all_action=url_for("preferences.stop_all", token=token) if topic else None,
        less_action=url_for("preferences.less", token=token),
        less_options=_less_options(),
        why_url=url_for("preferences.why", token=links.why(permission_id)) if permission_id else None,
    )


@blueprint.post("/u/<token>")
@guards.public
def unsubscribe(token: str) -> Response:
    """Leaving: by the button of the page, or by a mail program's one-click post (RFC 8058).

    Neither needs a cookie, and the mail program gets its answer at once, after the commit, without a redirect.
    """
    named = links.read_unsubscribe(token)
    one_click = _is_one_click()
    left = service.leave(named, shown.proof(token), method="one_click" if one_click else "link")
    if one_click:
        return Response("Done.\n", content_type="text/plain; charset=utf-8")
    if not left.interests:
        return stopped(left)
    service.tell_of_leaving(left)
    reader = shown.reader(left.workspace_id, left.contact_id)
    shell = shown.shell(reader)
    body = render_template(
        "preferences/unsubscribed.html",
        **shell,
        masked=reader.masked,
        topic=shown.names(left.interests),
        left_at=clock.now(),
        undo_action=_undo_action(left),
        still=[{"name": found.name} for found in queries.list_still(left.workspace_id, left.contact_id)],
        all_action=url_for("preferences.stop_all", token=token),
    )
    return make_response(body)


def _is_one_click() -> bool:
    """Whether a mail program posts for its reader: RFC 8058's pair, as a form or, from some, as bare text."""
    body = request.get_data()
    if request.form.get(ONE_CLICK, "").strip().lower() == "one-click":
        return True
    return body[:200].strip().lower() == b"list-unsubscribe=one-click"


@blueprint.post("/u/<token>/less")
@guards.public
def less(token: str) -> Response:
    """Fewer mails instead of none: a digest, or a pause."""
    named = links.read_unsubscribe(token)
    left = service.less(named, request.form.get("less", ""), shown.proof(token))
    reader = shown.reader(left.workspace_id, left.contact_id)
    body = render_template(
        "preferences/less.html",
        **shown.shell(reader),
        masked=reader.masked,
        wish=request.form.get("less", ""),
        until=clock.now() + PAUSE,
        back_url=url_for("preferences.unsubscribe_page", token=token),
    )
    return make_response(body)


@blueprint.post("/u/<token>/all")
@guards.public
def stop_all(token: str) -> Response:
    """Stop everything, from an unsubscribe link."""
    reader, _topic, _permission = _target(links.read_unsubscribe(token))
    return stopped(service.stop(reader.workspace_id, reader.contact_id, shown.proof(token), method="link"))


@blueprint.get("/u/<token>/undo")
@guards.public
def undo_page(token: str) -> str:
    """The way back from the mail that says "you are out": one button."""
    what = links.read_undo(token, clock.now())
    reader = shown.reader(what.workspace_id, what.contact_id)
    shell = shown.shell(reader)
    action = url_for("preferences.undo", token=token)
    return render_template("preferences/undo.html", **shell, masked=reader.masked, action=action)


@blueprint.post("/u/<token>/undo")
@guards.public
def undo(token: str) -> str:
    """Take leaving back."""
    what = links.read_undo(token, clock.now())
    service.take_back(what, shown.proof(token))
    reader = shown.reader(what.workspace_id, what.contact_id)
    shell = shown.shell(reader)
    still = queries.list_still(what.workspace_id, what.contact_id)
    return render_template(
        "preferences/undone.html",
        **shell,
        masked=reader.masked,
        topics=shown.topics(still),
        unsubscribe_url=None,
    )


def _less_options() -> list[tuple[str, str, str, str]]:
    missed = _("It lists what you missed. Nothing else comes")
    return [
        ("weekly", _("One mail a week"), missed, _("Weekly")),
        ("monthly", _("One mail a month"), missed, _("Monthly")),
        ("pause", _("Nothing for a month"), _("Then as before"), _("Pause")),
    ]


def _target(named: links.Unsubscribe) -> tuple[Reader, str | None, UUID | None]:
    """Whom an unsubscribe link is about, its topic, and its permission where it names one."""
    if named.kind is links.Kind.PERMISSION:
        permission = queries.get_permission(named.id)
        found = consent.get_interests(permission.workspace_id, [permission.interest_id or named.id])
        return shown.reader(permission.workspace_id, permission.contact_id), shown.names(found), permission.id
    if named.kind is links.Kind.REQUEST:
        asked = consent.find_request(named.id)
        if asked is None:
            raise NotFound
        return (
            shown.reader(asked.workspace_id, asked.contact_id),
            shown.names(queries.list_asked(asked)),
            None,
        )
    reach = consent.find_reach_by_id(named.id)
    if reach is None:
        raise NotFound
    return shown.reader(reach.workspace_id, reach.contact_id), None, None


def stopped(left: service.Left) -> Response:
    """The page after stopping everything."""
    reader = shown.reader(left.workspace_id, left.contact_id)
    shell = shown.shell(reader)
    body = render_template(
        "preferences/stopped.html",
        **shell,
        masked=reader.masked,
        stopped_at=clock.now(),
        undo_action=_undo_action(left),
    )
    return make_response(body)


def _undo_action(left: service.Left) -> str | None:
    if left.event_id is None:
        return None
    what = links.Undo(left.workspace_id, left.contact_id, left.event_id)
    return url_for("preferences.undo", token=links.undo(what, clock.now() + links.UNDO_ON_PAGE))
