"""What each jurisdiction asks for, in one table, and which of them holds for a person.

The table is a careful reading of the law, not legal advice: where authorities disagree it takes the stricter view.
A change of a row is a new VERSION, which events name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from app.consent.rules import Level

VERSION: Final = 1
RE_ASK_MONTHS: Final = 6
"""After a question whether we may go on, no further one for so long: whether refused or not answered (CNIL)."""


class Source(StrEnum):
    """Where a person's country is known from; the first that tells counts."""

    PERSON = "person"
    BRAND = "brand"
    ADDRESS = "address"
    LANGUAGE = "language"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class RuleSet:
    """What holds for people of some countries. Each stands here once: two are equal only where they are the same object.

    Attributes:
        key: as events store it.
        name: as people read it.
        double_opt_in: whether a yes by email counts only once the person has pressed the button in a mail.
        tracking: what holds for who was never asked about opens and clicks.
        last_open_day: whether the day of the last open may be kept without asking, to clean lists (CNIL 2026-042).
        soft_opt_in: whether a customer may hear of similar products of one's own without a yes.
        soft_opt_in_months: for how long after the sale; None: until they object.
        purchase_months: how long a purchase implies a yes (CASL); None: it implies none.
        inquiry_months: how long a question to the sender implies a yes (CASL).
        post_interest: whether letters on paper may rest on legitimate interest.
        dormant_months: silence after which a yes should be asked for again; None: time alone changes nothing.
        evidence_years: how long the proof is kept after the permission's end.
    """

    key: str
    name: str
    double_opt_in: bool = False
    tracking: Level = Level.NONE
    last_open_day: bool = False
    soft_opt_in: bool = True
    soft_opt_in_months: int | None = 24
    purchase_months: int | None = None
    inquiry_months: int | None = None
    post_interest: bool = True
    dormant_months: int | None = 24
    evidence_years: int = 3


DE_AT: Final = RuleSet("de_at", "Germany and Austria", double_opt_in=True, evidence_years=5)
FR: Final = RuleSet(
    "fr", "France", last_open_day=True, soft_opt_in_months=36, dormant_months=36, evidence_years=5
)
IT: Final = RuleSet("it", "Italy", evidence_years=10)
UK: Final = RuleSet("uk", "United Kingdom", soft_opt_in_months=None, evidence_years=6)
CA: Final = RuleSet(
    "ca", "Canada", tracking=Level.AGGREGATE, soft_opt_in=False, soft_opt_in_months=None, purchase_months=24,
    inquiry_months=6, dormant_months=None,
)  # fmt: skip
US: Final = RuleSet(
    "us", "United States", tracking=Level.AGGREGATE, last_open_day=True, soft_opt_in_months=None, dormant_months=None
)  # fmt: skip
EU: Final = RuleSet("eu", "Rest of the EU")
OTHER: Final = RuleSet(
    "other", "Other or unknown", double_opt_in=True, soft_opt_in=False, soft_opt_in_months=None, post_interest=False,
    evidence_years=10,
)  # fmt: skip
"""The strictest of all in each column."""

RULE_SETS: Final = (DE_AT, FR, IT, UK, CA, US, EU, OTHER)

_COUNTRIES: Final = {
    **dict.fromkeys(("DE", "AT"), DE_AT),
    **dict.fromkeys(("FR", "GF", "GP", "MQ", "RE", "YT"), FR),
    "IT": IT,
    **dict.fromkeys(("GB", "GG", "IM", "JE"), UK),
    "CA": CA,
    **dict.fromkeys(("US", "PR", "GU", "VI"), US),
    # With those of the European Economic Area, which share the rules that matter here.
    **dict.fromkeys(
        ("BE", "BG", "CY", "CZ", "DK", "EE", "ES", "FI", "GR", "HR", "HU", "IE", "IS", "LI", "LT", "LU", "LV", "MT", "NL",
         "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
        EU,
    ),
}  # fmt: skip
# Only languages that tell enough: plain English, Spanish or Portuguese are spoken under too many laws.
_LANGUAGES: Final = {
    "de": "DE", "it": "IT", "nl": "NL", "fr": "FR", "da": "DK", "sv": "SE", "fi": "FI", "pl": "PL", "cs": "CZ",
    "de-at": "AT", "fr-fr": "FR", "en-gb": "GB", "en-us": "US", "en-ca": "CA", "fr-ca": "CA", "en-ie": "IE", "es-es": "ES",
    "pt-pt": "PT",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """The rule set that holds for somebody, and who said so."""

    rules: RuleSet
    source: Source


def rules_of(country: str) -> RuleSet:
    """The rule set of a country (two letters, any case); of one that is not in the table, the strictest."""
    return _COUNTRIES.get(country.upper(), OTHER)


@lru_cache(maxsize=1024)  # thousands of people of one file live under the same law
def decide(*, person: str = "", brand: str = "", address: str = "", language: str = "") -> Jurisdiction:
    """Which rules hold: the person's country, else the brand's, else that of a network address, else the language's.

    Args:
        person: two letters, as the person told; empty where they did not.
        brand: two letters, as the workspace's owner told.
        address: two letters, as an address database tells.
        language: a language tag, such as ``de`` or ``en-GB``.
    """
    spoken = language.lower().replace("_", "-")
    told = (
        (person, Source.PERSON),
        (brand, Source.BRAND),
        (address, Source.ADDRESS),
        (_LANGUAGES.get(spoken) or _LANGUAGES.get(spoken.partition("-")[0], ""), Source.LANGUAGE),
    )
    for country, source in told:
        if country:
            return Jurisdiction(rules_of(country), source)
    return Jurisdiction(OTHER, Source.UNKNOWN)
