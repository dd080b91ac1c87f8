"""Pure decisions about files of people: what a column holds, what a plan says, how dates are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from app.consent.rules import Reason
from app.consent.rules.suppressing import former

UNDO_DAYS: Final = 30
MOST_COLUMNS: Final = 200
FIELD: Final = "field:"
"""Begins the target of a workspace's own field; its key follows."""


class ImportState(StrEnum):
    """How far a file has come."""

    UPLOADED = "uploaded"
    READING = "reading"
    CHECKED = "checked"
    TAKING = "taking"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"
    FAILED = "failed"


AT_WORK: Final = frozenset({ImportState.READING, ImportState.TAKING, ImportState.UNDOING})


class Known(StrEnum):
    """What happens to people who are here already. An empty cell never takes anything away."""

    UPDATE = "update"
    FILL = "fill"
    SKIP = "skip"


class Target(StrEnum):
    """What a column can hold, beside a workspace's own fields (``field:<key>``)."""

    EMAIL = "email"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    FULL_NAME = "name"
    LANGUAGE = "language"
    TAGS = "tags"
    COMPANY = "company"
    SAID_AT = "said_at"
    SOURCE = "source"
    IP = "ip"
    STATUS = "status"
    SAID_NO = "said_no"
    BOUNCED = "bounced"


LABELS: Final[dict[Target, str]] = {
    Target.EMAIL: "Email address",
    Target.FIRST_NAME: "First name",
    Target.LAST_NAME: "Last name",
    Target.FULL_NAME: "First and last name",
    Target.LANGUAGE: "Language",
    Target.TAGS: "Tags",
    Target.COMPANY: "Company",
    Target.SAID_AT: "When they said yes",
    Target.SOURCE: "Where they said yes",
    Target.IP: "Network address of their yes",
    Target.STATUS: "Whether they are subscribed",
    Target.SAID_NO: "Whether or when they said no",
    Target.BOUNCED: "Whether or when mail to them came back",
}

# Skipped for what stands in the data here; what cannot be read has words of its own.
TWICE: Final = "stands in the file twice"
NEVER: Final = "must not be written to"
HERE: Final = "is here already"
NEW: Final = "new"
CHANGED: Final = "changed"
UNCHANGED: Final = "unchanged"
DONE_WORDS: Final = (NEW, CHANGED, UNCHANGED)
NOES: Final = {
    Reason.NEVER: "said no, as the file tells",
    Reason.COMPLAINT: "complained, as the file tells",
    Reason.BOUNCE: "mail to them came back, as the file tells",
}
"""Rows that bring nobody in: taking them keeps the address from being written to."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What the file says of its people's permission, as the uploader has declared it.

    Attributes:
        interests: what they said yes to.
        words: what they agreed to, word for word.
        declaration: how that is known.
        source, said_on: where and when, for rows that have none of their own; empty: those rows give no permission.
        is_doubly: they pressed a button in a mail to their address.
    """

    interests: tuple[UUID, ...]
    words: str
    declaration: str
    source: str = ""
    said_on: str = ""
    is_doubly: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What each column is, in their order, and what is done with whom we know.

    Attributes:
        targets: a ``Target``, ``field:<key>``, or empty for a column that is left out.
        known: what happens to people who are here.
        month_first: dates with slashes are American.
        permission: None: the file gives none.
        decimals: which sign begins the decimals in each column, a dot or a comma; empty, or none at all: as its cells
            show.
    """

    targets: tuple[str, ...]
    known: Known = Known.UPDATE
    month_first: bool = False
    permission: Permission | None = None
    decimals: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        plain = asdict(self)
        if self.permission is not None:
            plain["permission"]["interests"] = [str(found) for found in self.permission.interests]
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Plan:
        """From what ``to_json`` wrote."""
        told = plain["permission"]
        return cls(
            targets=tuple(plain["targets"]),
            known=Known(plain["known"]),
            month_first=plain["month_first"],
            decimals=tuple(plain.get("decimals", ())),
            permission=Permission(**{**told, "interests": tuple(UUID(found) for found in told["interests"])})
            if told
            else None,
        )


# What exports of other services and people's own sheets call these columns, folded (``_fold``).
_NAMES: Final[dict[Target, frozenset[str]]] = {
    Target.EMAIL: frozenset(
        ["email", "emailaddress", "mail", "mailaddress", "emailadresse", "mailadresse", "adressemail", "adresseemail", "courriel", "correo", "correoelectronico", "indirizzoemail", "emailadres", "emailto", "enderecodeemail", "subscriber"]
    ),
    Target.FIRST_NAME: frozenset(
        ["firstname", "fname", "forename", "givenname", "vorname", "prenom", "nombre", "nome", "voornaam", "primeironome"]
    ),
    Target.LAST_NAME: frozenset(
        ["lastname", "lname", "surname", "familyname", "nachname", "nomdefamille", "apellido", "apellidos", "cognome", "achternaam", "sobrenome", "ultimonome"]
    ),
    Target.FULL_NAME: frozenset(["name", "fullname", "displayname", "nomcomplet", "nombrecompleto", "nomecompleto", "naam"]),
    Target.LANGUAGE: frozenset(["language", "lang", "locale", "sprache", "langue", "idioma", "lingua", "taal", "preferredlocale"]),
    Target.TAGS: frozenset(["tags", "tag", "labels", "label", "schlagworte", "etiketten", "etiquettes", "etiquetas", "etichette"]),
    Target.COMPANY: frozenset(
        ["company", "companyname", "organization", "organisation", "account", "accountname", "employer", "firma", "unternehmen", "societe", "entreprise", "empresa", "azienda", "bedrijf"]
    ),
    Target.SAID_AT: frozenset(
        ["confirmtime", "optintime", "optindate", "doubleoptindate", "consentdate", "consentat", "subscribedat", "confirmedat", "permissiondate", "einwilligungam", "subscribeddate"]
    ),
    Target.SOURCE: frozenset(["source", "optinsource", "consentsource", "signupsource", "quelle", "permissionsource"]),
    Target.IP: frozenset(["confirmip", "optinip", "ip", "ipaddress", "consentip"]),
    Target.STATUS: frozenset(["status", "subscriptionstatus", "subscriberstatus", "emailstatus", "emailmarketingstatus", "subscribed"]),
    Target.SAID_NO: frozenset(
        ["unsubtime", "unsubscribetime", "unsubscribedat", "unsubscribedate", "dateunsubscribed", "unsubscribed", "optout", "optouttime", "optoutdate", "optedout", "blacklisted", "emailblacklisted", "blocklisted", "emailblocklisted", "donotcontact", "dnc"]
    ),
    Target.BOUNCED: frozenset(["cleantime", "cleanedtime", "cleanedat", "bounced", "bouncedat", "bouncetime", "bouncedate", "hardbounced", "emailbounced"]),
}  # fmt: skip


def guess(columns: Sequence[str], sample: Sequence[Sequence[str]], fields: Mapping[str, str]) -> tuple[str, ...]:
    """What each column most likely holds; each target once, the first column that fits and has something in it.

    Args:
        columns: headings, empty where the file has none.
        sample: its first rows.
        fields: the workspace's own fields, label by key.
    """
    taken: set[str] = set()
    found = [""] * len(columns)
    own = {_fold(name): f"{FIELD}{key}" for key, label in fields.items() for name in (key, label)}
    for number in sorted(range(len(columns)), key=lambda number: not _cells(sample, number)):
        target = _named(_fold(columns[number]), own, taken)
        if not target and Target.EMAIL not in taken and _holds_addresses(sample, number):
            target = Target.EMAIL
        if target:
            taken.add(target)
        found[number] = target
    return tuple(found)


def _named(name: str, own: Mapping[str, str], taken: set[str]) -> str:
    for target, names in _NAMES.items():
        if name in names and target not in taken:
            return target.value
    target_of_own = own.get(name, "")
    return "" if target_of_own in taken else target_of_own


def _cells(sample: Sequence[Sequence[str]], number: int) -> list[str]:
    return [row[number] for row in sample if number < len(row) and row[number]]


def _holds_addresses(sample: Sequence[Sequence[str]], number: int) -> bool:
    cells = _cells(sample, number)
    return bool(cells) and sum("@" in cell for cell in cells) * 2 > len(cells)


def _fold(name: str) -> str:
    apart = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in apart if letter.isalnum() and letter.isascii())


_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(.*)", re.DOTALL)
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(.*)", re.DOTALL)


def read_moment(text: str, *, month_first: bool = False) -> datetime:
    """A day or a moment as people and programs write it; without a zone it is UTC.

    Raises:
        ValueError: it is none of ISO 8601, 25.11.2026 and 25/11/2026 (or 11/25/2026), with or without a time.
    """
    found = datetime.fromisoformat(_iso(text.strip(), month_first=month_first))
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def iso_day(text: str, *, month_first: bool = False) -> str:
    """A day as ISO 8601, however it was written; what is none stays as it is."""
    try:
        return read_moment(text, month_first=month_first).date().isoformat()
    except ValueError:
        return text


def _iso(text: str, *, month_first: bool) -> str:
    if match := _DOTTED.fullmatch(text):
        day, month, year, rest = match.groups()
    elif match := _SLASHED.fullmatch(text):
        first, second, year, rest = match.groups()
        day, month = (second, first) if month_first else (first, second)
    else:
        return text.removesuffix(" UTC")
    return f"{year}-{month:0>2}-{day:0>2}{rest.rstrip()}"


_YES_WORDS: Final = frozenset(["subscribed", "subscribe", "enabled", "active", "confirmed", "optedin", "optin", "angemeldet", "aktiv", "yes", "true", "1"])
_FALSE_WORDS: Final = frozenset(["", "no", "false", "n", "f", "nein", "non", "none", "null", "off"])


def no_of(target: str, cell: str) -> Reason | None:
    """Why somebody is written to no more, as a cell tells; None: it tells nothing like that.

    Args:
        target: ``STATUS``: a word says it. ``SAID_NO`` and ``BOUNCED``: a moment or a yes says it.
        cell: as it stands in the file.
    """
    reason = former(cell)
    if reason in NOES or target == Target.STATUS:
        return reason if reason in NOES else None
    # "0" and "0000-00-00 00:00:00" are no moment.
    if _fold(cell).strip("0") in _FALSE_WORDS:
        return None
    return Reason.BOUNCE if target == Target.BOUNCED else Reason.NEVER


def is_yes_word(cell: str) -> bool:
    """Whether a state says that somebody may be written to; what it leaves open gives no permission."""
    return _fold(cell) in _YES_WORDS


def language_of(text: str, spoken: Sequence[str], names: Mapping[str, str]) -> str | None:
    """A language that our pages speak, from a code, a locale or its own name; None: none of them."""
    plain = text.strip().casefold()
    code = re.split(r"[-_]", plain)[0]
    if code in spoken:
        return code
    return next((known for known, name in names.items() if name.casefold() == plain), None)
