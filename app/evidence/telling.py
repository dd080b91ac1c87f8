"""An evidence file in words that a lawyer reads: what happened, by what act, with which proof. Pure."""

from __future__ import annotations

import base64
import email
import email.policy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any, Final

from app.consent.history import ACTORS, SENTENCES
from app.consent.rules import Kind
from app.evidence.document import Document, told_in
from app.evidence.records import Told

Pair = tuple[str, str]
_PERSONAL: Final = {
    "typed": "Address as typed",
    "address": "Address",
    "ip": "IP address",
    "user_agent": "Browser or program",
    "http_method": "HTTP method",
    "token": "Begin of the link's token",
    "seconds_since_mail": "Seconds since the mail was accepted",
    "verdict": "Judged as",
    "guardian": "Who answers for the person",
    "guardian_event": "After the guardian’s yes, event",
    "message_id": "Message-ID",
    "mime_sha256": "SHA-256 of the mail",
    "accepted": "The mail server’s answer",
    "accepted_at": "Accepted at",
    "detail": "Remark",
    "source": "Said where",
    "reference": "Proof",
    "objection_offered": "Could object",
    "balance": "Weighed",
    "words": "Words agreed to",
    "campaign": "Campaign that led there",
    "address_before": "Address before",
}
_TEXTS: Final = {
    "consent": "Words of consent",
    "tracking": "Words on measuring opens and clicks",
    "notice": "Words on keeping",
    "privacy": "Privacy notice",
}


@dataclass(frozen=True, slots=True)
class Passage:
    """One event: a title, its time, what is known of it."""

    id: str
    title: str
    at: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """A text as it was shown."""

    title: str
    body: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Mail:
    """A question's mail: its headers and its text part; the file itself is the proof."""

    event: str
    pairs: tuple[Pair, ...]
    text: str


def passages(document: Document) -> list[Passage]:
    """The events, oldest first."""
    seals = {event["id"]: _sealed(event, document) for event in document["events"]}
    return [
        Passage(
            told.body["id"], _title(told), instant(told.body["received_at"]),
            (*_what(told), *_shown(told), *_act(told), *seals[told.body["id"]]),
        )
        for told in told_in(document)
    ]  # fmt: skip


def wordings(document: Document) -> list[Wording]:
    """The texts, each with the hash by which events name it."""
    return [
        Wording(
            f"{_TEXTS.get(shown['kind'], shown['kind'].capitalize())}, version {shown['version']}",
            shown["body"],
            (("Language", shown["language"]), ("SHA-256", shown["sha256"]), ("Text", shown["id"])),
        )
        for shown in document["texts"]
    ]


def mails(document: Document) -> list[Mail]:
    """The questions' mails that the file holds."""
    return [_mail(found) for found in document["mails"]]


def instant(written: str) -> str:
    """A moment of the ledger as people read it, to the second."""
    return f"{datetime.fromisoformat(written):%-d %B %Y, %H:%M:%S} UTC"


def _title(told: Told) -> str:
    if told.kind is Kind.CHANGED and told.body.get("undoes"):
        return "Took leaving back"
    if told.kind is Kind.CHANGED and told.body.get("tracking"):
        return "Chose what may be seen"
    return SENTENCES[told.kind]


def _what(told: Told) -> Iterator[Pair]:
    body = told.body
    names = ", ".join(
        f"{found['name']} (version {found['version']})" for found in body.get("interests") or ()
    )
    purpose = body.get("purpose") or {}
    yield from _given(
        ("About", names),
        ("Purpose", f"{purpose['key']}, version {purpose['version']}" if purpose else ""),
        ("Channel", body.get("channel")),
        ("State after it", body.get("state")),
        ("Opens and clicks", body.get("tracking")),
        ("Legal basis", body.get("basis")),
        ("Rules of", body.get("rule_set") if body.get("rule_set") != "default" else ""),
        ("Valid", _valid(body)),
        ("Asked by", _party(body.get("controller") or {})),
        ("Given to", body.get("recipients")),
        ("Privacy notice", body.get("privacy_notice")),
        ("Kept for", body.get("retention")),
        ("Stored in", body.get("storage")),
        ("Evidence", body.get("evidence") if body.get("evidence") != "recorded" else ""),
        ("Reason", body.get("reason")),
        ("Said to have happened", instant(body["told_at"]) if body.get("told_at") else ""),
        ("Answers event", body.get("asked_by")),
        ("Takes back event", body.get("undoes")),
        ("Corrects event", body.get("corrects")),
    )
    yield from _ground(body.get("ground") or {})
    yield from _import(body.get("import") or {})


def _valid(body: Mapping[str, Any]) -> str:
    validity = body.get("validity")
    if not validity:
        return ""
    if validity.get("until"):
        return f"until {instant(validity['until'])}"
    months = validity.get("dormant_months")
    return f"until withdrawn; asked for anew after {months} months of silence" if months else "until withdrawn"


def _party(found: Mapping[str, Any]) -> str:
    lines = str(found.get("address") or "").splitlines()
    return ", ".join(filter(None, (found.get("name"), *lines, found.get("contact"))))


def _ground(found: Mapping[str, Any]) -> Iterator[Pair]:
    yield from _given(
        ("Rests on", found.get("act")),
        ("Happened", instant(found["happened_at"]) if found.get("happened_at") else ""),
        ("Kind of goods", found.get("product_class")),
    )


def _import(found: Mapping[str, Any]) -> Iterator[Pair]:
    yield from _given(
        ("File", found.get("id")),
        ("SHA-256 of the file", found.get("sha256")),
        ("Row of the file", found.get("row")),
        ("Declared on upload", found.get("declaration")),
        ("Declared to be confirmed by mail", "yes" if found.get("is_doubly") else ""),
        ("Said to be given", instant(found["said_at"]) if found.get("said_at") else ""),
    )


def _shown(told: Told) -> Iterator[Pair]:
    body, page, form = told.body, told.body.get("page") or {}, told.body.get("form") or {}
    boxes = ", ".join(
        f"{box['name']} ({'ticked' if box['default'] else 'empty'} beforehand)"
        for box in body.get("boxes") or ()
    )
    texts = ", ".join(
        f"{_TEXTS.get(shown['kind'], shown['kind'])}, version {shown['version']}, {shown['language']}"
        for shown in body.get("texts") or ()
    )
    yield from _given(
        ("Shown", texts),
        ("Boxes", boxes),
        ("Page", page.get("url")),
        ("Came from", page.get("referrer")),
        ("SHA-256 of the page", page.get("sha256")),
        ("Form", f"{form['id']}, version {form['version']}" if form else ""),
    )


def _act(told: Told) -> Iterator[Pair]:
    actor = told.body["actor"]
    yield "By", " ".join(filter(None, (ACTORS.get(actor["kind"], actor["kind"]), actor["id"])))
    yield "How", told.body["method"]
    for name, value in told.personal.items():
        if value not in (None, "", [], {}):
            shown = instant(value) if name == "accepted_at" else _plain(value)
            yield _PERSONAL.get(name, name.replace("_", " ").capitalize()), shown
    if told.body.get("commitment") and not told.personal:
        yield "Personal part", "erased; its commitment stays in the ledger"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')}: {_plain(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(inner) for inner in value)
    return str(value)


def _sealed(event: Mapping[str, Any], document: Document) -> Iterator[Pair]:
    yield "Event", event["id"]
    if event["seal"] is None:
        yield "Seal", "none yet: it is sealed within seconds"
        return
    count, root = _link(event["seal"], document["chains"])
    yield "Seal", f"no. {event['seal']}, place {event['position'] + 1} of {count}"
    yield "Root of the seal", root
    day = next((found for found in document["days"] if found["seal"] >= event["seal"]), None)
    yield (
        "Signature",
        (
            f"of {day['day']}, over seal no. {day['seal']}, made {instant(day['signed_at'])}"
            if day
            else "none yet: the day is signed within the day after"
        ),
    )


def _link(no: int, chains: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    for chain in chains:
        if chain["first"] <= no < chain["first"] + len(chain["links"]):
            count, root = chain["links"][no - chain["first"]]
            return count, root
    return 0, ""


def _mail(found: Mapping[str, str]) -> Mail:
    parsed = email.message_from_bytes(base64.b64decode(found["source"]), policy=email.policy.default)
    headers = tuple(
        (name, str(parsed[name])) for name in ("From", "To", "Subject", "Date", "Message-ID") if parsed[name]
    )
    return Mail(found["event"], (*headers, ("SHA-256", found["sha256"])), _text_of(parsed))


def _text_of(parsed: EmailMessage) -> str:
    part = parsed.get_body(("plain",))
    return str(part.get_content()).strip() if part is not None else ""


def _given(*pairs: tuple[str, Any]) -> Iterator[Pair]:
    return ((name, str(value)) for name, value in pairs if value not in (None, ""))
