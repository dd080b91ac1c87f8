"""A person's consents as other programs read them: records after ISO/IEC TS 27560:2023, receipts after Kantara v1.1.0.

Both only repeat what the ledger's events say, for those who read such records; the proof are the events. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.accounts.rules.brand import Brand
from app.consent.rules import Basis, Kind, State

ISO: Final = "ISO/IEC TS 27560:2023"
KANTARA: Final = "KI-CR-v1.1.0"
WITHDRAWAL: Final = (
    "One click in every mail (RFC 8058), the page that every mail leads to, or a reply with “stop”."
)
RIGHTS: Final = (
    "Access, correction, erasure, objection and complaint to an authority (GDPR art. 12 to 22, 77)."
)
_STATES: Final = {
    Kind.REQUESTED: "ConsentRequested",
    Kind.DOI_MAIL_SENT: "ConsentRequested",
    Kind.AUTHORISED: "ConsentRequested",
    Kind.CONFIRMED: "ConsentGiven",
    Kind.RE_CONFIRMED: "RenewedConsentGiven",
    Kind.CHANGED: "ConsentGiven",
    Kind.WITHDRAWN: "ConsentWithdrawn",
    Kind.OBJECTED: "ConsentWithdrawn",
    Kind.EXPIRED: "ConsentExpired",
    Kind.IMPORTED: "ConsentUnknown",
    Kind.CORRECTED: "ConsentInvalidated",
    Kind.SUPPRESSED: "ConsentInvalidated",
    Kind.CANCELLED: "ConsentRefused",
    Kind.ERASED: "ConsentInvalidated",
    Kind.GRANTED: "ConsentGiven",
    Kind.LAPSED: "ConsentExpired",
    Kind.MERGED: "ConsentUnknown",
    Kind.UNMERGED: "ConsentUnknown",
}
_WITHOUT_CONSENT: Final = {Kind.GRANTED: "OtherBasisRecorded", Kind.LAPSED: "OtherBasisExpired"}
_METHODS: Final = {
    Kind.CONFIRMED: "Web form, confirmed by the button behind a mailed link (double opt-in)",
    Kind.RE_CONFIRMED: "Web form, confirmed by the button behind a mailed link (double opt-in)",
    Kind.CHANGED: "The person's own page",
    Kind.IMPORTED: "Brought in from a file; claimed by whoever uploaded it",
    Kind.GRANTED: "Entered with its evidence by whoever is named",
}


@dataclass(frozen=True, slots=True)
class Told:
    """An event as its canonical body and its personal part say it."""

    body: Mapping[str, Any]
    personal: Mapping[str, Any]

    @property
    def kind(self) -> Kind:
        """What it says."""
        return Kind(self.body["kind"])

    @property
    def is_yes(self) -> bool:
        """Whether it gave a permission."""
        return self.kind in _METHODS and self.body.get("state") == State.YES

    @property
    def is_consent(self) -> bool:
        """Whether it rests on the person's consent, and not on another ground."""
        return bool(self.body.get("basis", Basis.CONSENT) == Basis.CONSENT)

    @property
    def interests(self) -> frozenset[str]:
        """The ids of what it is about."""
        return frozenset(str(found["id"]) for found in self.body.get("interests") or ())


def records(told: Sequence[Told], brand: Brand) -> list[dict[str, Any]]:
    """One record for each yes, oldest first, with all events that led to it or changed it."""
    return [_record(yes, told, brand) for yes in told if yes.is_yes]


def receipts(told: Sequence[Told], brand: Brand, public_key: str) -> list[dict[str, Any]]:
    """One receipt for each consent, oldest first; other grounds have none."""
    return [_receipt(yes, told, brand, public_key) for yes in told if yes.is_yes and yes.is_consent]


def _record(yes: Told, told: Sequence[Told], brand: Brand) -> dict[str, Any]:
    body, controller = yes.body, _controller(yes, told, brand)
    return {
        "schema_version": ISO,
        "record_id": body["id"],
        "receipt_id": body["id"],
        "pii_principal_id": _principal(yes, told),
        "pii_processing": {
            "privacy_notice": _notice(yes, told, brand),
            "language": _language(yes, told),
            "texts": _shown(yes, told).get("texts") or [],
            "purposes": [_purpose(yes, body["workspace"])],
        },
        "party_identification": [
            {
                "party_id": body["workspace"],
                "party_name": controller["name"],
                "party_address": controller["address"],
                "party_email": controller["contact"] or "",
                "party_url": brand.site or "",
                "party_contact": controller["contact"] or controller["name"],
                "party_type": "organisation",
                "party_role": "PII controller",
            }
        ],
        "consent_events": [_event(found) for found in told if _concerns(found, yes)],
    }


def _purpose(yes: Told, controller_id: str) -> dict[str, Any]:
    body = yes.body
    purpose = body.get("purpose") or {}
    return {
        "purpose": purpose.get("key", ""),
        "purpose_version": purpose.get("version"),
        "purpose_type": "Direct marketing" if purpose.get("key") == "marketing" else "Measurement",
        "lawful_basis": body.get("basis") or "consent",
        "pii_information": [{"pii_type": _pii(yes), "pii_optional": False, "sensitive_pii_category": False}],
        "pii_controllers": [controller_id],
        "collection_method": _METHODS[yes.kind],
        "processing_method": f"Messages by {body.get('channel', 'email')}",
        "storage_locations": [body.get("storage") or "not stated"],
        "retention_period": body.get("retention") or "not stated",
        "services": [found["name"] for found in body.get("interests") or ()],
        "jurisdiction": body.get("rule_set") or "default",
        "recipient_third_parties": [] if body.get("recipients") in (None, "none") else [body["recipients"]],
        "withdrawal_method": WITHDRAWAL,
        "privacy_rights": RIGHTS,
    }


def _event(found: Told) -> dict[str, Any]:
    body = found.body
    until = (body.get("validity") or {}).get("until")
    return {
        "event_id": body["id"],
        "event_time": body["received_at"],
        "validity_duration": f"until {until}" if until else "until withdrawn",
        "entity_id": body["actor"]["id"] or body["actor"]["kind"],
        "event_type": body["kind"],
        "event_state": _state(found),
    }


def _state(found: Told) -> str:
    if found.kind is Kind.CHANGED and found.body.get("state") == State.NO:
        return "ConsentWithdrawn"
    if found.kind is Kind.ERASED and found.body.get("reason") == "retention":
        return "PersonalDataErased"
    if found.kind in _WITHOUT_CONSENT and not found.is_consent:
        return _WITHOUT_CONSENT[found.kind]
    return _STATES[found.kind]


def _receipt(yes: Told, told: Sequence[Told], brand: Brand, public_key: str) -> dict[str, Any]:
    body, controller = yes.body, _controller(yes, told, brand)
    purpose = body.get("purpose") or {}
    return {
        "version": KANTARA,
        "jurisdiction": body.get("rule_set") or "default",
        "consentTimestamp": int(datetime.fromisoformat(body["received_at"]).timestamp()),
        "collectionMethod": _METHODS[yes.kind],
        "consentReceiptID": body["id"],
        "publicKey": public_key,
        "language": _language(yes, told),
        "piiPrincipalId": _principal(yes, told),
        "piiControllers": [
            {
                "piiController": controller["name"],
                "onBehalf": False,
                "contact": controller["contact"] or controller["name"],
                "address": {"streetAddress": controller["address"]},
                "email": controller["contact"] or "",
                "phone": "",
            }
        ],
        "policyUrl": _notice(yes, told, brand) or brand.site or "",
        "services": [
            {
                "service": name,
                "purposes": [
                    {
                        "purpose": purpose.get("key", ""),
                        "purposeCategory": ["Direct marketing" if purpose.get("key") == "marketing" else "Measurement"],
                        "consentType": "EXPLICIT" if yes.kind is not Kind.IMPORTED else "CLAIMED",
                        "piiCategory": [_pii(yes)],
                        "primaryPurpose": True,
                        "termination": WITHDRAWAL,
                        "thirdPartyDisclosure": body.get("recipients") not in (None, "none"),
                    }
                ],
            }
            for name in [found["name"] for found in body.get("interests") or ()] or [controller["name"]]
        ],
        "sensitive": False,
        "spiCat": [],
    }  # fmt: skip


def _concerns(found: Told, yes: Told) -> bool:
    """Whether an event led to this yes, or is about something that it gave."""
    body = yes.body
    if body["id"] in (found.body["id"], found.body.get("undoes")) or found.kind is Kind.ERASED:
        return True
    if body.get("request") and found.body.get("request") == body["request"]:
        return True
    if found.body.get("channel") not in (None, body.get("channel")):
        return False
    if not yes.interests:
        return found.body.get("purpose") == body.get("purpose") and not found.interests
    return bool(found.interests & yes.interests) or found.kind in (Kind.OBJECTED, Kind.SUPPRESSED)


def _asked(yes: Told, told: Sequence[Told]) -> Told | None:
    return next((found for found in told if found.body["id"] == yes.body.get("asked_by")), None)


def _shown(yes: Told, told: Sequence[Told]) -> Mapping[str, Any]:
    asked = _asked(yes, told)
    return yes.body if yes.body.get("texts") or asked is None else asked.body


def _notice(yes: Told, told: Sequence[Told], brand: Brand) -> str:
    """The privacy notice that held then; of events that name none, today's."""
    asked = _asked(yes, told)
    kept = yes.body.get("privacy_notice") or (asked.body.get("privacy_notice") if asked else "")
    return str(kept or brand.privacy_url or "")


def _language(yes: Told, told: Sequence[Told]) -> str:
    asked = _asked(yes, told)
    return str(yes.body.get("language") or (asked.body.get("language") if asked else "") or "en")


def _principal(yes: Told, told: Sequence[Told]) -> str:
    asked = _asked(yes, told)
    address = yes.personal.get("address") or (asked.personal.get("address") if asked else "")
    return str(address or yes.body["contact"])


def _controller(yes: Told, told: Sequence[Told], brand: Brand) -> dict[str, Any]:
    """Who asked, as the event has kept it; for events that keep none, who asks now."""
    asked = _asked(yes, told)
    kept = yes.body.get("controller") or (asked.body.get("controller") if asked else None)
    return dict(
        kept or {"name": brand.name, "address": brand.postal_address, "contact": brand.contact_email or ""}
    )


def _pii(yes: Told) -> str:
    channel = str(yes.body.get("channel") or "email")
    return {"email": "Email address", "post": "Postal address", "web": "Device"}.get(channel, "Phone number")
