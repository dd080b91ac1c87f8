"""What preferences add to the house."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.consent.events import Confirmed
from app.delivery import service as delivery
from app.delivery.events import MessagesFinished
from app.kernel.module import Module
from app.preferences import bindings, mails
from app.preferences.pages import blueprint

if TYPE_CHECKING:
    from flask import Flask


def _configure(_: Flask) -> None:
    delivery.set_links(mails.links_of, mails.tokens_of)


MODULE = Module(
    "preferences",
    blueprints=(blueprint,),
    handlers={Confirmed: (bindings.welcome,), MessagesFinished: (bindings.keep_proof,)},
    system_mails=mails.SYSTEM_MAILS,
    on_install=_configure,
)
