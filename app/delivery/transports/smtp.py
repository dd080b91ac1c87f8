"""SMTP (RFC 5321) over our own socket, so that we always know at which verb an attempt ended.

What we promise: nothing but checked bytes leaves (no bare CR or LF, dots stuffed, no control character in
a command); only a silence after the final dot is doubt.
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable
from typing import Final

from app.delivery.transports.base import NotOpen, Result, Verb
from app.delivery.transports.connection import Connection
from app.delivery.transports.exchange import Exchange, Mail, refuse
from app.delivery.transports.replies import result_of
from app.delivery.transports.settings import SmtpSettings

IDLE_SECONDS: Final = 20.0
"""After so long a connection is asked whether it still lives."""
_LOOK_SECONDS: Final = 0.1


class SmtpTransport:
    """One connection to one server, mail by mail; see `base.Transport`. Not shared between threads."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._connection = Connection(settings)
        self._exchange: Exchange | None = None
        self._before_body: Callable[[], None] | None = None
        self._used_at = 0.0

    def open(self) -> None:
        """Connect, secure the line, sign in; or see that the open connection still lives.

        Raises:
            NotOpen: with the verb at which it failed.
        """
        if self._connection.is_open and not self._is_alive():
            self.close()
        if self._connection.is_open:
            return
        self._connection.open()
        self._exchange = self.exchange(
            lambda _mail: self._before_body() if self._before_body else None, lambda _mail, _result: None
        )
        self._used_at = time.monotonic()

    @property
    def connection(self) -> Connection:
        """The line itself."""
        return self._connection

    def exchange(
        self, before_body: Callable[[Mail], None], after_answer: Callable[[Mail, Result], None]
    ) -> Exchange:
        """The dialogue of the open connection, for whoever keeps many of them going at once."""
        connection = self._connection
        return Exchange(connection.line, connection.offers, self._settings.timeouts, before_body, after_answer)

    def send(
        self,
        envelope_from: str,
        rcpt: str,
        data: bytes,
        *,
        smtputf8: bool = False,
        before_body: Callable[[], None] | None = None,
        good_until: float = math.inf,
    ) -> Result:
        """Send one mail; see `base.Transport.send`."""
        mail = Mail(envelope_from, rcpt, data, smtputf8, good_until=good_until)
        refused = refuse(mail)
        if refused is not None:
            return refused
        try:
            self.open()
        except NotOpen as error:
            return error.result
        assert self._exchange is not None
        self._before_body = before_body
        try:
            return self._run(self._exchange, mail)
        except BaseException:
            self._connection.drop()
            raise
        finally:
            self._used_at = time.monotonic()
            if self._exchange.is_broken:
                self._connection.drop()

    def close(self) -> None:
        """Say QUIT and close; never raises."""
        self._connection.close()

    def _run(self, exchange: Exchange, mail: Mail) -> Result:
        line = self._connection.line
        exchange.put([mail])
        while True:
            for _, result in exchange.take_ended():
                return result or result_of(None, "It took too long until a mail could leave.", Verb.CONNECT)
            wants_write = [line] if exchange.is_blocked else []
            wait = 0 if exchange.is_ready else _LOOK_SECONDS
            readable, writable, _ = select.select([line], wants_write, [], wait)
            if readable:
                exchange.on_readable()
            elif exchange.is_ready:
                exchange.proceed()
            if writable and not exchange.is_broken:
                exchange.on_writable()
            exchange.check_time(time.monotonic())

    def _is_alive(self) -> bool:
        assert self._exchange is not None
        if self._exchange.taken >= self._settings.max_messages or self._connection.has_spoken():
            return False
        return time.monotonic() - self._used_at < IDLE_SECONDS or self._connection.answers()
