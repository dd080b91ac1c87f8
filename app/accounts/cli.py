"""Accounts from the server's shell."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import click
from flask.cli import AppGroup

from app.accounts import queries, service
from app.accounts.events import SenderNamed
from app.accounts.models import User
from app.accounts.rules import acts
from app.accounts.rules.brand import Details
from app.accounts.rules.roles import SCOPES, Role
from app.accounts.schemas import Owner
from app.kernel import events, i18n
from app.kernel.db import transaction
from app.kernel.errors import NotFound, Problem
from app.kernel.http.posted import load

group = AppGroup("accounts", help="Owners, members, passwords, sessions and API keys.")
_roles = click.Choice([role.value for role in Role])
_email = click.option("--email", required=True, help="The address they sign in with.")
_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@contextmanager
def _work() -> Iterator[None]:
    """One transaction; a problem becomes a plain sentence and exit code 1."""
    try:
        with transaction():
            yield
    except Problem as problem:
        lines = [
            problem.detail or problem.title,
            *(f"  {name}: {text}" for name, text in problem.fields.items()),
        ]
        raise click.ClickException("\n".join(lines)) from None


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed


def _user(email: str) -> User:
    found = queries.find_user(email.strip().lower())
    if found is None:
        raise NotFound("Nobody signs in with this address.")
    return found


def _workspace() -> UUID:
    workspaces = queries.list_workspaces()
    if not workspaces:
        raise NotFound("There is no workspace yet. Run 'flask accounts create-owner' first.")
    return workspaces[0].id


@group.command("create-owner")
@_email
@click.option("--name", required=True, help="The owner's name.")
@click.option("--brand", required=True, help="The name that readers know.")
@click.option("--postal-address", required=True, help=r"Stands at the end of each mail; \n separates lines.")
@click.option("--sender-name", default="", help="Who the mail comes from; by default the brand.")
@click.option("--sender-address", default="", help="The address mail comes from; by default the owner's.")
@click.option(
    "--language", type=click.Choice(i18n.languages()), default="en", help="Of forms, pages and mails."
)
@_stdin
def create_owner(*, password_stdin: bool, **options: str) -> None:
    """Do the first run without a browser: owner, brand and sender at once."""
    password = _password(from_stdin=password_stdin)
    options["postal_address"] = options["postal_address"].replace("\\n", "\n")
    with _work():
        asked = load(Owner(), dict(options))
        user = service.create_owner(asked["email"], asked["name"], password, by=acts.COMMAND)
        details = Details(asked["brand"], asked["postal_address"], asked["language"])
        workspace = service.create_workspace(user.id, details, by=acts.COMMAND)
        sender_name, sender_address = (
            asked["sender_name"] or asked["brand"],
            asked["sender_address"] or user.email,
        )
        events.publish(SenderNamed(workspace.id, sender_name, sender_address))
    click.echo(f"{user.name} owns {workspace.name}. Sign in as {user.email}.")


@group.command("reset-password")
@_email
@_stdin
def reset_password(email: str, *, password_stdin: bool) -> None:
    """Set a new password and end all sessions of a user."""
    with _work():
        _user(email)
    password = _password(from_stdin=password_stdin)
    with _work():
        service.reset_password(email, password)
    click.echo("The password is set, and every session has ended.")


@group.command("list")
def list_accounts() -> None:
    """Show who works here, and as what."""
    with _work():
        for workspace in queries.list_workspaces():
            click.echo(f"{workspace.name} ({workspace.id})")
            for member in queries.list_members(workspace.id):
                state = ", disabled" if member.disabled_at else ""
                click.echo(f"  {member.role.value:7} {member.email}  {member.name}{state}")


@group.command("revoke-sessions")
@_email
def revoke_sessions(email: str) -> None:
    """Sign a user out everywhere."""
    with _work():
        user = _user(email)
        count = service.end_sessions(user.id, "revoked from the shell")
        service.record("sessions.revoked", by=acts.COMMAND, of=f"user:{user.id}", detail={"count": count})
    click.echo(f"{count} session{'' if count == 1 else 's'} ended.")


@group.command("setup-code")
def setup_code() -> None:
    """Show the code that the first owner of a public server is asked for."""
    with _work():
        if queries.has_owner():
            raise NotFound("Nod has its owner already: no code is needed any more.")
    click.echo(service.set_up_code())


@group.command("add-member")
@_email
@click.option("--name", required=True)
@click.option("--role", type=_roles, default=Role.EDITOR.value, show_default=True)
@_stdin
def add_member(email: str, name: str, role: str, *, password_stdin: bool) -> None:
    """Let somebody else work in the (first) workspace."""
    password = _password(from_stdin=password_stdin)
    with _work():
        user = service.add_member(_workspace(), email, name, password, Role(role), by=acts.COMMAND)
    click.echo(f"{user.email} signs in as {role}.")


@group.command("set-role")
@_email
@click.option("--role", type=_roles, required=True)
def set_role(email: str, role: str) -> None:
    """Give a member another role; their sessions end."""
    with _work():
        service.change_role(_workspace(), _user(email).id, Role(role), by=acts.COMMAND)
    click.echo(f"{email} is {role} now.")


@group.command("disable")
@_email
def disable(email: str) -> None:
    """Let a user sign in no more; their sessions end."""
    with _work():
        service.disable_user(_user(email).id, by=acts.COMMAND)
    click.echo(f"{email} cannot sign in any more.")


@group.command("enable")
@_email
def enable(email: str) -> None:
    """Let a disabled user sign in again."""
    with _work():
        service.enable_user(_user(email).id, by=acts.COMMAND)
    click.echo(f"{email} can sign in again.")


@group.command("create-key")
@click.option("--name", required=True, help="What uses the key.")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(sorted(SCOPES)))
def create_key(name: str, scopes: tuple[str, ...]) -> None:
    """Make an API key; it is shown this once."""
    with _work():
        issued = service.create_api_key(_workspace(), name, scopes, by=acts.COMMAND)
    click.echo(issued.secret)


@group.command("list-keys")
def list_keys() -> None:
    """Show the API keys by what is known of them."""
    with _work():
        for key in queries.list_api_keys(_workspace()):
            used = f"used {key.last_used_at:%Y-%m-%d}" if key.last_used_at else "never used"
            state = "revoked" if key.revoked_at else used
            click.echo(f"{key.id}  {key.prefix}…  {', '.join(key.scopes)}  {state}  {key.name}")


@group.command("revoke-key")
@click.argument("key_id", type=click.UUID)
def revoke_key(key_id: UUID) -> None:
    """End an API key at once."""
    with _work():
        service.revoke_api_key(_workspace(), key_id, by=acts.COMMAND)
    click.echo("The key works no more.")
