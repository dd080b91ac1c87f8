"""What tracking puts into a mail, as far as the person allows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from app.accounts import queries as accounts
from app.consent.rules import Level
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.tracking import links, queries, tokens
from app.tracking.models import TrackedMailing
from app.tracking.rules.hits import HIDDEN, MAX_LINKS, MAX_RECIPIENT
from app.tracking.rules.targets import is_of, is_pattern, is_web, may_lead

_EVERYBODY: Final = 0
_base_url = ""


def configure(url: str) -> None:
    """Where people reach this installation."""
    global _base_url
    _base_url = url


def register(mailing_no: int, workspace_id: UUID, targets: Sequence[str]) -> None:
    """Remember where the links of a mailing lead, for ever; the unique key is the mailing.

    A link's index is its place in ``targets``; there are none where only the picture counts. A target may hold merge
    tags: its clicks count together, whatever the tags come to.

    Raises:
        BadInput: a target is not an http or https address, or there are too many.
        Conflict: the mailing has other links already.
    """
    for target in targets:
        if not may_lead(target):
            raise BadInput(f"“{target[:80]}” is not an address that a link may lead to.")
    if len(targets) > MAX_LINKS:
        raise BadInput(f"A mailing may have {MAX_LINKS} links at most.")
    home = accounts.brand(workspace_id).site or ""
    row = {
        "mailing_no": mailing_no,
        "workspace_id": workspace_id,
        "links": list(targets),
        "home_url": home if is_web(home) else _base_url,
        "created_at": clock.now(),
    }
    made = session().execute(
        insert(TrackedMailing).values(row).on_conflict_do_nothing().returning(TrackedMailing.mailing_no)
    )
    if made.scalar_one_or_none() is not None:
        return
    known = queries.find_mailing(mailing_no)
    if known is None or known.workspace_id != workspace_id or known.links != tuple(targets):
        raise Conflict("This mailing has other links already, and links in sent mails never change.")


NOBODY: Final = MAX_RECIPIENT
"""The number of a message that never is: its token marks the place of others'."""


def token(mailing_no: int, n: int) -> str:
    """The word in the addresses of ``links_for``, ``pixel_url`` and ``hidden_url`` that is one message's own.

    All of them have the same length.
    """
    return _token(mailing_no, n, Level.INDIVIDUAL)


def links_for(mailing_no: int, n: int, level: Level) -> Callable[[int, str], str]:
    """How a message's links are written: ``(index, address)`` to what stands in the mail.

    None and date: as they are, so that no link in the mail tells people apart. Aggregate: the same in each copy.
    Individual: this message's own. What was not registered under its index stays as it is. The address of a link with
    merge tags is what they come to for the reader; its target would tell people apart, so only individual writes it.

    Raises:
        NotFound: the mailing was not registered.
    """
    known = () if level in {Level.NONE, Level.DATE} else links.get(mailing_no).links
    return _links_to(known, mailing_no, n, level)


def links_before(targets: Sequence[str], level: Level) -> Callable[[int, str], str]:
    """As ``links_for`` of a mailing with these targets that is not there yet: as long, and of no message."""
    return _links_to(targets, 1, NOBODY, level)


def _links_to(known: Sequence[str], mailing_no: int, n: int, level: Level) -> Callable[[int, str], str]:
    if level in {Level.NONE, Level.DATE}:
        return lambda _index, url: url
    token = _token(mailing_no, n, level)

    def write(index: int, url: str) -> str:
        registered = known[index] if 0 <= index < len(known) else ""
        if is_pattern(registered):
            is_theirs = level is Level.INDIVIDUAL and _fits(registered, url)
            return f"{_base_url}/r/{tokens.target_code(mailing_no, n, index, url)}" if is_theirs else url
        return f"{_base_url}/r/{tokens.code(token, index)}" if registered and registered == url else url

    return write


def pixel_url(mailing_no: int, n: int, level: Level) -> str | None:
    """The address of the picture that tells of an open; None where the person allows none."""
    return None if level is Level.NONE else f"{_base_url}/o/{_token(mailing_no, n, level)}.gif"


def hidden_url(mailing_no: int, n: int, level: Level) -> str | None:
    """The address of the link that no person sees; only where it can tell a scanner's signals from the person's."""
    if level is not Level.INDIVIDUAL:
        return None
    return f"{_base_url}/r/{tokens.code(_token(mailing_no, n, level), HIDDEN)}"


def _token(mailing_no: int, n: int, level: Level) -> str:
    return tokens.make(mailing_no, n if level in {Level.DATE, Level.INDIVIDUAL} else _EVERYBODY)


def _fits(pattern: str, url: str) -> bool:
    return is_of(pattern, url) and len(url.encode()) <= tokens.MAX_TARGET_OCTETS
