"""The verbs of sending. Each wish is a row; the workers do the rest (``pump``)."""

from app.delivery.dkim_records import Record, Verdict, dmarc_record, spf_record
from app.delivery.editions import BOUNCES
from app.delivery.letters import set_links
from app.delivery.narrowing import install as narrow_by
from app.delivery.narrowing import part as part_of
from app.delivery.narrowing import slot_sql
from app.delivery.rules import Prepared, ReaderLinks, ReaderTokens, Sender, Skip, SystemMail, SystemMessage
from app.delivery.service.domains import (
    check_domain,
    make_keys,
    remove_keys,
    set_published,
    stand,
    switch_off,
    switch_on,
)
from app.delivery.service.limits import set_contact_limits
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
from app.delivery.service.rehearsal import USUAL_ADDRESS, USUAL_NAME, Copy, Rehearsal, envelope_fault
from app.delivery.service.senders import set_sender, set_transport, try_transport, unset_transport
from app.delivery.service.specimen import specimen, specimen_for
from app.delivery.service.system import Wish, follow_reach, forget_person, resend, send_system, send_system_to
from app.delivery.staff import prepare as prepare_for_staff
from app.delivery.staff import recipient_of
from app.delivery.transports.settings import Security

__all__ = [
    "BOUNCES",
    "SCHEDULE",
    "USUAL_ADDRESS",
    "USUAL_NAME",
    "Copy",
    "Prepared",
    "ReaderLinks",
    "ReaderTokens",
    "Record",
    "Rehearsal",
    "Security",
    "Sender",
    "Skip",
    "SystemMail",
    "SystemMessage",
    "Verdict",
    "Wish",
    "cancel",
    "check_domain",
    "clear_rate",
    "dmarc_record",
    "envelope_fault",
    "follow_reach",
    "forget_person",
    "launch",
    "make_keys",
    "narrow_by",
    "own_route",
    "part_of",
    "pause",
    "prepare_for_staff",
    "recipient_of",
    "remove_keys",
    "reopen",
    "reschedule",
    "resend",
    "resume",
    "send_rest",
    "send_system",
    "send_system_to",
    "send_test",
    "send_unknown",
    "set_connections",
    "set_contact_limits",
    "set_links",
    "set_pace",
    "set_published",
    "set_rate",
    "set_sender",
    "set_transport",
    "slot_sql",
    "specimen",
    "specimen_for",
    "spf_record",
    "stand",
    "switch_off",
    "switch_on",
    "try_transport",
    "unset_transport",
]
