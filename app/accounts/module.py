"""What this domain adds to the house."""

from __future__ import annotations

from flask import Flask

from app.accounts import identity, jobs
from app.kernel.http.actor import set_authenticator
from app.kernel.module import Module


def _install(app: Flask) -> None:
    set_authenticator("user", identity.user_of)
    set_authenticator("api_key", identity.key_of)
    app.context_processor(identity.shell)


MODULE = Module(
    "accounts",
    blueprints=("app.accounts.pages:blueprint", "app.accounts.api:blueprint"),
    cli=("app.accounts.cli:group",),
    jobs=(jobs.FORGET,),
    on_install=_install,
)
