"""What running on one machine adds: the doctor, and in development the mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.kernel.module import Module

if TYPE_CHECKING:
    from flask import Flask


def _mailbox(app: Flask) -> None:
    if app.config["NOD"].mailbox_dir:
        from app.local import mailbox_pages

        mailbox_pages.install(app, app.config["NOD"])


MODULE = Module("local", cli=("app.local.doctor:command",), on_install=_mailbox)
