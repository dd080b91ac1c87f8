"""A mail server on the wire for tests: keeps what it is sent, and misbehaves when told to.

    with SmtpSink() as sink:
        sink.reply_at("RCPT", "450 4.2.1 try later", times=1)
        ...
        (message,) = sink.wait_for(1)

Steps at which it can misbehave: CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA (before 354), BODY (in the
middle of the body), DOT (after the final dot, before the answer), RSET, QUIT.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self

from app.local.supervised import free_port


@dataclass(frozen=True)
class Copy:
    """One message whose final dot arrived.

    `reply` is the answer to the dot, empty when the line was dropped instead. `mail_seen_at` and
    `seen_at` are monotonic seconds, `received_at` is the wall clock's UTC.
    """

    mail_from: str
    rcpt_to: tuple[str, ...]
    mail_options: tuple[str, ...]
    raw: bytes
    reply: str
    queue_id: str
    connection: int
    is_encrypted: bool
    mail_seen_at: float
    seen_at: float
    received_at: datetime

    @property
    def is_accepted(self) -> bool:
        return self.reply.startswith("2")

    @property
    def parsed(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)  # type: ignore[return-value]

    @property
    def message_id(self) -> str:
        return str(self.parsed["Message-ID"])

    def part(self, subtype: str) -> str:
        """Decoded text of the first part `text/<subtype>`, empty when there is none."""
        found = self.parsed.get_body((subtype,))
        return found.get_content() if found else ""


@dataclass
class Rule:
    """What happens at a step: wait, hold until released, answer otherwise, or drop the line."""

    step: str
    reply: str = ""
    delay_seconds: float = 0
    is_drop: bool = False
    gate: threading.Event | None = None
    times: int | None = None
    matches: Callable[[str], bool] = lambda argument: True
    reached: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let those go on who are held here."""
        assert self.gate is not None
        self.gate.set()


class SmtpSink:
    """A threaded SMTP server on a loopback port that stays the same over `stop` and `start`."""

    def __init__(
        self,
        port: int | None = None,
        *,
        extensions: tuple[str, ...] = (
            "PIPELINING",
            "8BITMIME",
            "SMTPUTF8",
            "SIZE 33554432",
            "ENHANCEDSTATUSCODES",
        ),
        credentials: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.port = port or free_port()
        self.extensions = extensions
        self.credentials = credentials
        self.tls = tls
        self.copies: list[Copy] = []
        self.commands: list[str] = []
        self._rules: list[Rule] = []
        self._changed = threading.Condition()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def messages(self) -> list[Copy]:
        """Copies that were accepted."""
        return [copy for copy in list(self.copies) if copy.is_accepted]

    def to(self, recipient: str) -> list[Copy]:
        """Accepted copies for one recipient."""
        return [copy for copy in self.messages if recipient in copy.rcpt_to]

    def start(self) -> None:
        """Listen, again on the same port after `stop`."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections and cut those that are open, as a killed server would."""
        if self._listener is not None:
            # close() alone does not wake a thread that waits in accept()
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for rule in self._rules:
            if rule.gate is not None:
                rule.gate.set()
        self.cut_connections()

    def cut_connections(self) -> None:
        """Cut the open connections and go on listening."""
        for connection in list(self._open):
            _cut(connection)

    def clear(self) -> None:
        """Forget messages, commands and rules."""
        with self._changed:
            self.copies.clear()
            self.commands.clear()
            self._rules.clear()

    def go_on(self) -> None:
        """Forget the rules: behave from now on."""
        self._rules.clear()

    def reply_at(
        self, step: str, reply: str, *, times: int | None = None, matches: Callable[[str], bool] | None = None
    ) -> Rule:
        """Answer `reply` at a step, for arguments that match, so many times (None: always)."""
        return self._add(Rule(step, reply=reply, times=times), matches)

    def delay_at(self, step: str, seconds: float, *, times: int | None = None) -> Rule:
        """Wait before going on at a step."""
        return self._add(Rule(step, delay_seconds=seconds, times=times))

    def drop_at(
        self, step: str, *, times: int | None = 1, matches: Callable[[str], bool] | None = None
    ) -> Rule:
        """Cut the line at a step."""
        return self._add(Rule(step, is_drop=True, times=times), matches)

    def hold_at(self, step: str, *, times: int | None = 1) -> Rule:
        """Answer nothing at a step until `rule.release()`; `rule.reached` tells when a client is there."""
        return self._add(Rule(step, gate=threading.Event(), times=times))

    def wait_for(self, count: int, *, seconds: float = 20, to: str | None = None) -> list[Copy]:
        """Wait until so many copies were accepted (for one recipient) and return them.

        Raises:
            AssertionError: they did not come in time.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while len(found := self.to(to) if to else self.messages) < count:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(
                        f"{len(found)} of {count} mails within {seconds} s; saw {self.commands[-20:]}"
                    )
                self._changed.wait(left)
        return found

    def _add(self, rule: Rule, matches: Callable[[str], bool] | None = None) -> Rule:
        if matches is not None:
            rule.matches = matches
        self._rules.append(rule)
        return rule

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            dialogue = _Dialogue(self, connection, next(self._numbers))
            threading.Thread(target=dialogue.run, daemon=True).start()

    def _rules_at(self, step: str, argument: str) -> list[Rule]:
        with self._changed:
            chosen = []
            for rule in self._rules:
                if rule.step == step and rule.times != 0 and rule.matches(argument):
                    if rule.times is not None:
                        rule.times -= 1
                    chosen.append(rule)
            return chosen

    def _keep(self, copy: Copy) -> None:
        with self._changed:
            self.copies.append(copy)
            self._changed.notify_all()


class _LineCutError(Exception):
    """The line is to be cut."""


class _Dialogue:
    """One connection."""

    def __init__(self, sink: SmtpSink, connection: socket.socket, number: int) -> None:
        self.sink = sink
        self.connection = connection
        self.number = number
        self.is_encrypted = False
        self.is_signed_in = sink.credentials is None
        self._reader = connection.makefile("rb")
        self._reset()

    def run(self) -> None:
        self.sink._open.add(self.connection)
        try:
            if self._step("CONNECT", "", "220 sink.test ESMTP").startswith("2"):
                while self._command():
                    pass
        except (_LineCutError, OSError, ValueError):
            pass
        finally:
            self.sink._open.discard(self.connection)
            _cut(self.connection)

    def _reset(self) -> None:
        self.mail_from: str | None = None
        self.mail_options: tuple[str, ...] = ()
        self.rcpt_to: list[str] = []
        self.mail_seen_at = 0.0

    def _command(self) -> bool:
        line = self._reader.readline()
        if not line:
            return False
        text = line.decode("utf-8", "replace").strip()
        self.sink.commands.append(text)
        verb, _, argument = text.partition(" ")
        handler = getattr(self, f"_on_{verb.lower()}", None)
        if handler is None:
            self._say("500 5.5.2 what?")
        else:
            handler(argument)
        return verb.upper() != "QUIT"

    def _on_ehlo(self, argument: str) -> None:
        offers = list(self.sink.extensions)
        if self.sink.tls and not self.is_encrypted:
            offers.append("STARTTLS")
        if self.sink.credentials:
            offers.append("AUTH PLAIN LOGIN")
        lines = ["sink.test", *offers]
        self._reset()
        self._step(
            "EHLO", argument, "\r\n".join(f"250-{line}" for line in lines[:-1]) + f"\r\n250 {lines[-1]}"
        )

    def _on_helo(self, argument: str) -> None:
        self._reset()
        self._step("EHLO", argument, "250 sink.test")

    def _on_starttls(self, argument: str) -> None:
        if self.sink.tls is None:
            self._say("502 5.5.1 no TLS here")
        elif self._step("STARTTLS", argument, "220 2.0.0 go ahead").startswith("2"):
            self.sink._open.discard(self.connection)
            self.connection = self.sink.tls.wrap_socket(self.connection, server_side=True)
            self.sink._open.add(self.connection)
            self._reader = self.connection.makefile("rb")
            self.is_encrypted = True
            self._reset()

    def _on_auth(self, argument: str) -> None:
        if self.sink.credentials is None:
            self._say("502 5.5.1 nobody needs to sign in")
            return
        kind, _, initial = argument.partition(" ")
        if kind.upper() == "PLAIN":
            word = initial or self._ask("334 ")
            given = tuple(base64.b64decode(word).decode().split("\0")[1:])
        else:
            user = initial or self._ask("334 VXNlcm5hbWU6")
            given = (
                base64.b64decode(user).decode(),
                base64.b64decode(self._ask("334 UGFzc3dvcmQ6")).decode(),
            )
        is_right = given == self.sink.credentials
        answer = "235 2.7.0 welcome" if is_right else "535 5.7.8 wrong name or password"
        self.is_signed_in = self._step("AUTH", given[0] if given else "", answer).startswith("2")

    def _on_mail(self, argument: str) -> None:
        address, options = _path(argument)
        self.mail_seen_at = time.monotonic()
        wanted = "250 2.1.0 sender ok" if self.is_signed_in else "530 5.7.0 sign in first"
        if self._step("MAIL", address, wanted).startswith("2"):
            self.mail_from, self.mail_options, self.rcpt_to = address, options, []

    def _on_rcpt(self, argument: str) -> None:
        address, _ = _path(argument)
        wanted = "503 5.5.1 MAIL first" if self.mail_from is None else "250 2.1.5 recipient ok"
        if self._step("RCPT", address, wanted).startswith("2"):
            self.rcpt_to.append(address)

    def _on_data(self, argument: str) -> None:
        wanted = "354 go ahead" if self.rcpt_to else "554 5.5.1 no valid recipients"
        if self._step("DATA", argument, wanted).startswith("3"):
            raw = self._read_body()
            self._finish(raw)

    def _read_body(self) -> bytes:
        lines = []
        while (line := self._reader.readline()) != b".\r\n":
            if not line:
                raise _LineCutError
            if not lines:
                self._apply("BODY", ",".join(self.rcpt_to))
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _finish(self, raw: bytes) -> None:
        queue_id = f"{self.number:04X}{len(self.sink.copies) + 1:06X}"
        try:
            reply = self._apply("DOT", ",".join(self.rcpt_to)) or f"250 2.0.0 Ok: queued as {queue_id}"
        except _LineCutError:
            self._keep(raw, "", queue_id)
            raise
        # Stored before the answer, so that a client that has the answer finds the message here.
        self._keep(raw, reply, queue_id)
        self._reset()
        self._say(reply)

    def _keep(self, raw: bytes, reply: str, queue_id: str) -> None:
        self.sink._keep(
            Copy(
                self.mail_from or "", tuple(self.rcpt_to), self.mail_options, raw, reply, queue_id, self.number,
                self.is_encrypted, self.mail_seen_at, time.monotonic(), _clock(),
            )
        )  # fmt: skip

    def _on_rset(self, argument: str) -> None:
        self._reset()
        self._step("RSET", argument, "250 2.0.0 ok")

    def _on_noop(self, argument: str) -> None:
        self._say("250 2.0.0 ok")

    def _on_quit(self, argument: str) -> None:
        self._step("QUIT", argument, "221 2.0.0 bye")

    def _step(self, step: str, argument: str, usual: str) -> str:
        reply = self._apply(step, argument) or usual
        self._say(reply)
        return reply

    def _apply(self, step: str, argument: str) -> str:
        reply = ""
        for rule in self.sink._rules_at(step, argument):
            time.sleep(rule.delay_seconds)
            rule.reached.set()
            if rule.gate is not None:
                rule.gate.wait()
            if rule.is_drop:
                raise _LineCutError
            reply = rule.reply or reply
        return reply

    def _ask(self, prompt: str) -> str:
        self._say(prompt)
        return self._reader.readline().decode().strip()

    def _say(self, reply: str) -> None:
        self.connection.sendall(reply.encode() + b"\r\n")


def _clock() -> datetime:
    return datetime.now(UTC)


def _path(argument: str) -> tuple[str, tuple[str, ...]]:
    """Address and options of `FROM:<a@b> X=Y` or `TO:<a@b>`."""
    path, _, options = argument.partition(">")
    return path.partition("<")[2], tuple(options.split())


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
