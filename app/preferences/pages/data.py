"""What shows or deletes everything about a person: asked for on the private page, done behind one more mail."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from flask import Response, make_response, render_template, url_for

from app.kernel import clock, tokens
from app.kernel.errors import NotFound
from app.kernel.http import guards
from app.preferences import data, links, queries, service
from app.preferences.pages import centre, shown
from app.preferences.pages.shown import blueprint
from app.preferences.queries import Reader


@blueprint.post("/my/<token>/data")
@guards.public
def ask_data(token: str) -> Response:
    """Mail the link to the data."""
    return _ask(token, data.send_data_link, "data")


@blueprint.post("/my/<token>/erase")
@guards.public
def ask_erase(token: str) -> Response:
    """Mail the link that erases."""
    return _ask(token, data.send_erase_link, "erase")


@blueprint.get("/data/<token>")
@guards.public
def data_page(token: str) -> Response:
    """One button; nothing of the person stands on it."""
    return _page(token, links.read_data, "data")


@blueprint.post("/data/<token>")
@guards.public
def download(token: str) -> Response:
    """Everything that any room knows, as one JSON file."""
    reader, over = _reader(token, links.read_data)
    if over is not None:
        return over
    everything = queries.export(reader.workspace_id, reader.contact_id)
    body = {"exported_at": clock.now().isoformat(), **everything}
    response = make_response(json.dumps(body, indent=2, ensure_ascii=False) + "\n")
    response.content_type = "application/json; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


@blueprint.get("/erase/<token>")
@guards.public
def erase_page(token: str) -> Response:
    """What goes and what stays, and one button; loading it erases nothing."""
    return _page(token, links.read_erase, "erase")


@blueprint.post("/erase/<token>")
@guards.public
def erase(token: str) -> Response:
    """Erase the person in every room, at once."""
    reader, over = _reader(token, links.read_erase)
    if over is not None:
        return over
    shell = shown.shell(reader)
    service.erase(reader.workspace_id, reader.contact_id, by=service.PERSON)
    return make_response(render_template("preferences/data.html", **shell, kind="erased", action=None))


def _ask(token: str, send: Callable[[Reader], None], kind: str) -> Response:
    reader, over = centre.reader_of(token)
    if over is not None:
        return over
    send(reader)
    body = render_template(
        "preferences/data_sent.html",
        **shown.shell(reader),
        **shown.sender(reader),
        kind=kind,
        address=reader.address,
        back_url=url_for("preferences.centre", token=token),
    )
    return make_response(body)


def _reader(
    token: str, read: Callable[[str, datetime], links.Person]
) -> tuple[Reader, Response | None]:
    try:
        person = read(token, clock.now())
    except tokens.Expired as old:
        person = links.person_of(old.payload)
        return shown.reader(person.workspace_id, person.contact_id), centre.private_expired(person)
    reader = shown.reader(person.workspace_id, person.contact_id)
    if reader.contact_id != person.contact_id:
        # Merged since: the link was mailed to another mailbox than the one that they have now.
        return reader, centre.private_expired(person)
    if not reader.address:
        raise NotFound
    return reader, None


def _page(token: str, read: Callable[[str, datetime], links.Person], kind: str) -> Response:
    reader, over = _reader(token, read)
    if over is not None:
        return over
    target = "preferences.download" if kind == "data" else "preferences.erase"
    body = render_template(
        "preferences/data.html", **shown.shell(reader), kind=kind, action=url_for(target, token=token)
    )
    return make_response(body)
