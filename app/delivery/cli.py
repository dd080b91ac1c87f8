"""The outbox and the sending domains from the shell."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.delivery import dkim_cli, queries
from app.delivery.rules import MessageState
from app.delivery.timeline import SAYS
from app.kernel.db import transaction
from app.kernel.errors import NotFound

group = AppGroup("delivery", help="Look at what is sent and what waits; keys that sign mails.")
group.add_command(dkim_cli.group)


@group.command("explain")
@click.argument("number")
def explain(number: str) -> None:
    """Tell the whole story of a message; NUMBER is like 3-1204."""
    mailing_no, _, n = number.partition("-")
    if not (mailing_no.isdecimal() and n.isdecimal()):
        raise click.ClickException("A message's number looks like 3-1204: its mailing, then its place in it.")
    with transaction():
        try:
            message, mailing = queries.get_message(int(mailing_no), int(n))
        except NotFound as error:
            raise click.ClickException(error.detail) from None
    lines = [
        ("Message", number),
        ("Mail", f"{mailing.title or mailing.name} ({mailing.kind}, lane {mailing.lane})"),
        ("To", f"contact {message.contact_id}" if message.contact_id else f"user {message.user_id}"),
        ("State", f"{message.state}: {SAYS[MessageState(message.state)]}"),
        ("Wished for", message.created_at.isoformat(timespec="seconds")),
    ]
    if message.state == MessageState.PENDING:
        lines.append(("Next attempt", message.due_at.isoformat(timespec="seconds")))
    if message.began_at:
        lines.append(("Last attempt", message.began_at.isoformat(timespec="seconds")))
    if message.done_at:
        lines.append(("Ended", message.done_at.isoformat(timespec="seconds")))
    if message.lease_owner:
        lines.append(("Held by", f"{message.lease_owner} until {message.lease_until:%H:%M:%S} UTC"))
    if message.reply_text:
        lines.append(("Answer", message.reply_text))
    counts = [
        f"{count} {word}"
        for count, word in (
            (message.attempts, "attempts"),
            (message.host_faults, "times the mail server was away"),
            (message.render_faults, "times its content could not be made"),
            (message.doubts, "times in doubt"),
            (message.crash_count, "times its worker ended"),
        )
        if count
    ]
    if counts:
        lines.append(("So far", ", ".join(counts)))
    for label, value in lines:
        click.echo(f"{label + ':':14} {value}")


@group.command("waiting")
@click.option("--limit", default=20, show_default=True, help="How many messages to list.")
def waiting(limit: int) -> None:
    """List what waits to be sent, the next one first, and what is in doubt."""
    with transaction():
        counts = queries.count_by_state()
        found = queries.list_waiting(limit)
        oldest = queries.oldest_due_seconds()
    told = [f"{count} {state.value}" for state, count in counts.items() if count]
    click.echo(", ".join(told) or "Nothing was ever sent.")
    if oldest:
        click.echo(f"The oldest one that is due has waited for {oldest:.0f} seconds.")
    for message in found:
        reason = f"  {message.reply}" if message.reply else ""
        click.echo(
            f"{message.number:>12}  {message.name:20} due {message.due_at:%Y-%m-%d %H:%M:%S} UTC{reason}"
        )
