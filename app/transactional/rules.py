"""Pure decisions and words of transactional mail."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.consent.rules import Reason
from app.delivery.rules import WORDS, MessageState, Word, reason_of

MAIL: Final = "transactional"
"""Name of the standing mailing: all of a workspace's transactional mails, apart from every other mail."""
TEST: Final = "transactional_test"
MAX_NAME: Final = 80
MAX_SLUG: Final = 60
MAX_DATA: Final = 64 * 1024
"""Characters of JSON that one mail may be told."""
KEPT: Final = timedelta(days=30)
"""How long the address of a mail is kept, and what is told of one that no server took; as long as the report looks back."""
DAYS: Final = 30
PER_MINUTE: Final = 3_000
"""Calls that a workspace may make, so that no shop keeps another's confirmations waiting."""
KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
"""An Idempotency-Key."""
SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ENCODED_WORD = re.compile(r"=\?[^?\s]*\?[^?\s]*\?[^?]*\?=")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
BOUNCED: Final = "unknown address"
"""How reports call a mailbox that does not exist (``delivery.rules.reason_of``)."""

REFUSED: Final = {
    Reason.BOUNCE: "Mails to this address came back: it does not exist.",
    Reason.COMPLAINT: "This person reported a mail of yours as spam, so nothing is sent to them any more.",
    Reason.NEVER: "This address is on your list “Never write to”.",
    Reason.ERASED: "This person was erased, so nothing is sent to them until they come back by their own act.",
}
"""Why nothing is sent, also not what answers somebody's own act. That they left a newsletter is no reason."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a program asks for.

    Attributes:
        template: its public name.
        to: the address, as it was sent.
        data: nested objects, or dotted names, or both.
        language: of the text; empty: the person's, else the brand's.
    """

    template: str
    to: str
    data: Mapping[str, Any]
    language: str = ""

    @property
    def canonical(self) -> bytes:
        """The same for the same request, whatever the order of its names."""
        parts = [self.template, self.to, self.data, self.language]
        return json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Ended:
    """So many mails of a template that stand alike; ``reply`` only where it is the reason itself."""

    template_id: UUID
    day: date
    state: MessageState
    code: int | None
    status: str | None
    reply: str
    count: int

    @property
    def word(self) -> Word:
        """Waiting, sent, skipped, failed or unknown."""
        return WORDS[self.state]

    @property
    def reason(self) -> str:
        """Why, in a few words; empty where the word says it all."""
        return reason_of(self.state, self.code, self.status, self.reply)

    @property
    def is_bounce(self) -> bool:
        """Whether it came back: at once, or after a server had taken it."""
        return self.state is MessageState.BOUNCED or self.reason == BOUNCED


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the chart."""

    day: date
    sent: int
    failed: int
    open: int
    """Waiting, or nobody knows whether it arrived."""


def slug_of(name: str) -> str:
    """A public name made of a name: ``Your receipt`` becomes ``your-receipt``."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return _NOT_IN_SLUG.sub("-", plain).strip("-")[:MAX_SLUG].strip("-")


def subject_fault(subject: str) -> str:
    """What is wrong with a subject line that values were put into; empty: nothing."""
    if not subject:
        return "With these values the subject would be empty."
    if _ENCODED_WORD.search(subject):
        return "With these values the subject would hold “=?…?=”, which mail programs read as something else."
    return ""


def days_of(ended: Sequence[Ended], now: datetime) -> list[Day]:
    """The last ``DAYS`` days without gaps, oldest first; ``now`` in the zone whose days they are."""
    sums: dict[tuple[date, Word], int] = {}
    for one in ended:
        sums[one.day, one.word] = sums.get((one.day, one.word), 0) + one.count
    days = [now.date() - timedelta(days=ago) for ago in reversed(range(DAYS))]
    return [
        Day(
            day,
            sums.get((day, Word.SENT), 0),
            sums.get((day, Word.FAILED), 0) + sums.get((day, Word.SKIPPED), 0),
            sums.get((day, Word.WAITING), 0) + sums.get((day, Word.UNKNOWN), 0),
        )
        for day in days
    ]


def reasons_of(ended: Sequence[Ended]) -> list[tuple[str, int]]:
    """Why mails were not delivered, the most frequent first."""
    sums: dict[str, int] = {}
    for one in ended:
        if one.reason:
            sums[one.reason] = sums.get(one.reason, 0) + one.count
    return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))


def call_of(url: str, slug: str, data: Mapping[str, Any]) -> str:
    """The call that sends a template, for a shell."""
    # A quote would end the shell's string; JSON can write it in another way.
    asked = {"template": slug, "to": "mara@example.org", "data": data}
    body = json.dumps(asked, ensure_ascii=False).replace("'", "\\u0027")
    return (
        f"curl -X POST {url}/api/v1/transactional \\\n"
        '  -H "Authorization: Bearer $NOD_KEY" \\\n'
        f'  -H "Idempotency-Key: {slug}-1" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{body}'"
    )
