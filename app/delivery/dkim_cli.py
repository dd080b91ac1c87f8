"""Keys of sending domains from the shell: ``flask delivery dkim ...``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import click
from flask.cli import AppGroup

from app.accounts import queries as accounts
from app.accounts.rules import acts
from app.delivery import queries, service
from app.delivery.queries import KeyPair
from app.delivery.rules import DkimState
from app.delivery.service import Verdict
from app.kernel.db import transaction
from app.kernel.errors import Problem

group = AppGroup("dkim", help="Keys that sign the mails of a domain.")
_workspace = click.option("--workspace", type=click.UUID, help="Whose domain, where several send from it.")
SAYS: Final = {
    Verdict.STANDS: "stands",
    Verdict.MISSING: "is not there yet",
    Verdict.DIFFERS: "is there with another value",
    Verdict.UNKNOWN: "could not be looked up",
}


@contextmanager
def _work() -> Iterator[None]:
    """One transaction; a problem becomes a plain sentence and exit code 1."""
    try:
        with transaction():
            yield
    except Problem as problem:
        said = " ".join([problem.detail, *problem.fields.values()]).strip()
        raise click.ClickException(said or problem.title) from None


def _whose(workspace: UUID | None, domain: str) -> UUID:
    known = [found.id for found in accounts.list_workspaces()]
    if workspace is not None:
        if workspace not in known:
            raise click.ClickException("There is no such workspace; see 'flask accounts list'.")
        return workspace
    for candidates in (queries.list_workspaces_sending_from(domain.lower()), known):
        if len(candidates) == 1:
            return candidates[0]
    raise click.ClickException("Say whose domain it is: --workspace and an id of 'flask accounts list'.")


def _newest(pairs: list[KeyPair], domain: str, *states: DkimState) -> KeyPair:
    for pair in pairs:
        if pair.state in states:
            return pair
    raise click.ClickException(f"{domain} has no such keys. Make them: flask delivery dkim make {domain}")


def _show(pair: KeyPair) -> None:
    click.echo(f"{pair.domain}  {pair.selector}  {pair.state}")
    if pair.state is not DkimState.RETIRED:
        for record in pair.records:
            click.echo(record.zone_line)


@group.command("make")
@click.argument("domain")
@_workspace
def make(domain: str, workspace: UUID | None) -> None:
    """Make keys for DOMAIN and print the records to publish; keys that wait for theirs are printed again."""
    with _work():
        pair = service.make_keys(_whose(workspace, domain), domain, by=acts.COMMAND)
    _show(pair)
    click.echo(f"Publish both records, then: flask delivery dkim check {pair.domain}")


@group.command("show")
@click.argument("domain")
@_workspace
def show(domain: str, workspace: UUID | None) -> None:
    """List the keys of DOMAIN with their states and records."""
    with _work():
        pairs = queries.list_key_pairs(_whose(workspace, domain), domain.lower())
    for pair in pairs:
        _show(pair)
    if not pairs:
        click.echo(f"{domain} has no keys. Make them: flask delivery dkim make {domain}")


@group.command("check")
@click.argument("domain")
@_workspace
def check(domain: str, workspace: UUID | None) -> None:
    """Look for the records of DOMAIN and its newest keys in the DNS, and note that the keys' records stand."""
    with _work():
        whose = _whose(workspace, domain)
        pairs = queries.list_key_pairs(whose, domain.lower())
    pair = _newest(pairs, domain, DkimState.MADE, DkimState.PUBLISHED, DkimState.ACTIVE)
    verdicts = service.check_domain(pair.domain, [pair])
    for name, verdict in verdicts.items():
        click.echo(f"{name} {SAYS[verdict]}")
    if not service.stand(pair, verdicts):
        raise click.ClickException("Both records of the keys must stand before mails are signed.")
    with _work():
        service.set_published(whose, pair.id, "dns", by=acts.COMMAND)
    if pair.state is not DkimState.ACTIVE:
        click.echo(f"Both stand. Sign with them: flask delivery dkim on {pair.domain}")


@group.command("on")
@click.argument("domain")
@click.option(
    "--records-stand", is_flag=True, help="You know that they do; without it they must have been seen."
)
@_workspace
def on(domain: str, workspace: UUID | None, *, records_stand: bool) -> None:
    """Sign DOMAIN's mails with its newest keys that stand; keys that signed before are retired."""
    with _work():
        whose = _whose(workspace, domain)
        waiting = (DkimState.PUBLISHED, DkimState.MADE) if records_stand else (DkimState.PUBLISHED,)
        pairs = queries.list_key_pairs(whose, domain.lower())
        pair = next((found for found in pairs if found.state in waiting), None)
        if pair is None:
            pair = _newest(pairs, domain, DkimState.ACTIVE, DkimState.MADE)
        if records_stand:
            service.set_published(whose, pair.id, "owner", by=acts.COMMAND)
        service.switch_on(whose, pair.id, by=acts.COMMAND)
    click.echo(f"Mails from {pair.domain} are signed with {pair.selector}, within seconds.")


@group.command("off")
@click.argument("domain")
@_workspace
def off(domain: str, workspace: UUID | None) -> None:
    """Sign DOMAIN's mails no more."""
    with _work():
        whose = _whose(workspace, domain)
        pair = _newest(queries.list_key_pairs(whose, domain.lower()), domain, DkimState.ACTIVE)
        service.switch_off(whose, pair.id, by=acts.COMMAND)
    click.echo(f"Mails from {pair.domain} are signed no more, within seconds.")
