"""SMTP (RFC 5321) over our own socket, so that we always know at which verb an attempt ended.

What we promise: nothing but checked bytes leaves (no bare CR or LF, dots stuffed, no control character in
a command); only a silence after the final dot is doubt; no password goes over a line that others can read;
bytes that a server sent before TLS are never believed after it.
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
from collections.abc import Callable
from typing import Final

from app.delivery.retries import classify
from app.delivery.transports.base import NotOpen, Result, Verb
from app.delivery.transports.settings import Security, SmtpSettings

REPLY_LINES: Final = 128
REPLY_OCTETS: Final = 64 * 1024
TEXT_CHARACTERS: Final = 500
LINE_OCTETS: Final = 998
IDLE_SECONDS: Final = 20.0
"""After so long a connection is asked whether it still lives."""

_PATH = re.compile(r"[^\x00-\x20\x7f-\xa0<>\u2028\u2029]+@[A-Za-z0-9.-]+")
_HELO = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f.:]+\]|\[IPv6:[0-9A-Fa-f:]+\]")
_REPLY = re.compile(rb"([2-5][0-9][0-9])([ -]?)(.*)", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NOT_YET: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_BLOCK: Final = 64 * 1024
_CLOSING: Final = 421
_GO_ON: Final = 354


class _Line(Exception):
    """The line broke, or the server lost the thread."""


class SmtpTransport:
    """One connection to one server; see `base.Transport`. Not shared between threads."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._times = settings.timeouts
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._offers: dict[str, str] = {}
        self._verb = Verb.CONNECT
        self._sent = 0
        self._used_at = 0.0

    def open(self) -> None:
        """Connect, secure the line, sign in; or see that the open connection still lives.

        Raises:
            NotOpen: with the verb at which it failed.
        """
        if self._socket is not None and not self._is_alive():
            self.close()
        if self._socket is not None:
            return
        try:
            self._connect()
            self._greet()
            self._secure()
            self._sign_in()
        except _Refused as refused:
            self._drop()
            raise NotOpen(refused.result) from None
        except (_Line, OSError) as error:
            self._drop()
            raise NotOpen(self._fault(error)) from None
        self._sent = 0
        self._used_at = time.monotonic()

    def send(
        self,
        envelope_from: str,
        rcpt: str,
        data: bytes,
        *,
        smtputf8: bool = False,
        before_body: Callable[[], None] | None = None,
    ) -> Result:
        """Send one mail; see `base.Transport.send`."""
        needs_utf8 = smtputf8 or not (envelope_from + rcpt).isascii()
        refused = _refuse_locally(envelope_from, rcpt, data)
        if refused is not None:
            return refused
        try:
            self.open()
        except NotOpen as error:
            return error.result
        refused = self._refuse_by_offers(data, needs_utf8=needs_utf8)
        if refused is not None:
            return refused
        self._sent += 1
        try:
            self._envelope(envelope_from, rcpt, data, needs_utf8=needs_utf8)
            return self._body(data, before_body)
        except _Refused as error:
            self._after_refusal(error.result)
            return error.result
        except (_Line, OSError) as error:
            result = self._fault(error)
            self._drop()
            return result
        except BaseException:
            self._drop()
            raise
        finally:
            self._used_at = time.monotonic()

    def close(self) -> None:
        """Say QUIT and close; never raises."""
        if self._socket is not None:
            with contextlib.suppress(_Line, OSError):
                self._write(b"QUIT\r\n", self._times.quit)
                self._reply(self._times.quit)
        self._drop()

    # The dialogue, in its order.

    def _connect(self) -> None:
        self._verb = Verb.DNS
        self._buffer = b""
        self._offers = {}
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
        self._offers = _offers(text)

    def _secure(self) -> None:
        self._verb = Verb.STARTTLS
        if self._settings.security in {Security.IMPLICIT, Security.NONE}:
            return
        if "STARTTLS" not in self._offers:
            if self._settings.security is Security.OPPORTUNISTIC and self._is_loopback():
                return
            raise _Line("The server offers no encryption (STARTTLS). Nothing was sent.")
        self._expect(self._command("STARTTLS"), 2)
        if self._buffer:
            raise _Line("The server sent more than it should before encryption.")
        self._wrap()
        self._verb = Verb.EHLO
        code, text = self._command(f"EHLO {self._helo()}")
        self._expect((code, text), 2)
        self._offers = _offers(text)

    def _sign_in(self) -> None:
        settings = self._settings
        if not settings.username:
            return
        self._verb = Verb.AUTH
        known = self._offers.get("AUTH", "").upper().split()
        if "PLAIN" in known:
            word = _base64(f"\0{settings.username}\0{settings.password}")
            self._expect(self._command(f"AUTH PLAIN {word}"), 2)
        elif "LOGIN" in known:
            self._expect(self._command("AUTH LOGIN"), 3)
            self._expect(self._command(_base64(settings.username)), 3)
            self._expect(self._command(_base64(settings.password)), 2)
        else:
            raise _Refused(self._result(535, "5.7.4", "The server offers neither AUTH PLAIN nor AUTH LOGIN."))

    def _envelope(self, envelope_from: str, rcpt: str, data: bytes, *, needs_utf8: bool) -> None:
        options = ""
        if "SIZE" in self._offers:
            options += f" SIZE={len(data)}"
        if not data.isascii() and "8BITMIME" in self._offers:
            options += " BODY=8BITMIME"
        if needs_utf8:
            options += " SMTPUTF8"
        self._verb = Verb.MAIL
        self._expect(self._command(f"MAIL FROM:<{envelope_from}>{options}"), 2)
        self._verb = Verb.RCPT
        self._expect(self._command(f"RCPT TO:<{rcpt}>"), 2)
        self._verb = Verb.DATA
        code, text = self._command("DATA", self._times.data)
        if code != _GO_ON:
            raise _Refused(self._result(code, _enhanced(code, text), text))

    def _body(self, data: bytes, before_body: Callable[[], None] | None) -> Result:
        self._verb = Verb.BODY
        if before_body is not None:
            before_body()
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
        stuffed = stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n"
        try:
            self._pour(memoryview(stuffed))
            self._write(b".\r\n", self._times.block)
        except OSError as error:
            # Three octets leave whole or, as here, not at all: the server has no complete mail.
            raise self._last_words(error) from None
        # From here on the mail may have arrived, whatever the line does.
        self._verb = Verb.DOT
        code, text = self._reply(self._times.dot)
        result = self._result(code, _enhanced(code, text), text)
        if code == _CLOSING:
            self._drop()
        return result

    def _pour(self, octets: memoryview) -> None:
        """Write the mail, and listen: a server that speaks or hangs up now leaves no doubt, the dot is not out."""
        line = self._line()
        until = time.monotonic() + self._times.block
        while octets:
            if self._has_spoken():
                raise OSError("The server spoke in the middle of the mail.")
            select.select([line], [line], [], max(until - time.monotonic(), 0))
            line.settimeout(0)
            with contextlib.suppress(*_NOT_YET):
                octets = octets[line.send(octets[:_BLOCK]) :]
                until = time.monotonic() + self._times.block
            if time.monotonic() > until:
                raise TimeoutError("The server took no more of the mail.")
        if self._has_spoken():
            raise OSError("The server spoke in the middle of the mail.")

    def _last_words(self, error: OSError) -> Exception:
        """The reply with which a server cut us off, where there is one."""
        try:
            code, text = self._reply(1)
        except (_Line, OSError):
            return _Line(str(error) or type(error).__name__)
        self._drop()
        if code < 400:
            return _Line("The server answered in the middle of the mail.")
        return _Refused(self._result(code, _enhanced(code, text), text))

    def _after_refusal(self, result: Result) -> None:
        """Make the connection good for the next mail, or drop it."""
        if self._socket is None:
            return
        if result.code == _CLOSING:
            self._drop()
            return
        try:
            self._expect(self._command("RSET"), 2)
        except (_Refused, _Line, OSError):
            self._drop()

    def _is_alive(self) -> bool:
        if self._sent >= self._settings.max_messages or self._has_spoken():
            return False
        if time.monotonic() - self._used_at < IDLE_SECONDS:
            return True
        try:
            self._expect(self._command("RSET", self._times.connect), 2)
        except (_Refused, _Line, OSError):
            return False
        return True

    # Checks.

    def _refuse_by_offers(self, data: bytes, *, needs_utf8: bool) -> Result | None:
        if needs_utf8 and "SMTPUTF8" not in self._offers:
            return _local(550, "5.6.7", "The server cannot take addresses beyond ASCII (SMTPUTF8).")
        if not data.isascii() and "8BITMIME" not in self._offers:
            return _local(550, "5.6.7", "The server cannot take 8-bit mail (8BITMIME).")
        size = self._offers.get("SIZE", "")
        if size.isdecimal() and 0 < int(size) < len(data):
            return _local(552, "5.3.4", f"The mail has {len(data)} octets, the server takes {size}.")
        return None

    def _expect(self, reply: tuple[int, str], kind: int) -> None:
        code, text = reply
        if code // 100 != kind:
            raise _Refused(self._result(code, _enhanced(code, text), text))

    def _result(self, code: int | None, enhanced: str, text: str) -> Result:
        verdict = classify(code, enhanced, text, self._verb)
        return Result(verdict.outcome, code, enhanced, _clean(text), self._verb)

    def _fault(self, error: Exception) -> Result:
        return self._result(None, "", str(error) or type(error).__name__)

    # Bytes.

    def _helo(self) -> str:
        if _HELO.fullmatch(self._settings.helo):
            return self._settings.helo
        own = ipaddress.ip_address(self._line().getsockname()[0].partition("%")[0])
        return f"[IPv6:{own}]" if own.version == 6 else f"[{own}]"

    def _is_loopback(self) -> bool:
        return ipaddress.ip_address(self._line().getpeername()[0].partition("%")[0]).is_loopback

    def _wrap(self) -> None:
        context = ssl.create_default_context(cafile=self._settings.ca_file or None)
        line = self._line()
        if self._is_loopback() and self._settings.security is Security.OPPORTUNISTIC:
            # A relay on this very machine has a certificate that nobody signed, and no line to listen on.
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        line.settimeout(self._times.connect)
        self._socket = context.wrap_socket(line, server_hostname=self._settings.host)

    def _line(self) -> socket.socket:
        if self._socket is None:
            raise _Line("The connection is closed.")
        return self._socket

    def _command(self, line: str, seconds: float = 0) -> tuple[int, str]:
        if _CONTROLS.search(line):
            raise _Line("A command with a control character is never sent.")
        self._write(line.encode() + b"\r\n", seconds or self._times.command)
        return self._reply(seconds or self._times.command)

    def _write(self, octets: bytes, seconds: float) -> None:
        line = self._line()
        line.settimeout(seconds)
        line.sendall(octets)

    def _reply(self, seconds: float) -> tuple[int, str]:
        """One reply: its code and its lines, joined by newlines."""
        until = time.monotonic() + seconds
        texts: list[str] = []
        code = 0
        while len(texts) < REPLY_LINES:
            found = _REPLY.fullmatch(self._read_line(until))
            if found is None or (texts and int(found[1]) != code):
                raise _Line("The server answered something that is not SMTP.")
            code = int(found[1])
            texts.append(found[3].decode("utf-8", "replace"))
            if found[2] != b"-":
                return code, "\n".join(texts)
        raise _Line("The server answered without an end.")

    def _read_line(self, until: float) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > REPLY_OCTETS:
                raise _Line("The server answered without an end.")
            self._fill(until)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def _fill(self, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise _Line("The server did not answer in time.")
        line = self._line()
        line.settimeout(left)
        octets = line.recv(4096)
        if not octets:
            raise _Line("The server closed the connection.")
        self._buffer += octets

    def _has_spoken(self) -> bool:
        """Whether bytes wait that nobody asked for, or the line has ended; TLS's own records do not count."""
        line = self._line()
        is_waiting = isinstance(line, ssl.SSLSocket) and line.pending() > 0
        if self._buffer or not (is_waiting or select.select([line], [], [], 0)[0]):
            return bool(self._buffer)
        line.settimeout(0)
        try:
            self._buffer += line.recv(4096)
        except _NOT_YET:
            return False
        except OSError:
            return True
        return True

    def _drop(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None
        self._buffer = b""


class _Refused(Exception):
    """The server said no."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.text)
        self.result = result


def _refuse_locally(envelope_from: str, rcpt: str, data: bytes) -> Result | None:
    if not _PATH.fullmatch(rcpt) or (envelope_from and not _PATH.fullmatch(envelope_from)):
        return _local(553, "5.1.3", "This is not an address that can stand in a command.")
    lines = data.split(b"\r\n")
    if any(b"\r" in line or b"\n" in line for line in lines):
        return _local(554, "5.6.0", "The mail holds a bare CR or LF.")
    if max(map(len, lines)) > LINE_OCTETS:
        return _local(554, "5.6.0", "The mail holds a line of more than 998 octets.")
    return None


def _local(code: int, enhanced: str, text: str) -> Result:
    return Result(classify(code, enhanced, text, Verb.LOCAL).outcome, code, enhanced, text, Verb.LOCAL)


def _offers(text: str) -> dict[str, str]:
    """Extensions of an EHLO reply by name, with their parameters; the first line is a greeting."""
    lines = [line.partition(" ") for line in text.split("\n")[1:]]
    return {name.upper(): rest.strip() for name, _, rest in lines}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _enhanced(code: int, text: str) -> str:
    found = _ENHANCED.match(text)
    return found[1] if found and found[1][0] == str(code)[0] else ""


def _clean(text: str) -> str:
    return _CONTROLS.sub(" ", text).strip()[:TEXT_CHARACTERS]
