"""``flask consent``: verify the ledger, seal and sign now, erase a person."""

from __future__ import annotations

import sys
import time
from uuid import UUID

import click
from flask.cli import AppGroup
from sqlalchemy import text

from app.consent import seals, service
from app.consent.rules import By
from app.consent.verify import verify as read_back
from app.kernel.db import session, transaction

group = AppGroup("consent", help="The ledger of permissions.")


@group.command("verify")
def verify_command() -> None:
    """Read the whole ledger and say whether any byte has changed; ends with 1 when one has."""
    began = time.monotonic()
    with transaction():
        # One snapshot: what is sealed meanwhile must not look like a gap.
        session().execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        report = read_back()
    seconds = max(time.monotonic() - began, 0.001)
    click.echo(
        f"{report.events} events, {report.seals} seals, {report.signatures} signed days, "
        f"{report.erased_people} erased people, read in {seconds:.1f} s ({report.events / seconds:,.0f} a second)."
    )
    if report.unsealed:
        click.echo(
            f"{report.unsealed} events wait for a seal, the oldest for {report.unsealed_seconds:.0f} s."
        )
    for fault in report.faults:
        click.echo(f"CHANGED: {fault}")
    if not report.holds:
        click.echo("The ledger does not hold. Keep this output, stop writing and compare with a backup.")
        sys.exit(1)
    click.echo("The ledger holds: nothing was changed.")


@group.command("seal")
def seal_command() -> None:
    """Seal what waits, without waiting for the scheduler."""
    click.echo(f"Sealed {seals.seal_now()} events.")


@group.command("sign")
def sign_command() -> None:
    """Sign the last seal of each workspace, once a day."""
    click.echo(f"Signed {seals.sign_day()} workspaces with the key {seals.own_public_key().hex()}.")


@group.command("erase")
@click.argument("workspace_id", type=click.UUID)
@click.argument("contact_id", type=click.UUID)
@click.confirmation_option(prompt="Erase this person's consent data for good?")
def erase_command(workspace_id: UUID, contact_id: UUID) -> None:
    """Forget a person's consent data; the chain still verifies."""
    with transaction():
        service.erase(workspace_id, contact_id, by=By("system", "flask consent erase"))
    click.echo("Erased. The chain still verifies; a keyed hash keeps the address from coming back by import.")
