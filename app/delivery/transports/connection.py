"""A connection to a mail server until it is ready for mails: connect, greet, secure, sign in.

What we promise: no password goes over a line that others can read; bytes that a server sent before TLS are never
believed after it; we always know at which verb it failed.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import re
import select
import socket
import ssl
import time
from typing import Final

from app.delivery.transports.base import NotOpen, Result, Verb
from app.delivery.transports.replies import CONTROLS, Nonsense, ReplyReader, result_of
from app.delivery.transports.settings import Auth, Security, SmtpSettings

_HELO = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f.:]+\]|\[IPv6:[0-9A-Fa-f:]+\]")
_NOT_YET: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class LineFault(Exception):
    """The line broke, or the server lost the thread."""


class Refused(Exception):
    """The server said no."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.text)
        self.result = result


class Connection:
    """A line with its server's offers; each step waits. Not shared between threads."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._times = settings.timeouts
        self._socket: socket.socket | None = None
        self._replies = ReplyReader()
        self._heard: list[tuple[int, str]] = []
        self._verb = Verb.CONNECT
        self.offers: dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        """Whether there is a line."""
        return self._socket is not None

    @property
    def line(self) -> socket.socket:
        """The socket.

        Raises:
            LineFault: closed.
        """
        if self._socket is None:
            raise LineFault("The connection is closed.")
        return self._socket

    def open(self) -> None:
        """Get ready for mails.

        Raises:
            NotOpen: with the verb at which it failed.
        """
        try:
            self._connect()
            self._greet()
            self._secure()
            self._sign_in()
        except Refused as refused:
            self.drop()
            raise NotOpen(refused.result) from None
        except (LineFault, Nonsense, OSError) as error:
            self.drop()
            raise NotOpen(result_of(None, str(error) or type(error).__name__, self._verb)) from None

    def answers(self) -> bool:
        """Ask whether the server is still there, and let it forget what was before."""
        try:
            self._expect(self._command("RSET", self._times.connect), 2)
        except (Refused, LineFault, Nonsense, OSError):
            return False
        return True

    def has_spoken(self) -> bool:
        """Whether bytes wait that nobody asked for, or the line has ended; TLS's own records do not count."""
        line = self.line
        is_waiting = isinstance(line, ssl.SSLSocket) and line.pending() > 0
        if not self._replies.is_empty or self._heard:
            return True
        if not (is_waiting or select.select([line], [], [], 0)[0]):
            return False
        line.settimeout(0)
        try:
            line.recv(1)
        except _NOT_YET:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Say QUIT and close; never raises."""
        if self._socket is not None:
            with contextlib.suppress(Refused, LineFault, Nonsense, OSError):
                self._command("QUIT", self._times.quit)
        self.drop()

    def drop(self) -> None:
        """Close without a word."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None

    # The steps, in their order.

    def _connect(self) -> None:
        self._verb = Verb.DNS
        self._replies, self._heard, self.offers = ReplyReader(), [], {}
        settings = self._settings
        try:
            self._socket = socket.create_connection((settings.host, settings.port), self._times.connect)
        except socket.gaierror:
            raise
        except OSError:
            self._verb = Verb.CONNECT
            raise
        self._verb = Verb.CONNECT
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if settings.security is Security.IMPLICIT:
            self._verb = Verb.STARTTLS
            self._wrap()

    def _greet(self) -> None:
        self._verb = Verb.BANNER
        self._expect(self._reply(self._times.banner), 2)
        self._verb = Verb.EHLO
        code, text = self._command(f"EHLO {self._helo()}")
        if code in {500, 501, 502, 504, 550}:
            code, text = self._command(f"HELO {self._helo()}")
            text = text.split("\n")[0]
        self._expect((code, text), 2)
        self.offers = _offers(text)

    def _secure(self) -> None:
        self._verb = Verb.STARTTLS
        if self._settings.security in {Security.IMPLICIT, Security.NONE}:
            return
        if "STARTTLS" not in self.offers:
            if self._settings.security is Security.OPPORTUNISTIC and self._is_loopback():
                return
            raise LineFault("The server offers no encryption (STARTTLS). Nothing was sent.")
        self._expect(self._command("STARTTLS"), 2)
        if self._heard or not self._replies.is_empty:
            raise LineFault("The server sent more than it should before encryption.")
        self._wrap()
        self._verb = Verb.EHLO
        code, text = self._command(f"EHLO {self._helo()}")
        self._expect((code, text), 2)
        self.offers = _offers(text)

    def _sign_in(self) -> None:
        settings = self._settings
        if not settings.username:
            return
        self._verb = Verb.AUTH
        known = self.offers.get("AUTH", "").upper().split()
        if settings.auth is Auth.XOAUTH2:
            self._sign_in_by_token(known)
        elif "PLAIN" in known:
            word = _base64(f"\0{settings.username}\0{settings.password}")
            self._expect(self._command(f"AUTH PLAIN {word}"), 2)
        elif "LOGIN" in known:
            self._expect(self._command("AUTH LOGIN"), 3)
            self._expect(self._command(_base64(settings.username)), 3)
            self._expect(self._command(_base64(settings.password)), 2)
        else:
            raise Refused(result_of(535, "5.7.4 The server offers neither AUTH PLAIN nor AUTH LOGIN.", Verb.AUTH))

    def _sign_in_by_token(self, known: list[str]) -> None:
        if "XOAUTH2" not in known:
            raise Refused(result_of(535, "5.7.4 The server does not offer AUTH XOAUTH2.", Verb.AUTH))
        settings = self._settings
        word = _base64(f"user={settings.username}\1auth=Bearer {settings.password}\1\1")
        code, text = self._command(f"AUTH XOAUTH2 {word}")
        if code // 100 == 3:
            # The fault comes as a challenge; an empty answer asks for the reply itself.
            code, text = self._command("")
        self._expect((code, text), 2)

    def _helo(self) -> str:
        if _HELO.fullmatch(self._settings.helo):
            return self._settings.helo
        own = ipaddress.ip_address(self.line.getsockname()[0].partition("%")[0])
        return f"[IPv6:{own}]" if own.version == 6 else f"[{own}]"

    def _is_loopback(self) -> bool:
        return ipaddress.ip_address(self.line.getpeername()[0].partition("%")[0]).is_loopback

    def _wrap(self) -> None:
        context = ssl.create_default_context(cafile=self._settings.ca_file or None)
        line = self.line
        if self._settings.security is Security.OPPORTUNISTIC and self._is_loopback():
            # A relay on this very machine has a certificate that nobody signed, and no line to listen on.
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        line.settimeout(self._times.connect)
        self._socket = context.wrap_socket(line, server_hostname=self._settings.host)

    # Words.

    def _expect(self, reply: tuple[int, str], kind: int) -> None:
        code, text = reply
        if code // 100 != kind:
            raise Refused(result_of(code, text, self._verb))

    def _command(self, command: str, seconds: float = 0) -> tuple[int, str]:
        if CONTROLS.search(command.replace("\1", "")):
            raise LineFault("A command with a control character is never sent.")
        line = self.line
        line.settimeout(seconds or self._times.command)
        line.sendall(command.encode() + b"\r\n")
        return self._reply(seconds or self._times.command)

    def _reply(self, seconds: float) -> tuple[int, str]:
        until = time.monotonic() + seconds
        while not self._heard:
            left = until - time.monotonic()
            if left <= 0:
                raise LineFault("The server did not answer in time.")
            line = self.line
            line.settimeout(left)
            octets = line.recv(4096)
            if not octets:
                raise LineFault("The server closed the connection.")
            self._heard += self._replies.feed(octets)
        return self._heard.pop(0)


def _offers(text: str) -> dict[str, str]:
    """Extensions of an EHLO reply by name, with their parameters; the first line is a greeting."""
    lines = [line.partition(" ") for line in text.split("\n")[1:]]
    return {name.upper(): rest.strip() for name, _, rest in lines}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
