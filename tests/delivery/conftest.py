"""A database with real commits and a mail server that the pump sends to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask

from app.delivery.service import Prepared, Skip, SystemMail, SystemMessage
from app.kernel import module
from app.kernel.module import Module
from tests.support import outbox
from tests.support.make import Place
from tests.support.smtp_sink import SmtpSink


@dataclass
class Post:
    """A place to send from, and the server that takes the mails."""

    app: Flask
    sink: SmtpSink
    where: Place


@pytest.fixture
def post(live: Flask, smtp: SmtpSink) -> Post:
    outbox.use_sink(smtp)
    return Post(live, smtp, outbox.place_with_sender())


@pytest.fixture
def mails() -> Iterator[dict[str, Prepared | Skip | Exception]]:
    """What the mails ``test.<name>`` say; they stand in the registry like those of any domain."""
    says: dict[str, Prepared | Skip | Exception] = {}

    class Mails:
        def __iter__(self) -> Iterator[SystemMail]:
            for name in says:
                yield SystemMail(name, prepare_of(name))

    def prepare_of(name: str):
        def prepare(message: SystemMessage) -> Prepared | Skip:
            said = says[name]
            if isinstance(said, Exception):
                raise said
            return said

        return prepare

    module._installed["test"] = Module("test", system_mails=Mails())  # type: ignore[arg-type]
    yield says
    del module._installed["test"]
