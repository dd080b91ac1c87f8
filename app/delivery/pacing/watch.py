"""Rules over many messages: who is refused over and over stops before it does harm, and waits for a person."""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.delivery.pacing import tallies
from app.delivery.pacing.rules import Said
from app.delivery.retries import Blame
from app.kernel import clock
from app.kernel.db import session

log = logging.getLogger(__name__)

LATELY: Final = 200
REFUSALS: Final = 10
"""Five in a hundred of the last results."""
EQUAL_REPLIES: Final = 20
FLUSH_SECONDS: Final = 1.0
_REFUSED, _ELSE = "x", "-"
_COUNTED: Final = frozenset(Blame) - {Blame.HOST, Blame.DOMAIN, Blame.TRANSPORT, Blame.DOUBT}
_MARK = re.compile(r"\S*\d\S*|\(address\)|<[^>]*>")
MAX_REPLY: Final = 200

_LATELY = text(
    "INSERT INTO sender_watches AS w (workspace_id, domain, lately, updated_at)"
    " VALUES (:workspace_id, :domain, :lately, :now) ON CONFLICT (workspace_id, domain) DO UPDATE"
    " SET lately = right(w.lately || excluded.lately, :size), updated_at = excluded.updated_at RETURNING lately"
)
_BEGIN_ANEW = text(
    "UPDATE sender_watches SET lately = '' WHERE workspace_id = :workspace_id AND domain = :domain"
)
_COUNT_CONTENT = text(
    "INSERT INTO content_refusals AS c (mailing_no, reply, workspace_id, number)"
    " VALUES (:no, :reply, :workspace_id, :number)"
    " ON CONFLICT (mailing_no, reply) DO UPDATE SET number = c.number + excluded.number RETURNING number"
)
_FORGET_CONTENT = text("DELETE FROM content_refusals WHERE mailing_no = :no")
# In the order of their numbers, as everybody who holds several mailings does.
_PAUSE_DOMAIN = text(
    "WITH held AS (SELECT no FROM mailings WHERE workspace_id = :workspace_id AND kind = 'bulk' AND state = 'running'"
    " AND lower(substring(sender ->> 'address' FROM '@([^@]*)$')) = :domain ORDER BY no FOR UPDATE)"
    " UPDATE mailings m SET state = 'paused', pause_reason = :reason FROM held"
    " WHERE m.no = held.no AND m.state = 'running' RETURNING m.no"
)
_PAUSE_ONE = text(
    "UPDATE mailings SET state = 'paused', pause_reason = :reason"
    " WHERE no = :no AND workspace_id = :workspace_id AND kind = 'bulk' AND state = 'running' RETURNING no"
)
_FORGET = text(
    "DELETE FROM content_refusals c USING mailings m WHERE m.no = c.mailing_no AND m.ended_at IS NOT NULL"
)


class Watch:
    """The results of one sender process, counted; not shared between threads.

    Where nobody is refused nothing is written: the last results are kept in memory until the first refusal.
    """

    def __init__(self) -> None:
        self._lately: dict[tuple[UUID, str], str] = {}
        self._is_written: dict[tuple[UUID, str], float] = {}
        """Domains with a refusal among their last results, and when (monotonic) they were written."""

    def note(self, workspace_id: UUID, mailing_no: int, domain: str, said: Sequence[Said]) -> list[int]:
        """Count the results of one mailing; in the transaction that writes them and before ``Pacer.learn``.

        Args:
            workspace_id: of the mailing.
            mailing_no: of the mailing.
            domain: of its sender's mailbox.
            said: what servers said.

        Returns:
            The mailings that were paused for it.
        """
        paused = self._note_sender(workspace_id, domain.lower(), said)
        refused = [answer for answer in said if answer.verdict.blame is Blame.CONTENT]
        return paused + (_note_content(workspace_id, mailing_no, refused) if refused else [])

    def _note_sender(self, workspace_id: UUID, domain: str, said: Sequence[Said]) -> list[int]:
        key = (workspace_id, domain)
        new = "".join(
            _REFUSED if answer.verdict.blame is Blame.SENDER else _ELSE
            for answer in said
            if answer.verdict.blame in _COUNTED
        )
        lately = (self._lately.get(key, "") + new)[-LATELY:]
        self._lately[key] = lately
        written_at = self._is_written.get(key)
        is_due = written_at is not None and time.monotonic() - written_at > FLUSH_SECONDS
        if _REFUSED not in new and not (is_due and lately):
            return []
        self._lately[key] = ""
        values = {"workspace_id": workspace_id, "domain": domain}
        more = {"lately": lately, "now": clock.now(), "size": LATELY}
        whole = str(session().execute(_LATELY, values | more).scalar_one())
        if whole.count(_REFUSED) < REFUSALS:
            self._remember(key, whole)
            return []
        self._remember(key, "")
        return _pause_domain(values, whole, said)

    def _remember(self, key: tuple[UUID, str], whole: str) -> None:
        if _REFUSED in whole:
            self._is_written[key] = time.monotonic()
        else:
            self._is_written.pop(key, None)


def _pause_domain(values: dict[str, Any], whole: str, said: Sequence[Said]) -> list[int]:
    """Stop what this domain sends; whoever goes on begins with a clean count."""
    domain, count = values["domain"], whole.count(_REFUSED)
    words = next((answer.words for answer in reversed(said) if answer.verdict.blame is Blame.SENDER), "")
    reason = (
        f"{count} of the last {len(whole)} mails from {domain} were refused because of who sends them{_quoted(words)}"
        " Nobody was marked as unreachable. Look at the domain's SPF, DKIM and DMARC records and at blocklists before"
        " you go on."
    )
    paused = list(session().execute(_PAUSE_DOMAIN, values | {"reason": reason}).scalars())
    session().execute(_BEGIN_ANEW, values)
    return _told(paused, reason)


def _note_content(workspace_id: UUID, mailing_no: int, refused: Sequence[Said]) -> list[int]:
    counts = Counter(kind_of(answer) for answer in refused)
    for reply, number in sorted(counts.items()):
        values = {"no": mailing_no, "workspace_id": workspace_id, "reply": reply, "number": number}
        total = session().execute(_COUNT_CONTENT, values).scalar_one()
        if total >= EQUAL_REPLIES:
            words = next(answer.words for answer in refused if kind_of(answer) == reply)
            return _pause_one(workspace_id, mailing_no, total, words)
    return []


def _pause_one(workspace_id: UUID, mailing_no: int, count: int, words: str) -> list[int]:
    reason = (
        f"{count} servers refused this mail for what is in it{_quoted(words)} Nobody was marked as unreachable. A"
        " smaller or simpler mail may pass."
    )
    values = {"no": mailing_no, "workspace_id": workspace_id, "reason": reason}
    paused = list(session().execute(_PAUSE_ONE, values).scalars())
    session().execute(_FORGET_CONTENT, {"no": mailing_no})
    return _told(paused, reason)


def _told(paused: list[int], reason: str) -> list[int]:
    for number in paused:
        log.error("mailing %s is paused: %s", number, reason)
    tallies.add(tallies.STOPPED, len(paused))
    return paused


def kind_of(answer: Said) -> str:
    """A reply without what differs from one message to the next, so that equal ones can be counted; pure."""
    said = " ".join(_MARK.sub("", answer.words).lower().split())
    return f"{answer.code} {answer.enhanced} {said}"[:MAX_REPLY]


def _quoted(words: str) -> str:
    return f", the last with: {words.rstrip('.')}." if words else "."


def forget_old() -> None:
    """Remove the counts of mailings that have ended."""
    session().execute(_FORGET)
