"""``flask consent``: verify the ledger, seal and sign now."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
from flask.cli import AppGroup

from app.consent import seals
from app.consent.verify import verify as read_back

group = AppGroup("consent", help="The ledger of permissions.")


@group.command("verify")
@click.option(
    "--days",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Signed days that were kept elsewhere: a file or a folder; may be given several times.",
)
def verify_command(days: tuple[Path, ...]) -> None:
    """Read the whole ledger and say whether any byte has changed; ends with 1 when one has.

    Signed days that were exported to folders of this machine are compared as well.
    """
    began = time.monotonic()
    try:
        report = read_back(days)
    except ValueError as problem:
        raise click.ClickException(str(problem)) from None
    seconds = max(time.monotonic() - began, 0.001)
    click.echo(
        f"{report.events} events, {report.seals} seals, {report.signatures} signed days, "
        f"{report.erased_people} erased people, read in {seconds:.1f} s ({report.events / seconds:,.0f} a second)."
    )
    click.echo(f"{report.kept_days} signed days that are kept outside the ledger were compared.")
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
