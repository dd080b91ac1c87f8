"""What each legal ground of a permission asks for, and until when it holds.

A ground other than the person's own double opt-in is a claim that somebody enters with its evidence. Whatever is
entered, it never stands against a person's own no.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from app.consent.rules import Basis, Channel
from app.consent.rules.jurisdictions import RuleSet


class Act(StrEnum):
    """What a person did that stands behind a ground."""

    PURCHASE = "purchase"
    INQUIRY = "inquiry"
    CONTRACT = "contract"
    DECLARATION = "declaration"


@dataclass(frozen=True, slots=True)
class Claim:
    """A ground with its evidence.

    Args:
        basis: which ground.
        act: what the person did.
        happened_at: when they did it.
        reference: what proves it: an order, a contract, a scan, a recording. Personal.
        product_class: what they bought, for soft opt-in.
        objection_offered: where they could say no when they gave the address, for soft opt-in.
        balance: why the interest in writing weighs more than theirs in silence, for letters on paper.
        text: the words that they agreed to, for consent.
        is_doubly: whether they pressed a button in a mail to that address, for consent by email.
        until: the end of the contract, if it is known.
    """

    basis: Basis
    act: Act
    happened_at: datetime
    reference: str = ""
    product_class: str = ""
    objection_offered: str = ""
    balance: str = ""
    text: str = ""
    is_doubly: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """What an interest is about, as far as grounds ask: one's own products of a class, or others' offers."""

    product_class: str = ""
    is_third_party: bool = False


_DIRECT: Final = frozenset({Channel.EMAIL, Channel.SMS})
_NO_REFERENCE: Final = "Name what proves it: an order, a contract, a scan or a recording."


def faults_of(
    claim: Claim, channel: Channel, topic: Topic | None, rules: RuleSet, now: datetime
) -> dict[str, str]:
    """What is missing or wrong, by field; empty where the ground stands.

    Args:
        claim: the ground.
        channel: on which they are to be reached.
        topic: of the interest; None where it is about none.
        rules: of the person's jurisdiction.
        now: an act of the future proves nothing.
    """
    faults = _CONDITIONS[claim.basis](claim, channel, topic, rules)
    if channel is Channel.EMAIL and topic is None:
        faults.setdefault("interest", "Mail is always about an interest: name it.")
    if claim.happened_at > now:
        faults["happened_at"] = "This day has not come yet."
    until = ends_at(claim, rules)
    if not faults and until is not None and until <= now:
        faults["happened_at"] = "This ground is over already."
    return faults


def refusal(basis: Basis, rules: RuleSet) -> str:
    """Why these rules do not know a ground at all, whatever its evidence; empty where they do."""
    nothing = Claim(basis, Act.DECLARATION, datetime.min.replace(tzinfo=UTC))
    return _CONDITIONS[basis](nothing, Channel.EMAIL, None, rules).get("basis", "")


def ends_at(claim: Claim, rules: RuleSet) -> datetime | None:
    """When the ground ends by itself; None: not before somebody says so."""
    if claim.basis is Basis.CONTRACT:
        return claim.until
    months = None
    if claim.basis is Basis.SOFT_OPT_IN:
        months = rules.soft_opt_in_months
    elif claim.basis is Basis.IMPLIED_CASL:
        months = rules.purchase_months if claim.act is Act.PURCHASE else rules.inquiry_months
    return None if months is None else months_after(claim.happened_at, months)


def months_after(moment: datetime, months: int) -> datetime:
    """The same day and time so many months later (earlier, below 0), or the last day of that month."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _consent(claim: Claim, channel: Channel, _topic: Topic | None, rules: RuleSet) -> dict[str, str]:
    faults = {}
    if not claim.text:
        faults["text"] = "Write the words that the person agreed to."
    if not claim.reference:
        faults["reference"] = _NO_REFERENCE
    if claim.act is not Act.DECLARATION:
        faults["act"] = "Consent is a declaration."
    if channel is Channel.EMAIL and rules.double_opt_in and not claim.is_doubly:
        faults["is_doubly"] = (
            f"In {rules.name} a yes by email counts once the person confirmed it by a mail: ask them."
        )
    return faults


def _soft_opt_in(claim: Claim, channel: Channel, topic: Topic | None, rules: RuleSet) -> dict[str, str]:
    faults = {}
    if not rules.soft_opt_in:
        faults["basis"] = f"{rules.name}: no mail to customers without their yes."
    if channel not in _DIRECT:
        faults["channel"] = "This ground is for email and SMS only."
    if claim.act is not Act.PURCHASE:
        faults["act"] = "This ground needs a sale."
    if not claim.reference:
        faults["reference"] = _NO_REFERENCE
    if not claim.objection_offered:
        faults["objection_offered"] = "Say where the person could object when they gave the address."
    if topic is None or topic.is_third_party:
        faults["interest"] = "This ground covers your own offers about one interest, never others'."
    elif not claim.product_class or claim.product_class != topic.product_class:
        faults["product_class"] = "The sale was about something else than this interest."
    return faults


def _contract(claim: Claim, _channel: Channel, topic: Topic | None, _rules: RuleSet) -> dict[str, str]:
    faults = {}
    if claim.act is not Act.CONTRACT:
        faults["act"] = "This ground needs a contract."
    if not claim.reference:
        faults["reference"] = _NO_REFERENCE
    if topic is None or topic.is_third_party:
        faults["interest"] = "Name the interest that was contracted for; others' offers never are."
    return faults


def _implied_casl(claim: Claim, channel: Channel, topic: Topic | None, rules: RuleSet) -> dict[str, str]:
    faults = {}
    if rules.purchase_months is None:
        faults["basis"] = f"{rules.name}: a purchase or an inquiry implies no yes."
    if channel not in _DIRECT:
        faults["channel"] = "This ground is for email and SMS only."
    if claim.act not in {Act.PURCHASE, Act.INQUIRY}:
        faults["act"] = "This ground needs a purchase or an inquiry."
    if not claim.reference:
        faults["reference"] = _NO_REFERENCE
    if topic is None or topic.is_third_party:
        faults["interest"] = "This ground covers your own offers about one interest, never others'."
    return faults


def _post(claim: Claim, channel: Channel, _topic: Topic | None, rules: RuleSet) -> dict[str, str]:
    faults = {}
    if not rules.post_interest:
        faults["basis"] = f"{rules.name}: letters need a yes as well."
    if channel is not Channel.POST:
        faults["channel"] = "This ground is for letters on paper only."
    if not claim.balance:
        faults["balance"] = "Say why your interest in writing weighs more."
    return faults


def _legal(_claim: Claim, _channel: Channel, _topic: Topic | None, _rules: RuleSet) -> dict[str, str]:
    return {"basis": "What the law makes you send is no marketing, and needs no permission."}


_CONDITIONS: Final = {
    Basis.CONSENT: _consent,
    Basis.SOFT_OPT_IN: _soft_opt_in,
    Basis.CONTRACT: _contract,
    Basis.IMPLIED_CASL: _implied_casl,
    Basis.LEGITIMATE_INTEREST_POST: _post,
    Basis.LEGAL: _legal,
}
