"""The development mail server: takes every mail, delivers none.

python -m app.local.mailbox FOLDER PORT
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from app.local.mailbox_store import Mailbox

SIZE_LIMIT = 32 * 1024 * 1024


class KeepingHandler:
    """Keeps what comes and answers with the id that the mailbox gave it."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Store the mail before the answer goes out."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            mail_id = self._mailbox.keep(envelope.mail_from or "", list(envelope.rcpt_tos), content)
        except OSError as error:
            return f"452 4.3.1 the mailbox cannot write: {error.strerror}"
        return f"250 2.0.0 Ok: queued as {mail_id}"


async def serve(mailbox: Mailbox, port: int) -> None:
    """Take mails on a loopback port until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    handler = KeepingHandler(mailbox)

    def connection() -> SMTP:
        return SMTP(handler, hostname="mailbox.localhost", ident="Nod development mailbox",
                    enable_SMTPUTF8=True, data_size_limit=SIZE_LIMIT)  # fmt: skip

    server = await loop.create_server(connection, "127.0.0.1", port)
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    await over.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Mailbox(Path(sys.argv[1])), int(sys.argv[2])))
