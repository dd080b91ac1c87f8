"""``flask consent``: verify the ledger, seal and sign now."""

from __future__ import annotations

import sys
import time

import click
from flask.cli import AppGroup
from sqlalchemy import text

from app.consent import seals
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
