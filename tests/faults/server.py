"""A mail server of raw bytes, a process of its own; does what its script says and writes down what it sees.

    python -m tests.faults.server --port 2525 --log server.log --seed 7

One event loop; each connection is read as a stream, so whatever a client packs into one segment (a body, then MAIL,
RCPT and DATA of the next mail) is answered in its order. The script comes as lines of JSON on standard input, each in
place of the one before it and answered by ``ok``; when standard input ends, so does the server.

The log is appended to by single writes before the answer goes out, so it knows all that a client may know:

    open, close   a connection, and how many are open now
    mail          MAIL FROM was read: the envelope's sender
    cut           the line was cut on purpose, at that point
    end           what became of it: recipient, Message-ID where the final dot was read, point and reply

Times are monotonic (``t``, the same for all processes of a machine) and wall clock (``w``), in seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import os
import re
import ssl
import sys
import time
from pathlib import Path
from typing import NoReturn

from tests.faults.script import Deed, Script

LIMIT = 64 * 1024 * 1024
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
_PATH = re.compile(rb"<([^>]*)>")


class Cut(Exception):
    """The line ends here."""


class Log:
    """Lines that survive everything but the machine."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, kind: str, **values: object) -> None:
        line = json.dumps({"k": kind, "t": time.monotonic(), "w": time.time(), **values})
        os.write(self._file, line.encode() + b"\n")


class Server:
    """What connections share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.log = Log(Path(options.log))
        self.seed: int = options.seed
        self.script = Script((), self.seed)
        self.pipelining: bool = not options.no_pipelining
        self.login: str = options.login
        self.tls = _tls(options.certificate) if options.certificate else None
        self._numbers = itertools.count(1)
        self._open = 0
        self._first_tries: dict[str, float] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(self._numbers)
        self._open += 1
        self.log.write("open", c=number, open=self._open)
        session = Session(self, reader, writer, number)
        try:
            await session.run()
        except (Cut, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            writer.transport.abort()
        finally:
            self._open -= 1
            self.log.write("close", c=number, open=self._open)
            with contextlib.suppress(OSError):
                writer.close()

    def on_words(self, words: dict) -> None:
        """New rules from whoever started us."""
        self.script = Script.from_json(words["rules"], self.seed, self._first_tries)


class Session:
    """One connection."""

    def __init__(
        self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._number = number
        self._is_secure = False
        self._is_signed_in = not server.login
        self._forget()

    def _forget(self) -> None:
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._mail_at = (0.0, 0.0)

    async def run(self) -> None:
        if self._server.script.at("CONNECT").is_drop:
            self._cut("CONNECT")
        await self._greet()
        while True:
            line = await self._reader.readuntil(b"\r\n")
            verb, _, rest = line.strip().partition(b" ")
            handler = getattr(self, f"_on_{verb.decode('ascii', 'replace').lower()}", None)
            if handler is None:
                self._say("500 5.5.2 what?")
            else:
                await handler(rest)
            if verb.upper() == b"QUIT":
                await self._writer.drain()
                return

    async def _greet(self) -> None:
        deed = self._server.script.at("BANNER")
        await asyncio.sleep(deed.wait)
        if deed.is_drop:
            self._writer.write(b"220 faults.te")
            await self._writer.drain()
            self._writer.write_eof()
            await asyncio.sleep(0.05)
            self._cut("BANNER")
        await self._answer(deed, "220 faults.test ESMTP")

    async def _step(self, point: str, usual: str, recipient: str = "") -> str:
        """Answer at a point as the script says, else as usual; the reply."""
        deed = self._server.script.at(point, recipient)
        await asyncio.sleep(deed.wait)
        if deed.is_drop:
            self._cut(point)
        return await self._answer(deed, usual)

    async def _answer(self, deed: Deed, usual: str) -> str:
        reply = deed.reply or usual
        self._say(reply)
        if reply.startswith("421"):
            await self._writer.drain()
            self._writer.write_eof()
            await asyncio.sleep(0.05)
            raise Cut
        return reply

    def _cut(self, point: str) -> NoReturn:
        self._note_end(point, "")
        self._server.log.write("cut", at=point)
        raise Cut

    def _say(self, reply: str) -> None:
        self._writer.write(reply.encode() + b"\r\n")

    def _note_end(self, point: str, reply: str, message_id: str = "") -> None:
        if self._sender is not None:
            mail_t, mail_w = self._mail_at
            self._server.log.write(
                "end", c=self._number, sender=self._sender, to=self._recipients[:1], mail_t=mail_t, mail_w=mail_w,
                at=point, reply=reply, id=message_id,
            )  # fmt: skip

    async def _on_ehlo(self, _rest: bytes) -> None:
        offers = ["faults.test", "8BITMIME", "SMTPUTF8", "SIZE 33554432", "ENHANCEDSTATUSCODES"]
        if self._server.pipelining:
            offers.append("PIPELINING")
        if self._server.tls and not self._is_secure:
            offers.append("STARTTLS")
        if self._server.login:
            offers.append("AUTH PLAIN")
        lines = [f"250-{offer}" for offer in offers]
        lines[-1] = "250 " + offers[-1]
        self._forget()
        await self._step("EHLO", "\r\n".join(lines))

    async def _on_helo(self, _rest: bytes) -> None:
        self._forget()
        await self._step("EHLO", "250 faults.test")

    async def _on_starttls(self, _rest: bytes) -> None:
        if self._server.tls is None:
            self._say("502 5.5.1 no TLS here")
        elif (await self._step("STARTTLS", "220 2.0.0 go ahead")).startswith("2"):
            await self._writer.drain()
            await self._writer.start_tls(self._server.tls)
            self._is_secure = True

    async def _on_auth(self, rest: bytes) -> None:
        _, _, word = rest.partition(b" ")
        given = base64.b64decode(word).decode().lstrip("\0").replace("\0", ":")
        is_right = given == self._server.login
        reply = await self._step("AUTH", "235 2.7.0 welcome" if is_right else "535 5.7.8 wrong")
        self._is_signed_in = reply.startswith("2")

    async def _on_mail(self, rest: bytes) -> None:
        self._forget()
        self._sender, self._mail_at = _address(rest), (time.monotonic(), time.time())
        mail_t, mail_w = self._mail_at
        self._server.log.write("mail", c=self._number, sender=self._sender, mail_t=mail_t, mail_w=mail_w)
        usual = "250 2.1.0 sender ok" if self._is_signed_in else "530 5.7.0 sign in first"
        reply = await self._step("MAIL", usual)
        if not reply.startswith("2"):
            self._note_end("MAIL", reply)
            self._forget()

    async def _on_rcpt(self, rest: bytes) -> None:
        if self._sender is None:
            self._say("503 5.5.1 MAIL first")
            return
        recipient = _address(rest)
        self._recipients.append(recipient)
        reply = await self._step("RCPT", "250 2.1.5 recipient ok", recipient)
        if not reply.startswith("2"):
            self._note_end("RCPT", reply)
            self._recipients.pop()

    async def _on_data(self, _rest: bytes) -> None:
        if not self._recipients:
            self._say("554 5.5.1 no valid recipients")
            return
        recipient = self._recipients[0]
        deed = self._server.script.at("DATA", recipient)
        await asyncio.sleep(deed.wait)
        if deed.reply:
            self._note_end("DATA", deed.reply)
            await self._answer(deed, "")
            self._forget()
            return
        self._say("354 go ahead")
        await self._writer.drain()
        if deed.is_drop:
            self._cut("DATA")
        await self._read_body(recipient)

    async def _read_body(self, recipient: str) -> None:
        if self._server.script.at("BODY", recipient).is_drop:
            await self._reader.read(512)
            self._cut("BODY")
        try:
            body = await self._reader.readuntil(b"\r\n.\r\n")
        except asyncio.IncompleteReadError:
            self._note_end("BODY", "")
            raise
        found = _MESSAGE_ID.search(body)
        message_id = found[1].decode() if found else ""
        deed = self._server.script.at("DOT", recipient)
        reply = "" if deed.is_drop else deed.reply or f"250 2.0.0 Ok: queued as {self._number:X}"
        # Noted before anybody can know the answer; what is killed while it waits for the answer is in doubt.
        self._note_end("DOT", reply, message_id)
        await asyncio.sleep(deed.wait)
        self._forget()
        if deed.is_drop:
            self._server.log.write("cut", at="DOT")
            raise Cut
        await self._answer(Deed(reply), "")

    async def _on_rset(self, _rest: bytes) -> None:
        self._forget()
        self._say("250 2.0.0 ok")

    async def _on_noop(self, _rest: bytes) -> None:
        self._say("250 2.0.0 ok")

    async def _on_quit(self, _rest: bytes) -> None:
        self._say("221 2.0.0 bye")


def _address(rest: bytes) -> str:
    found = _PATH.search(rest)
    return found[1].decode("utf-8", "replace") if found else ""


def _tls(certificate: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def run(options: argparse.Namespace) -> None:
    """Serve until standard input ends."""
    server = Server(options)
    listener = await asyncio.start_server(
        server.serve, options.host, options.port, limit=LIMIT, backlog=512, reuse_address=True
    )
    words = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), sys.stdin)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    async with listener:
        while line := await words.readline():
            server.on_words(json.loads(line))
            sys.stdout.write("ok\n")
            sys.stdout.flush()
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-pipelining", action="store_true")
    parser.add_argument("--login", default="", help="name:password that clients must give")
    parser.add_argument(
        "--certificate", default="", help="file with key and certificate: STARTTLS is offered"
    )
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
