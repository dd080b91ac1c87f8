"""``flask demo``: sample data."""

from __future__ import annotations

import secrets
import time

import click
from flask import current_app
from flask.cli import AppGroup

from app.demo import service
from app.kernel.errors import Problem

group = AppGroup("demo", help="Sample data to look around with.")


@group.command("load")
@click.option("--people", default=400, show_default=True, type=click.IntRange(1, 5000), help="How many.")
@click.option("--seed", default=1, show_default=True, help="The same seed tells the same story.")
@click.option("--force", is_flag=True, help="Also beside people who are here already, and in production.")
def load(people: int, seed: int, *, force: bool) -> None:
    """Make a small shop with eighteen months of history. Its addresses are examples: no mail is ever sent to them."""
    settings = current_app.config["NOD"]
    if settings.is_production and not force:
        raise click.ClickException(
            "This is production. Add --force if sample people shall really stand here."
        )
    password = secrets.token_urlsafe(12)
    began = time.monotonic()
    try:
        loaded = service.load(people, seed=seed, password=password, force=force, tell=click.echo)
    except Problem as problem:
        raise click.ClickException(problem.detail or problem.title) from None
    words = ", ".join(f"{count} {word}" for word, count in loaded.words.items())
    click.echo(
        f"\n{loaded.workspace}: {loaded.people} people and {loaded.events} acts, {time.monotonic() - began:.0f} s."
    )
    click.echo(f"Permission now: {words}.")
    click.echo(f"Form: {settings.url}{loaded.form_path}")
    if loaded.owner_email:
        click.echo(f"Sign in at {settings.url}/sign-in as {loaded.owner_email} with the password {password}")
    else:
        click.echo(f"Sign in at {settings.url}/sign-in with your own account.")
