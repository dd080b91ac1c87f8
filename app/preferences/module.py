"""What preferences add to the house."""

from __future__ import annotations

from app.consent.events import Confirmed
from app.delivery.events import MessagesFinished
from app.kernel.module import Module
from app.preferences import bindings, mails
from app.preferences.pages import blueprint

MODULE = Module(
    "preferences",
    blueprints=(blueprint,),
    handlers={Confirmed: (bindings.welcome,), MessagesFinished: (bindings.keep_proof,)},
    system_mails=mails.SYSTEM_MAILS,
)
