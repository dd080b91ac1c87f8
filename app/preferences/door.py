"""An LMTP door: the mail server hands over what comes for our mailboxes and keeps it while the database is away."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from flask import Flask
from sqlalchemy.exc import OperationalError

from app.kernel.db import transaction
from app.preferences import inbound, receiving

log = logging.getLogger(__name__)


@dataclass
class Door:
    """A running server; ``stop`` closes it."""

    controller: Controller
    port: int

    def stop(self) -> None:
        """Close it."""
        self.controller.stop()


class _Handler:
    """aiosmtpd's hooks; each mail is one transaction in a thread of its own."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        return await asyncio.to_thread(
            self._take, envelope.content or b"", list(envelope.rcpt_tos), envelope.mail_from or ""
        )

    def _take(self, raw: bytes, recipients: list[str], envelope_from: str) -> str:
        with self._app.app_context():
            try:
                with transaction():
                    done = receiving.receive(raw, recipients, envelope_from=envelope_from)
            except OperationalError:
                return "451 4.3.0 The database is away, try again later"
        log.info("mail taken in: %s", done)
        return "250 2.0.0 Taken"


class _Controller(Controller):
    def factory(self) -> LMTP:
        return LMTP(self.handler, data_size_limit=16 * inbound.MOST_BYTES, ident="Nod")


def open_at(app: Flask, host: str, port: int) -> Door:
    """Listen."""
    controller = _Controller(_Handler(app), hostname=host, port=port)
    controller.start()
    return Door(controller, port)
