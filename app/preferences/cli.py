"""Mail that comes in, from the shell or a mail server."""

from __future__ import annotations

import logging
import sys
import time

import click
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy.exc import OperationalError

from app.kernel.db import transaction
from app.preferences import door, inbound, receiving

group = AppGroup("receive", help="Take mail that comes in: the unsubscribe mailbox, and people who write “stop”.")
log = logging.getLogger(__name__)
TRY_AGAIN = 75
"""EX_TEMPFAIL: the mail server keeps the mail and comes back."""


@group.command("mail")
@click.option("--to", "recipients", multiple=True, help="Recipient of the envelope; more than once for several.")
@click.option("--from", "envelope_from", default=None, help="Sender of the envelope; empty: a bounce.")
def mail(recipients: tuple[str, ...], envelope_from: str | None) -> None:
    """Take one mail from standard input, as a mail server's pipe transport hands it over."""
    raw = sys.stdin.buffer.read(inbound.MOST_BYTES)
    try:
        with transaction():
            done = receiving.receive(raw, recipients, envelope_from=envelope_from)
    except OperationalError:
        click.echo("The database is away; try again later.", err=True)
        sys.exit(TRY_AGAIN)
    click.echo(done)


@group.command("lmtp")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8024, show_default=True)
@click.pass_obj
def lmtp(info: ScriptInfo, host: str, port: int) -> None:
    """Take mail by LMTP until Ctrl-C; let your mail server hand over the domain bounces.<your sender's domain>."""
    opened = door.open_at(info.load_app(), host, port)
    click.echo(f"Listening for LMTP on {host}:{opened.port}.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        opened.stop()
