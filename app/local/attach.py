"""What this package adds to the application: the development mailbox and `flask doctor`."""

from __future__ import annotations

from flask import Flask

from app.config import Settings
from app.local import doctor, mailbox_pages


def attach(app: Flask, settings: Settings) -> None:
    """Add them; the mailbox in development only."""
    app.cli.add_command(doctor.command)
    mailbox_pages.install(app, settings)
