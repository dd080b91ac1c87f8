"""The sending domain: its keys, the records to publish, and whether mails are signed."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.accounts.rules import acts
from app.accounts.rules.acts import By
from app.config import Settings
from app.delivery import queries, service
from app.delivery.rules import DkimState
from app.delivery.service import Verdict
from app.home.schemas import Nothing
from app.kernel.db import transaction
from app.kernel.errors import Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted

blueprint = Blueprint("domain", __name__, url_prefix="/settings/domain")


@blueprint.get("")
@guards.member("settings.read")
def index() -> str:
    """The domain of the sender, as far as it is known without asking the DNS."""
    return _page({})


@blueprint.post("/keys")
@guards.member("settings.write")
def make() -> Response:
    """Make keys for the sender's domain; they sign nothing before they are switched on."""
    posted(Nothing())
    workspace_id = current_actor().workspace_id
    service.make_keys(workspace_id, _domain(workspace_id), by=_by())
    return _back()


@blueprint.post("/check")
@guards.member("settings.write", in_slices=True)
def check() -> str:
    """Ask the DNS, note which keys' records stand, and show what was found."""
    posted(Nothing())
    workspace_id = current_actor().workspace_id
    with transaction():
        domain = _domain(workspace_id)
        pairs = [
            pair
            for pair in queries.list_key_pairs(workspace_id, domain)
            if pair.state is not DkimState.RETIRED
        ]
    verdicts = service.check_domain(domain, pairs)
    with transaction():
        for pair in pairs:
            if pair.state is DkimState.MADE and service.stand(pair, verdicts):
                service.set_published(workspace_id, pair.id, "dns", by=_by())
        return _page(verdicts)


@blueprint.post("/keys/<uuid:pair_id>/published")
@guards.member("settings.write")
def say_published(pair_id: UUID) -> Response:
    """Somebody who knows says that the records stand."""
    posted(Nothing())
    service.set_published(current_actor().workspace_id, pair_id, "owner", by=_by())
    return _back()


@blueprint.post("/keys/<uuid:pair_id>/on")
@guards.member("settings.write")
def switch_on(pair_id: UUID) -> Response:
    """Sign with this pair; the one before it is retired."""
    posted(Nothing())
    service.switch_on(current_actor().workspace_id, pair_id, by=_by())
    return _back()


@blueprint.post("/keys/<uuid:pair_id>/off")
@guards.member("settings.write")
def switch_off(pair_id: UUID) -> Response:
    """Sign no more."""
    posted(Nothing())
    service.switch_off(current_actor().workspace_id, pair_id, by=_by())
    return _back()


@blueprint.post("/keys/<uuid:pair_id>/remove")
@guards.member("settings.write")
def remove(pair_id: UUID) -> Response:
    """Forget a pair that does not sign."""
    posted(Nothing())
    service.remove_keys(current_actor().workspace_id, pair_id, by=_by())
    return _back()


def _by() -> By:
    return acts.user(current_actor().id)


def _back() -> Response:
    return redirect(url_for("domain.index"), 303)


def _domain(workspace_id: UUID) -> str:
    sender = queries.sender_of(workspace_id)
    if sender is None:
        raise Conflict("Say first who your mails come from.")
    return sender.domain


def _page(verdicts: Mapping[str, Verdict]) -> str:
    actor = current_actor()
    sender = queries.sender_of(actor.workspace_id)
    domain = sender.domain if sender else ""
    pairs = queries.list_key_pairs(actor.workspace_id)
    ours = [pair for pair in pairs if pair.domain == domain and pair.state is not DkimState.RETIRED]
    return render_template(
        "home/domain.html",
        domain=domain,
        bounces=f"{service.BOUNCES}.{domain}",
        pairs=ours,
        # Also those of domains that mails came from before: they can be removed here only.
        others=[pair for pair in pairs if pair not in ours],
        is_signed=any(pair.state is DkimState.ACTIVE for pair in ours),
        may_make=not any(pair.state is DkimState.MADE for pair in ours),
        may_write=actor.may("settings.write"),
        policies=_policies(actor.workspace_id, domain) if domain else [],
        verdicts={name: verdict.value for name, verdict in verdicts.items()},
    )


def _policies(workspace_id: UUID, domain: str) -> list[Any]:
    server = _public_server(workspace_id)
    spf = [service.spf_record(f"{service.BOUNCES}.{domain}", server)] if server else []
    return [*spf, service.dmarc_record(domain)]


def _public_server(workspace_id: UUID) -> str:
    """The name of the machine that mails leave from, as far as we can tell; empty where all names are private."""
    settings: Settings = current_app.config["NOD"]
    own = queries.server_of(workspace_id)
    for host in (own.host if own else urlsplit(settings.smtp_url).hostname, urlsplit(settings.url).hostname):
        if host and "." in host and not _is_address(host):
            return host
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
