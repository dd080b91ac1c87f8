"""Accounts from the server's shell."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts import queries
from app.accounts.models import AuditEntry, Workspace
from app.delivery import queries as delivery
from tests.support import accounts

CREATE = [
    "accounts", "create-owner", "--email", "Marta@Oxbow.example", "--name", "Marta Byrne", "--brand", "Oxbow Coffee",
    "--postal-address", r"14 Ferry Yard\nBristol", "--sender-name", "Marta at Oxbow",
    "--sender-address", "marta@news.oxbow.example", "--language", "de", "--password-stdin",
]  # fmt: skip


@pytest.fixture
def run(app, session):
    runner = app.test_cli_runner()

    def invoke(*arguments: str, typed: str = f"{accounts.PASSWORD}\n"):
        result = runner.invoke(args=list(arguments), input=typed)
        session.expire_all()
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


def test_the_first_run_without_a_browser(run, client, session):
    result = run(*CREATE)
    assert result.exit_code == 0, result.output
    assert "Sign in as marta@oxbow.example" in result.output
    workspace = session.execute(select(Workspace)).scalar_one()
    assert (workspace.postal_address, workspace.language) == ("14 Ferry Yard\nBristol", "de")
    assert delivery.sender_of(workspace.id).address == "marta@news.oxbow.example"
    account = accounts.Account(workspace.id, workspace.id, "marta@oxbow.example", accounts.PASSWORD)
    assert accounts.sign_in(client, account).status_code == 303
    assert client.get("/").status_code == 200


def test_a_second_owner_is_refused_in_a_sentence(run, session):
    run(*CREATE)
    result = run(*CREATE)
    assert result.exit_code == 1
    assert "Nod has its owner already" in result.output


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("--email", "marta", "Write the whole address"), ("--brand", "", "Write something"), ("--name", "a\nb", "cannot be shown"),
     ("--sender-address", "not one", "sender")],
)  # fmt: skip
def test_faults_are_named_and_nothing_is_made(run, option, value, words, session):
    arguments = list(CREATE)
    arguments[arguments.index(option) + 1] = value
    result = run(*arguments)
    assert result.exit_code == 1
    assert words in result.output
    assert not queries.has_owner()


def test_a_weak_password_is_refused(run, session):
    result = run(*CREATE, typed="Password1234!\n")
    assert result.exit_code == 1
    assert "guessing programs" in result.output


def test_a_lost_password_is_set_anew_and_every_session_ends(run, client, session):
    run(*CREATE)
    account = accounts.Account(None, None, "marta@oxbow.example", accounts.PASSWORD)
    accounts.sign_in(client, account)
    assert client.get("/settings/you").status_code == 200
    fresh = "nine herons stand in the shallows"
    assert (
        run(
            "accounts", "reset-password", "--email", account.email, "--password-stdin", typed=f"{fresh}\n"
        ).exit_code
        == 0
    )
    assert client.get("/settings/you").status_code == 401
    assert accounts.sign_in(client, account).status_code == 401
    assert accounts.sign_in(client, account, password=fresh).status_code == 303
    assert (
        run("accounts", "reset-password", "--email", "nobody@oxbow.example", "--password-stdin").exit_code
        == 1
    )


def test_sessions_are_revoked_from_the_shell(run, client, session):
    run(*CREATE)
    account = accounts.Account(None, None, "marta@oxbow.example", accounts.PASSWORD)
    accounts.sign_in(client, account)
    assert "1 session ended" in run("accounts", "revoke-sessions", "--email", account.email).output
    assert client.get("/settings/you").status_code == 401


def test_members_come_change_and_go(run, session):
    run(*CREATE)
    add = ("accounts", "add-member", "--email", "jo@oxbow.example", "--name", "Jo Tan", "--password-stdin")
    assert run(*add).exit_code == 0
    assert "editor  jo@oxbow.example" in run("accounts", "list").output
    assert run("accounts", "set-role", "--email", "jo@oxbow.example", "--role", "viewer").exit_code == 0
    assert run("accounts", "disable", "--email", "jo@oxbow.example").exit_code == 0
    assert "viewer  jo@oxbow.example  Jo Tan, disabled" in run("accounts", "list").output
    assert run("accounts", "enable", "--email", "jo@oxbow.example").exit_code == 0
    assert run("accounts", "disable", "--email", "marta@oxbow.example").exit_code == 1
    acts = session.execute(select(AuditEntry.act).order_by(AuditEntry.id)).scalars().all()
    assert acts[-4:] == ["member.added", "member.role_changed", "user.disabled", "user.enabled"]


def test_keys_are_made_listed_and_revoked(run, client, session):
    run(*CREATE)
    secret = run("accounts", "create-key", "--name", "Shop", "--scope", "people.read").output.strip()
    header = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/me", headers=header).status_code == 200
    listed = run("accounts", "list-keys").output
    assert secret not in listed
    key_id = listed.split()[0]
    assert run("accounts", "revoke-key", key_id).exit_code == 0
    assert client.get("/api/v1/me", headers=header).status_code == 401


def test_the_set_up_code_is_shown_only_while_it_opens_something(run, session):
    code = run("accounts", "setup-code").output.strip()
    assert len(code.replace("-", "")) == 16
    run(*CREATE)
    assert run("accounts", "setup-code").exit_code == 1


def test_without_a_workspace_commands_say_what_to_do(run, session):
    assert "create-owner" in run("accounts", "create-key", "--name", "Shop", "--scope", "people.read").output
