"""Mail after mail over one open connection, as RFC 2920 lets commands overlap. Nothing here waits.

Where the server offers PIPELINING, the final dot of one mail and the whole envelope of the next leave together, so a
mail costs one round trip. Where it does not, the same steps go out one by one. Replies come in the order of
the commands, whatever fails: the list of what is expected says whose each one is.

The dot leaves a moment after the last octet of its mail, once nothing was heard meanwhile: a server that speaks or
hangs up in the middle of a mail leaves no doubt about it. What breaks later does.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from app.delivery.transports.base import Result, Verb
from app.delivery.transports.replies import Nonsense, ReplyReader, local, result_of, sent
from app.delivery.transports.settings import Timeouts

LINE_OCTETS: Final = 998
NOT_YET: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_READ: Final = 64 * 1024
_NOTHING: Final = memoryview(b"")
_CLOSING: Final = 421
_DONE: Final = 250
_GO_ON: Final = 354
_PATH = re.compile(r"[^\x00-\x20\x7f-\xa0<>\u2028\u2029]+@[A-Za-z0-9.-]+")


@dataclass(slots=True, eq=False)
class Mail:
    """One mail to one recipient.

    Attributes:
        envelope_from: the return path; empty for a mail that must not bounce.
        rcpt: the recipient's mailbox.
        data: the mail, CRLF only.
        smtputf8: an address or a header needs RFC 6531.
        is_sound: our own encoder made it: ASCII, lines within their limit, none begins with a dot, CRLF at its end.
        good_until: ``time.monotonic()`` after which its MAIL may not leave any more.
        tag: whatever the caller knows it by.
    """

    envelope_from: str
    rcpt: str
    data: bytes
    smtputf8: bool = False
    is_sound: bool = False
    good_until: float = float("inf")
    tag: Any = None
    refused: Result | None = field(default=None, repr=False)
    """The first no to its envelope."""


Ended = tuple[Mail, Result | None]
"""A mail with what became of it; None: it is not to blame and nothing of its body left, so it may go another way."""


class Exchange:
    """The dialogue after greeting and signing in. Not shared between threads."""

    def __init__(
        self,
        line: socket.socket,
        offers: dict[str, str],
        timeouts: Timeouts,
        before_body: Callable[[Mail], None],
        after_answer: Callable[[Mail, Result], None],
    ) -> None:
        """Take over an open line.

        Args:
            line: connected, greeted, signed in.
            offers: the server's extensions by name, with their parameters.
            timeouts: longest waits.
            before_body: told right before the first octet of a mail goes out.
            after_answer: told as soon as it is known what became of a mail whose octets had begun to go out.
        """
        line.setblocking(False)
        self._line = line
        self._offers = offers
        self.is_overlapping = "PIPELINING" in offers
        """Whether the next envelope may leave with a dot."""
        self._times = timeouts
        self._before_body = before_body
        self._after_answer = after_answer
        self._replies = ReplyReader()
        self._waiting: deque[Mail] = deque()
        self._commands: deque[tuple[Verb, bytes, Mail]] = deque()
        """Of the envelope in hand, not yet sent."""
        self._expected: deque[tuple[Verb, Mail]] = deque()
        self._out = _NOTHING
        self._body: Mail | None = None
        """Whose octets are leaving, or have left, without the dot."""
        self._needs_reset = False
        self._is_closing = False
        self._since = time.monotonic()
        """When the server last did what it should."""
        self._in_hand = 0
        """Mails that have begun to leave and have no end yet."""
        self._ended: list[Ended] = []
        self.is_broken = False
        """Nothing more can be sent over it."""
        self.taken = 0
        """Mails whose MAIL went out."""

    @property
    def is_idle(self) -> bool:
        """Nothing in hand and nothing expected."""
        return not (self._waiting or self._expected or self._commands or self._body)

    @property
    def head(self) -> Mail | None:
        """Whom the server is at."""
        if self._expected:
            return self._expected[0][1]
        return self._body or (self._commands[0][2] if self._commands else None)

    @property
    def is_blocked(self) -> bool:
        """Whether octets wait until the line takes more."""
        return bool(self._out)

    @property
    def is_ready(self) -> bool:
        """Whether ``proceed`` has something to do once the line was looked at."""
        return self._body is not None and not self._out

    @property
    def begun(self) -> int:
        """How many mails it has that have no end yet."""
        return len(self._waiting) + self._in_hand

    def put(self, mails: list[Mail]) -> None:
        """Send these when their turn comes."""
        self._waiting.extend(mails)
        self._begin_envelope()

    @property
    def has_ended(self) -> bool:
        """Whether something has come to an end since the last ``take_ended``."""
        return bool(self._ended)

    def take_ended(self) -> list[Ended]:
        """What has come to an end since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def on_readable(self) -> None:
        """Read what the server says and go on."""
        try:
            while True:
                octets = self._line.recv(_READ)
                if not octets:
                    self._break("The server closed the connection.")
                    return
                self._since = time.monotonic()
                for code, text in self._replies.feed(octets):
                    self._on_reply(code, text)
                    if self.is_broken:
                        return
                if len(octets) < _READ and not self._has_pending():
                    return
        except NOT_YET:
            return
        except (OSError, Nonsense) as error:
            self._break(str(error) or type(error).__name__)

    def on_writable(self) -> None:
        """Send what waits."""
        self._send()

    def proceed(self) -> None:
        """Send the dot that the last look at the line has cleared, and the next envelope behind it."""
        mail = self._body
        if mail is None or self._out or self.is_broken:
            return
        self._body = None
        self._expect(Verb.DOT, mail)
        self._say(b".\r\n" + self._next_envelope() if self.is_overlapping else b".\r\n")

    def check_time(self, now: float) -> None:
        """Give the server up when it has been silent for too long, and take back what comes too late behind it."""
        if self._waiting and now > self._waiting[0].good_until:
            self.return_waiting()
        if not self.is_idle and now > self._since + self._patience():
            is_body = self._body is not None
            self._break("The server took no more of the mail." if is_body else "The server did not answer in time.")

    def return_waiting(self) -> None:
        """Hand back what has not begun to leave."""
        self._ended += [(mail, None) for mail in self._waiting]
        self._waiting.clear()

    def say_goodbye(self) -> None:
        """Send QUIT, for an idle line."""
        with contextlib.suppress(OSError):
            self._line.send(b"QUIT\r\n")

    def await_goodbye(self, seconds: float) -> None:
        """Give the server so long to answer QUIT."""
        with contextlib.suppress(OSError):
            self._line.settimeout(max(seconds, 0))
            self._line.recv(_READ)

    # What goes out.

    def _begin_envelope(self) -> None:
        if not (self._expected or self._commands or self._body or self._is_closing or self.is_broken):
            octets = self._next_envelope()
            if octets:
                self._say(octets)

    def _next_envelope(self) -> bytes:
        """The commands of the next mail: all of them, or the first one where they go one by one."""
        mail = self._next_mail()
        if mail is None:
            return b""
        self.taken += 1
        self._in_hand += 1
        envelope = [
            (Verb.MAIL, self._mail_command(mail), mail),
            (Verb.RCPT, b"RCPT TO:<%b>\r\n" % mail.rcpt.encode(), mail),
            (Verb.DATA, b"DATA\r\n", mail),
        ]
        if self._needs_reset:
            envelope.insert(0, (Verb.RSET, b"RSET\r\n", mail))
            self._needs_reset = False
        if not self.is_overlapping:
            self._commands.extend(envelope)
            return self._next_command()
        if not self._expected:
            self._since = time.monotonic()
        self._expected.extend([(verb, mail) for verb, _, _ in envelope])
        return b"".join([command for _, command, _ in envelope])

    def _next_command(self) -> bytes:
        verb, command, mail = self._commands.popleft()
        self._expect(verb, mail)
        return command

    def _next_mail(self) -> Mail | None:
        now = time.monotonic()
        while self._waiting:
            mail = self._waiting.popleft()
            if now > mail.good_until:
                self._ended.append((mail, None))
                continue
            refused = refuse(mail) or self._refuse_by_offers(mail)
            if refused is None:
                return mail
            self._ended.append((mail, refused))
        return None

    def _mail_command(self, mail: Mail) -> bytes:
        command = b"MAIL FROM:<%b>" % mail.envelope_from.encode()
        if "SIZE" in self._offers:
            command += b" SIZE=%d" % len(mail.data)
        if not mail.is_sound and not mail.data.isascii() and "8BITMIME" in self._offers:
            command += b" BODY=8BITMIME"
        if _needs_utf8(mail):
            command += b" SMTPUTF8"
        return command + b"\r\n"

    def _refuse_by_offers(self, mail: Mail) -> Result | None:
        if _needs_utf8(mail) and "SMTPUTF8" not in self._offers:
            return local(550, "5.6.7", "The server cannot take addresses beyond ASCII (SMTPUTF8).")
        if not mail.is_sound and "8BITMIME" not in self._offers and not mail.data.isascii():
            return local(550, "5.6.7", "The server cannot take 8-bit mail (8BITMIME).")
        size = self._offers.get("SIZE", "")
        if size.isdecimal() and 0 < int(size) < len(mail.data):
            return local(552, "5.3.4", f"The mail has {len(mail.data)} octets, the server takes {size}.")
        return None

    def _send_body(self, mail: Mail) -> None:
        self._body = mail
        try:
            self._before_body(mail)
        except BaseException as error:
            # It could not be noted, so nothing of it leaves.
            self._body = None
            self._end(mail, result_of(None, str(error) or type(error).__name__, Verb.BODY))
            self._break("The connection is closed.")
            raise
        self._say(mail.data if mail.is_sound else stuffed(mail.data))

    def _say(self, octets: bytes) -> None:
        self._out = memoryview(bytes(self._out) + octets) if self._out else memoryview(octets)
        self._send()

    def _send(self) -> None:
        try:
            while self._out:
                count = self._line.send(self._out)
                self._since = time.monotonic()
                if count == len(self._out):
                    self._out = _NOTHING
                    return
                self._out = self._out[count:]
        except NOT_YET:
            return
        except OSError as error:
            self._hear_last_words(str(error) or type(error).__name__)

    # What comes back.

    def _expect(self, verb: Verb, mail: Mail) -> None:
        if not self._expected:
            self._since = time.monotonic()
        self._expected.append((verb, mail))

    def _on_reply(self, code: int, text: str) -> None:
        if not self._expected:
            self._is_closing = self._is_closing or code == _CLOSING
            self._on_interruption(code, text)
            return
        verb, mail = self._expected.popleft()
        if code == _DONE and (verb is Verb.MAIL or verb is Verb.RCPT):
            if self._commands:
                self._say(self._next_command())
            return
        self._is_closing = self._is_closing or code == _CLOSING
        if verb is Verb.DOT:
            self._on_end(mail, code, text)
        elif verb is Verb.DATA:
            self._on_data(mail, code, text)
        else:
            self._on_envelope(verb, mail, code, text)
        if self._is_closing:
            self._break(text)

    def _on_envelope(self, verb: Verb, mail: Mail, code: int, text: str) -> None:
        if code // 100 != 2:
            if verb is Verb.RSET:
                mail.refused = result_of(None, "The server did not forget the mail before.", Verb.RSET)
                self._break(text)
                return
            mail.refused = mail.refused or result_of(code, text, verb)
            self._needs_reset = self._needs_reset or verb is not Verb.MAIL
            if self._commands and not self._is_closing:
                # One by one: what belongs to a refused envelope is not even asked.
                self._commands.clear()
                self._refuse_current(mail)
                return
        if self._commands:
            self._say(self._next_command())

    def _on_data(self, mail: Mail, code: int, text: str) -> None:
        if code == _GO_ON and mail.refused is None:
            self._send_body(mail)
        elif code == _GO_ON:
            # RFC 2920 3.1: it waits for a mail to nobody.
            self._expect(Verb.DOT, mail)
            self._say(b".\r\n")
        else:
            self._needs_reset = True
            mail.refused = mail.refused or result_of(code, text, Verb.DATA)
            self._refuse_current(mail)

    def _refuse_current(self, mail: Mail) -> None:
        self._end(mail, mail.refused)
        self._begin_envelope()

    def _end_with_body(self, mail: Mail, result: Result) -> None:
        # Before anything else happens on this line: then a death leaves doubt about one mail of it.
        self._after_answer(mail, result)
        self._end(mail, result)

    def _end(self, mail: Mail, result: Result | None) -> None:
        self._in_hand -= 1
        self._ended.append((mail, result))

    def _on_end(self, mail: Mail, code: int, text: str) -> None:
        if mail.refused is not None:
            self._end(mail, mail.refused)
        elif code // 100 == 2:
            self._end_with_body(mail, sent(code, text))
        else:
            self._end_with_body(mail, result_of(code, text, Verb.DOT))
        self._begin_envelope()

    def _on_interruption(self, code: int, text: str) -> None:
        """Words that nobody asked for: they end the mail whose octets are leaving, and the connection."""
        mail, self._body = self._body, None
        if mail is not None and code >= 400:
            self._end_with_body(mail, result_of(code, text, Verb.BODY))
        elif mail is not None:
            self._end_with_body(mail, result_of(None, "The server spoke in the middle of the mail.", Verb.BODY))
        self._break(text)

    def _hear_last_words(self, fault: str) -> None:
        """A server may say why before it hangs up."""
        try:
            for code, text in self._replies.feed(self._line.recv(_READ)):
                self._on_reply(code, text)
        except (OSError, Nonsense):
            pass
        self._break(fault)

    def _break(self, fault: str) -> None:
        if self.is_broken:
            return
        self.is_broken = True
        self._out = _NOTHING
        body, self._body = self._body, None
        if body is not None:
            self._end_with_body(body, result_of(None, fault, Verb.BODY))
        in_hand = [*self._expected, *((verb, mail) for verb, _, mail in self._commands)]
        told: set[int] = set() if body is None else {id(body)}
        for verb, mail in in_hand:
            if id(mail) not in told:
                # The first one is where it broke. What is behind it is not to blame, and nothing of it has left.
                self._end(mail, mail.refused or (None if told else result_of(None, fault, verb)))
                told.add(id(mail))
        self._expected.clear()
        self._commands.clear()
        self.return_waiting()

    def _patience(self) -> float:
        if not self._expected:
            return self._times.block
        verb = self._expected[0][0]
        if verb is Verb.DOT:
            return self._times.dot
        return self._times.data if verb is Verb.DATA else self._times.command

    def _has_pending(self) -> bool:
        return isinstance(self._line, ssl.SSLSocket) and self._line.pending() > 0


def refuse(mail: Mail) -> Result | None:
    """What must never leave: addresses that would be commands, lines that would end a mail early or never."""
    if not _PATH.fullmatch(mail.rcpt) or (mail.envelope_from and not _PATH.fullmatch(mail.envelope_from)):
        return local(553, "5.1.3", "This is not an address that can stand in a command.")
    if mail.is_sound:
        return None
    lines = mail.data.split(b"\r\n")
    if any(b"\r" in line or b"\n" in line for line in lines):
        return local(554, "5.6.0", "The mail holds a bare CR or LF.")
    if max(map(len, lines)) > LINE_OCTETS:
        return local(554, "5.6.0", "The mail holds a line of more than 998 octets.")
    return None


def stuffed(data: bytes) -> bytes:
    """A mail as it goes on the wire: dots doubled where a line begins with one, CRLF at its end."""
    octets = data.replace(b"\r\n.", b"\r\n..")
    octets = b"." + octets if octets.startswith(b".") else octets
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def _needs_utf8(mail: Mail) -> bool:
    return mail.smtputf8 or not (mail.rcpt.isascii() and mail.envelope_from.isascii())

