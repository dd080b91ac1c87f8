"""What running on one machine adds: the doctor, and in development the mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.kernel.module import Module
from app.local import doctor, mailbox_pages

if TYPE_CHECKING:
    from flask import Flask


def _mailbox(app: Flask) -> None:
    mailbox_pages.install(app, app.config["NOD"])


MODULE = Module("local", cli=(doctor.command,), on_install=_mailbox)
