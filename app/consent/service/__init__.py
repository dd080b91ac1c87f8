"""The verbs of permission: each writes its ledger event and the projection in the caller's one transaction.

No screen edits a permission: every change is an event.
"""

from app.consent.rules import By, Proof, Shown
from app.consent.seals import seal_now, sign_day
from app.consent.service.asking import (
    REQUEST_DAYS,
    Confirmed,
    Question,
    RequestOver,
    ask,
    ask_all,
    authorise,
    cancel_request,
    confirm,
    expire_requests,
    mark_suspect,
    record_mail,
)
from app.consent.service.claiming import Claim, ImportedFile
from app.consent.service.correcting import Corrected, correct, correct_all
from app.consent.service.granting import SLICE, PersonSaidNo, grant, lapse
from app.consent.service.importing import Imported, import_claims, preview_claims
from app.consent.service.leaving import give_back, set_tracking, stop_everything, withdraw
from app.consent.service.listing import Entered, enter_list
from app.consent.service.merging import preview
from app.consent.service.offers import (
    archive_interest,
    change_interest,
    define_interest,
    define_purposes,
    ensure_text,
    keep_last_open,
    restore_interest,
    set_notice,
    set_topic,
)
from app.consent.service.purging import NOBODY, purge_proofs
from app.consent.service.vetoes import (
    address_behind,
    address_hash,
    configure,
    erase,
    inherit,
    inherit_suppression,
    refused_address,
    suppress,
    suppress_address,
)
from app.consent.service.wishes import change_address, note_digest, set_pace
from app.consent.service.write import TOLD_COUNTRY, Held, ensure_reach, hold, hold_one

__all__ = [
    "NOBODY",
    "REQUEST_DAYS",
    "SLICE",
    "TOLD_COUNTRY",
    "By",
    "Claim",
    "Confirmed",
    "Corrected",
    "Entered",
    "Held",
    "Imported",
    "ImportedFile",
    "PersonSaidNo",
    "Proof",
    "Question",
    "RequestOver",
    "Shown",
    "address_behind",
    "address_hash",
    "archive_interest",
    "ask",
    "ask_all",
    "authorise",
    "cancel_request",
    "change_address",
    "change_interest",
    "configure",
    "confirm",
    "correct",
    "correct_all",
    "define_interest",
    "define_purposes",
    "ensure_reach",
    "ensure_text",
    "enter_list",
    "erase",
    "expire_requests",
    "give_back",
    "grant",
    "hold",
    "hold_one",
    "import_claims",
    "inherit",
    "inherit_suppression",
    "keep_last_open",
    "lapse",
    "mark_suspect",
    "note_digest",
    "preview",
    "preview_claims",
    "purge_proofs",
    "record_mail",
    "refused_address",
    "restore_interest",
    "seal_now",
    "set_notice",
    "set_pace",
    "set_topic",
    "set_tracking",
    "sign_day",
    "stop_everything",
    "suppress",
    "suppress_address",
    "withdraw",
]
