"""The outbox and the sending domains from the shell."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.delivery import aside, dkim_cli, queries, service, story
from app.kernel.db import transaction
from app.kernel.errors import BadInput, NotFound

group = AppGroup("delivery", help="Look at what is sent and what waits; keys that sign mails.")
group.add_command(dkim_cli.group)
send = AppGroup("send", help="Ask about a message.")


@group.command("explain")
@click.argument("number")
def explain(number: str) -> None:
    """Tell the whole story of a message; NUMBER is like 3-1204."""
    mailing_no, _, n = number.partition("-")
    if not (mailing_no.isdecimal() and n.isdecimal()):
        raise click.ClickException("A message's number looks like 3-1204: its mailing, then its place in it.")
    with transaction():
        try:
            lines = story.tell(int(mailing_no), int(n))
        except NotFound as error:
            raise click.ClickException(error.detail) from None
    for label, value in lines:
        click.echo(f"{label + ':' if label else '':14} {value}")


send.add_command(explain)


@group.command("write", hidden=True)
@click.argument("number")
def write(number: str) -> None:
    """Make the mail of a message and print it as JSON; workers ask for it where making it has ended two of them."""
    with transaction():
        click.echo(aside.make(number))


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


@group.command("limits")
def limits() -> None:
    """List the ways out with their connections, and what limits each of them now."""
    with transaction():
        routes = queries.list_routes()
        found = queries.route_standing()
    for route in routes:
        click.echo(f"{route.key}: {route.says}, at most {route.connections} connections")
        for limit in found:
            if limit.route == route.key:
                click.echo(f"  {limit.why}")


@group.command("limit")
@click.argument("route")
@click.option("--domain", default="", help="Of a receiver; without it the limit is for the route as a whole.")
@click.option("--per-minute", type=float, help="At most so many mails a minute.")
@click.option("--connections", type=int, help="At most so many connections, over all workers together.")
@click.option("--clear", is_flag=True, help="Take your rate away.")
def limit(route: str, domain: str, per_minute: float | None, connections: int | None, *, clear: bool) -> None:
    """Limit a way out; ROUTE is one that ``limits`` lists."""
    if not (per_minute is not None or connections is not None or clear):
        raise click.UsageError("Say --per-minute, --connections or --clear.")
    with transaction():
        _check_route(route)
        try:
            if clear:
                service.clear_rate(route, domain)
            if per_minute is not None:
                service.set_rate(route, domain, per_minute)
            if connections is not None:
                service.set_connections(route, connections)
        except BadInput as problem:
            raise click.ClickException(" ".join(problem.fields.values())) from None
    click.echo("Done. All senders go by it from their next turn on.")


@group.command("reopen")
@click.argument("route")
@click.option("--all", "is_all", is_flag=True, help="Also forget what each receiver asked for.")
def reopen(route: str, *, is_all: bool) -> None:
    """Try a way out at once that rests; ROUTE is one that ``limits`` lists."""
    with transaction():
        _check_route(route)
        service.reopen(route, is_all=is_all)
    click.echo("Done. It is tried at once.")


def _check_route(route: str) -> None:
    known = [found.key for found in queries.list_routes()]
    if route not in known:
        raise click.ClickException(f"There is no such way out. Those there are: {', '.join(known)}.")
