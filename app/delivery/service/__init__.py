"""The verbs of sending. Each wish is a row; the workers do the rest (``pump``)."""

from app.delivery.letters import set_links
from app.delivery.rules import Prepared, ReaderLinks, Sender, Skip, SystemMail, SystemMessage
from app.delivery.service.mailings import (
    SCHEDULE,
    cancel,
    launch,
    pause,
    reschedule,
    resume,
    send_rest,
    send_test,
    send_unknown,
)
from app.delivery.service.pacing import clear_rate, own_route, reopen, set_connections, set_pace, set_rate
from app.delivery.service.senders import set_sender, set_transport, try_transport, unset_transport
from app.delivery.service.system import forget_person, resend, send_system
from app.delivery.transports.settings import Security

__all__ = [
    "SCHEDULE",
    "Prepared",
    "ReaderLinks",
    "Security",
    "Sender",
    "Skip",
    "SystemMail",
    "SystemMessage",
    "cancel",
    "clear_rate",
    "forget_person",
    "launch",
    "own_route",
    "pause",
    "reopen",
    "reschedule",
    "resend",
    "resume",
    "send_rest",
    "send_system",
    "send_test",
    "send_unknown",
    "set_connections",
    "set_links",
    "set_pace",
    "set_rate",
    "set_sender",
    "set_transport",
    "try_transport",
    "unset_transport",
]
