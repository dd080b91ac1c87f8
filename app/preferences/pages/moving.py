"""Another address: the wish on the private page, and the button that its mail leads to."""

from __future__ import annotations

from uuid import UUID

from flask import Response, current_app, make_response, render_template, request, url_for

from app.contacts.addresses import AddressError, normalise
from app.kernel import clock
from app.kernel.errors import NotFound
from app.kernel.http import guards
from app.kernel.i18n import gettext as _
from app.preferences import links, moving, suspicion
from app.preferences.models import AddressChange
from app.preferences.pages import centre, shown
from app.preferences.pages.shown import blueprint


@blueprint.post("/my/<token>/address")
@guards.public
def wish_address(token: str) -> Response:
    """Ask the new address; the answer is the same whoever has it."""
    reader, over = centre.reader_of(token)
    if over is not None:
        return over
    try:
        address = normalise(request.form.get("email", ""))
    except AddressError as fault:
        return make_response(centre.page(reader, token, {"email": _(fault.reason)}), 422)
    moving.wish(reader, address)
    body = render_template(
        "preferences/address_sent.html",
        **shown.shell(reader),
        **shown.sender(reader),
        new=address.address,
        old=reader.address,
        back_url=url_for("preferences.centre", token=token),
    )
    return make_response(body)


@blueprint.get("/a/<token>")
@guards.public
def address_page(token: str) -> Response:
    """What would change, and one button; loading it changes nothing."""
    change = _change(links.read_address(token))
    return _page(change, token)


@blueprint.post("/a/<token>")
@guards.public
def confirm_address(token: str) -> Response:
    """The yes, unless it may be a machine's: then one more tap is asked for."""
    change = _change(links.read_address(token))
    why = suspicion.reason(
        decoy=change.suspect_at is not None,
        opened_at=links.read_opened(request.form.get("t", ""), change.id),
        now=clock.now(),
        ip=request.remote_addr or "",
        more_networks=current_app.config["NOD"].scanner_networks,
    )
    if why and moving.is_open(change):
        moving.mark_suspect(change.id)
        return _page(change, token, again=True)
    return _confirm(change, token, "")


@blueprint.post("/a/<token>/again")
@guards.public
def confirm_address_again(token: str) -> Response:
    """The second tap; one that is again quicker than a person changes nothing either."""
    change = _change(links.read_address(token))
    opened_at = links.read_opened(request.form.get("t", ""), change.id)
    if opened_at and clock.now() - opened_at < suspicion.QUICK:
        return _page(change, token, again=True)
    return _confirm(change, token, "second tap" if change.suspect_at else "")


@blueprint.get("/d/address/<token>")
@guards.public
def address_decoy(token: str) -> str:
    """The link that no person sees."""
    change = _change(links.read_address_decoy(token))
    moving.mark_suspect(change.id)
    reader = shown.reader(change.workspace_id, change.contact_id)
    return render_template("preferences/nothing.html", **shown.shell(reader))


def _change(change_id: UUID) -> AddressChange:
    found = moving.find(change_id)
    if found is None:
        raise NotFound
    return found


def _confirm(change: AddressChange, token: str, verdict: str) -> Response:
    if not moving.is_open(change):
        return _page(change, token)
    is_done = moving.confirm(change.id, shown.proof(token, verdict=verdict))
    reader = shown.reader(change.workspace_id, change.contact_id)
    body = render_template(
        "preferences/moved.html",
        **shown.shell(reader),
        state="done" if is_done else "taken",
        preferences_url=shown.preferences_url(reader),
    )
    return make_response(body)


def _page(change: AddressChange, token: str, *, again: bool = False) -> Response:
    reader = shown.reader(change.workspace_id, change.contact_id)
    shell = shown.shell(reader)
    if not moving.is_open(change):
        state = "done" if change.state == "done" else "old"
        body = render_template(
            "preferences/moved.html", **shell, state=state, preferences_url=shown.preferences_url(reader)
        )
        return make_response(body, 200 if state == "done" else 410)
    target = "preferences.confirm_address_again" if again else "preferences.confirm_address"
    body = render_template(
        "preferences/move.html",
        **shell,
        action=url_for(target, token=token),
        decoy_url=url_for("preferences.address_decoy", token=links.address_decoy(change.id)),
        opened=links.opened(change.id, clock.now()),
        again=again,
        new=change.raw,
        old=reader.masked,
    )
    return make_response(body)
