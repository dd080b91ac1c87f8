"""The verbs of tracking: put links into a mail, take hits in, forget."""

from app.tracking.rules.kinds import SignalKind
from app.tracking.service import own_kinds
from app.tracking.service.acts import Act, Recorded, record_acts
from app.tracking.service.care import erase, forget_programs
from app.tracking.service.ingest import MAX_BATCH, Ingested, ingest_batch
from app.tracking.service.links import (
    NOBODY,
    configure,
    hidden_url,
    links_before,
    links_for,
    pixel_url,
    register,
    token,
)
from app.tracking.service.months import gather_statistics
from app.tracking.service.months import make as make_months
from app.tracking.service.recipients import Recipient, Resolver, set_resolver
from app.tracking.service.sources import note_answered

__all__ = [
    "MAX_BATCH", "NOBODY", "Act", "Ingested", "Recipient", "Recorded", "Resolver", "SignalKind", "configure", "erase",
    "forget_programs", "gather_statistics", "hidden_url", "ingest_batch", "links_before", "links_for", "make_months", "note_answered", "own_kinds",
    "pixel_url", "record_acts", "register", "set_resolver", "token",
]  # fmt: skip
