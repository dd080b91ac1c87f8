"""``flask people``: what is asked of whoever runs the machine."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import AppGroup

from app.consent.rules import By
from app.kernel.db import transaction
from app.people import service

group = AppGroup("people", help="The people of a workspace.")


@group.command("erase")
@click.argument("workspace_id", type=click.UUID)
@click.argument("contact_id", type=click.UUID)
@click.confirmation_option(prompt="Erase this person in every room, for good?")
def erase(workspace_id: UUID, contact_id: UUID) -> None:
    """Forget a person; the ledger still verifies, a keyed hash keeps the address from coming back by import."""
    with transaction():
        done = service.erase(workspace_id, contact_id, by=By("system", "flask people erase"))
    click.echo("Erased. The ledger still verifies." if done else "This person was erased before. Nothing was changed.")
