"""Pure decisions about permission, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address, ip_network
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit
from uuid import UUID


class Channel(StrEnum):
    """How a person is reached."""

    EMAIL = "email"
    POST = "post"
    PHONE = "phone"
    SMS = "sms"
    WEB = "web"


class Purpose(StrEnum):
    """What for."""

    MARKETING = "marketing"
    TRACKING = "tracking"


class State(StrEnum):
    """Where a permission stands."""

    ASKED = "asked"
    YES = "yes"
    NO = "no"


class Word(StrEnum):
    """What people read: the state, or never where an objection, a bounce, a complaint or an erasure stands above it."""

    YES = "yes"
    ASKED = "asked"
    NO = "no"
    NEVER = "never"


class Level(StrEnum):
    """How far a person lets us see opens and clicks."""

    NONE = "none"
    DATE = "date"
    """The day of the last open and nothing else, each overwriting the one before."""
    AGGREGATE = "aggregate"
    INDIVIDUAL = "individual"


class Digest(StrEnum):
    """One mail about what was missed, instead of every mail."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


DIGEST_PERIODS = {Digest.WEEKLY: timedelta(days=7), Digest.MONTHLY: timedelta(days=30)}


class Basis(StrEnum):
    """The legal ground of a permission."""

    CONSENT = "consent"
    SOFT_OPT_IN = "soft_opt_in"
    CONTRACT = "contract"
    IMPLIED_CASL = "implied_casl"
    LEGITIMATE_INTEREST_POST = "legitimate_interest_post"
    LEGAL = "legal"


class Kind(StrEnum):
    """What an event of the ledger says."""

    REQUESTED = "requested"
    DOI_MAIL_SENT = "doi_mail_sent"
    AUTHORISED = "authorised"
    """Who answers for a child let it be asked; the child's own yes comes after and names this event."""
    CONFIRMED = "confirmed"
    RE_CONFIRMED = "re_confirmed"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    OBJECTED = "objected"
    EXPIRED = "expired"
    IMPORTED = "imported"
    CORRECTED = "corrected"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    ERASED = "erased"
    GRANTED = "granted"
    """Somebody entered another ground than the person's own double opt-in, with its evidence."""
    LAPSED = "lapsed"
    """A permission's time was over."""
    MERGED = "merged"
    """Another entry of the same person was merged with this one; a no that it states stands for both."""
    UNMERGED = "unmerged"
    """That was taken back; a no that it states was said while they were one."""


class Reason(StrEnum):
    """Why an address is suppressed. Complaints and "never" are one-way."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    NEVER = "never"
    ERASED = "erased"


ONE_WAY = (Reason.COMPLAINT, Reason.NEVER)
"""What nobody can undo here; only the person could, by their own word to us."""
PERSONS_NO = frozenset({Kind.WITHDRAWN, Kind.OBJECTED, Kind.CANCELLED})
"""A no that came from the person: nothing but the person's own double opt-in undoes it."""

PERSONS_YES = frozenset({Kind.CONFIRMED, Kind.RE_CONFIRMED})


class RequestState(StrEnum):
    """Where a question to a person stands."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Renewal(StrEnum):
    """Why somebody is asked whether we may go on."""

    ENDING = "ending"
    """What their permission rests on ends soon."""
    SILENT = "silent"
    """They were not heard from for as long as their law lets a yes sleep."""
    WORDS = "words"
    """What they said yes to has changed."""


ENDS_UNANSWERED = frozenset({Renewal.SILENT, Renewal.WORDS})
"""Where the question itself sets the end: without an answer the yes is over with it."""


class IpPolicy(StrEnum):
    """How much of the network address that somebody acts from is kept as proof."""

    FULL = "full"
    SHORT = "short"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class By:
    """Who acts: ``person``, ``guardian``, ``staff``, ``api_key`` or ``system``, and the id of the latter ones."""

    kind: str = "person"
    id: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """The act itself, personal: kept behind the commitment and deleted with the person."""

    ip: str = ""
    user_agent: str = ""
    http_method: str = ""
    token_id: str = ""
    seconds_since_mail: int | None = None
    verdict: str = ""
    guardian_event: str = ""
    """The event of a guardian's yes, where the person is too young to answer alone."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What stood before the person's eyes."""

    language: str = "en"
    text_ids: tuple[UUID, ...] = ()
    form_id: UUID | None = None
    form_version: int | None = None
    page_sha256: str = ""
    page_url: str = ""
    referrer: str = ""
    boxes: tuple[str, ...] = ()
    posted_at: datetime | None = None
    """When the person pressed the button, where a worker writes it down a moment later."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One permission and the reach above it, as the gate sees them."""

    state: State
    valid_until: datetime | None = None
    paused_until: datetime | None = None
    suppressed_at: datetime | None = None
    objected_at: datetime | None = None
    erased_at: datetime | None = None
    all_paused_until: datetime | None = None
    """The person's own pause, for everything on the channel."""
    digest: Digest | None = None


def may_write(standing: Standing, now: datetime, *, as_digest: bool = False) -> bool:
    """The gate as a pure rule; ``queries.gate_sql`` says the same in SQL, and a test compares them.

    Whoever wants a digest gets nothing but that (``as_digest``).
    """
    if standing.suppressed_at or standing.objected_at or standing.erased_at:
        return False
    if standing.all_paused_until is not None and standing.all_paused_until > now:
        return False
    if (standing.digest is not None) is not as_digest:
        return False
    if standing.valid_until is not None and standing.valid_until <= now:
        return False
    if standing.paused_until is not None and standing.paused_until > now:
        return False
    return standing.state is State.YES


def word_for(standing: Standing, now: datetime) -> Word:
    """The word that people read for a permission."""
    if standing.suppressed_at or standing.objected_at or standing.erased_at:
        return Word.NEVER
    if standing.state is State.YES and standing.valid_until is not None and standing.valid_until <= now:
        return Word.NO
    return Word(standing.state.value)


def public_part(url: str) -> str:
    """A page's address as the ledger may keep it for ever: without what could name a person.

    Query, fragment and sign-in are cut off, and a path with an @ in it as well.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    path = "" if "@" in unquote(parts.path) else parts.path
    return urlunsplit((parts.scheme, host, path, "", "")) if host else ""


def shortened(ip: str, policy: IpPolicy) -> str:
    """A network address as far as it is kept; short: 24 bits of IPv4, 48 of IPv6, the rest zero."""
    if policy is IpPolicy.FULL or not ip:
        return ip
    try:
        address = ip_address(ip)
    except ValueError:
        return ""
    if policy is IpPolicy.NONE:
        return ""
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False).network_address)


def campaign_in(url: str) -> str:
    """Which campaign led to a page, by the name that its address carries (``utm_campaign``); empty where none does."""
    try:
        named = parse_qs(urlsplit(url).query, max_num_fields=50).get("utm_campaign", [""])
    except ValueError:
        return ""
    return named[0].strip()[:120]


def next_state(before: State | None, kind: Kind, said: State) -> State:
    """Where an event leaves an interest: a question never takes a yes away, and closing one only closes a question."""
    if before is State.YES and kind in {Kind.REQUESTED, Kind.AUTHORISED, Kind.CANCELLED, Kind.EXPIRED}:
        return State.YES
    return said
