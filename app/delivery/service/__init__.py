"""The verbs of sending. Each wish is a row; the workers do the rest (``pump``)."""

from app.delivery.rules import Prepared, Sender, Skip, SystemMail, SystemMessage
from app.delivery.service.senders import set_sender, set_transport, try_transport, unset_transport
from app.delivery.service.system import forget_person, resend, send_system
from app.delivery.transports.settings import Security

__all__ = [
    "Prepared",
    "Security",
    "Sender",
    "Skip",
    "SystemMail",
    "SystemMessage",
    "forget_person",
    "resend",
    "send_system",
    "set_sender",
    "set_transport",
    "try_transport",
    "unset_transport",
]
