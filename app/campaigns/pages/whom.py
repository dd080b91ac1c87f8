"""The people behind each number of a report: how they are called, listed, and told as a segment."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from app.campaigns import queries, shares
from app.campaigns.queries import PEOPLE_ROWS, ListedPerson, Standing
from app.campaigns.rules import LEFT_OUT
from app.delivery.rules import REFUSALS, Leaving, Refusal, Word
from app.kernel.errors import BadRequest
from app.kernel.i18n import NAMES, money
from app.kernel.paging import Page, decode_cursor, encode_cursor
from app.tracking import queries as tracking
from app.tracking.queries import Buyer
from app.tracking.rules.hits import Kind
from app.tracking.rules.verdicts import Verdict

Lists = Callable[[UUID, int, str, int], Page[ListedPerson]]
"""Of a workspace, mailing and cursor, so many at most."""
Rule = dict[str, str]


@dataclass(frozen=True, slots=True)
class Whom:
    """Those whom one number counts.

    Attributes:
        title: over their list.
        lists: who they are; None: those of a campaign that has not begun.
        rules: what a segment of them says, all of it; empty: none can.
    """

    title: str
    lists: Lists | None = None
    rules: tuple[Rule, ...] = ()


def _readers(
    workspace_id: UUID, mailing_no: int, cursor: str, limit: int, *, kind: Kind | None, verdict: Verdict = Verdict.HUMAN,
    link: int | None = None, device: str = "",
) -> Page[ListedPerson]:
    after = decode_cursor(cursor, int)[0] if cursor else 0
    found = tracking.list_readers(
        workspace_id, mailing_no, kind, verdict=verdict, link=link, device=device, after_n=after, limit=limit + 1
    )
    shown = found[:limit]
    names = queries.name_people(workspace_id, [one.contact_id for one in shown])
    rows = [
        ListedPerson(
            one.contact_id,
            *names.get(one.contact_id, ("", "")),
            "once" if one.count == 1 else f"{one.count} times",
            one.last_at,
        )
        for one in shown
    ]
    return Page(rows, encode_cursor(shown[-1].n) if len(found) > limit else None)


def _buyers(workspace_id: UUID, mailing_no: int, cursor: str, limit: int, *, currency: str = "") -> Page[ListedPerson]:
    after = decode_cursor(cursor, int)[0] if cursor else 0
    found = tracking.list_buyers(workspace_id, mailing_no, currency, after_n=after, limit=limit + 1)
    shown = found[:limit]
    names = queries.name_people(workspace_id, [one.contact_id for one in shown])
    rows = [ListedPerson(one.contact_id, *names.get(one.contact_id, ("", "")), _bought(one), one.last_at) for one in shown]
    return Page(rows, encode_cursor(shown[-1].n) if len(found) > limit else None)


def _bought(buyer: Buyer) -> str:
    times = "one order" if buyer.count == 1 else f"{buyer.count} orders"
    return ", ".join([times, *(money(amount, currency) for amount, currency in buyer.totals)])


def _of_word(word: Word) -> Lists:
    return lambda workspace_id, number, cursor, limit: queries.list_messages(workspace_id, number, word, cursor, limit)


def _refused(refusal: Refusal) -> Lists:
    return lambda workspace_id, number, cursor, limit: queries.list_refused(workspace_id, number, refusal, cursor, limit)


def _left(kind: Leaving) -> Lists:
    return lambda workspace_id, number, cursor, limit: queries.list_leavings(workspace_id, number, kind, cursor, limit)


def _did(field: str) -> tuple[Rule, ...]:
    return ({"field": field, "op": "did"},)


_SEGMENTS: Final[Mapping[Word, tuple[Rule, ...]]] = {
    Word.SENT: _did("delivery.got"), Word.SKIPPED: _did("delivery.skipped"), Word.FAILED: _did("delivery.failed"),
    Word.UNKNOWN: _did("delivery.unknown"), Word.WAITING: _did("delivery.waiting"),
}  # fmt: skip
_OTHER_VERDICTS: Final = ((Verdict.MACHINE, "machine", "by machines"), (Verdict.UNKNOWN, "unsure", "by nobody knows whom"))
OF_MAILING: Final[Mapping[str, Whom]] = {
    **{word.value: Whom(word.value.capitalize(), _of_word(word), _SEGMENTS.get(word, ())) for word in Word},
    "clicked": Whom("Clicked by hand", partial(_readers, kind=Kind.CLICK), _did("tracking.click")),
    "opened": Whom("Opened by hand", partial(_readers, kind=None), _did("tracking.read")),
    **{
        f"{name}-{word}": Whom(
            f"{name.capitalize()} {said}", partial(_readers, kind=kind, verdict=verdict), _did(f"tracking.{kind}.{word}")
        )
        for name, kind in (("opened", Kind.OPEN), ("clicked", Kind.CLICK))
        for verdict, word, said in _OTHER_VERDICTS
    },
    "ordered": Whom("Ordered within a week after a click", _buyers, _did("tracking.ordered")),
    "left": Whom("Left within a week", _left(Leaving.LEFT), _did("delivery.left")),
    "complained": Whom("Complained within a week", _left(Leaving.COMPLAINED), _did("delivery.complained")),
    **{
        f"refused-{refusal.value}": Whom(f"Not reached: {said[:1].lower()}{said[1:]}", _refused(refusal), _did(f"delivery.refused.{refusal.value}"))
        for refusal, (said, _) in REFUSALS.items()
    },
}
"""By the word that stands in addresses."""
BEFORE: Final[Mapping[str, Whom]] = {
    "reached": Whom("Would get it now"),
    **{key: Whom(f"Left out: {words[0]}") for key, words in LEFT_OUT.items()},
}
"""Of a campaign that has no mailing yet."""
def find(workspace_id: UUID, standing: Standing, word: str, which: str) -> Whom:
    """Those of a word; of a link, receiver, language, country, device or currency it is ``which`` that says which one.

    Raises:
        BadRequest: no number of the report is called so.
    """
    if word in _NARROWED and standing.mailing_no is not None:
        found = _NARROWED[word](workspace_id, standing.mailing_no, which)
    else:
        found = (OF_MAILING if standing.mailing_no is not None else BEFORE).get(word) or BEFORE.get(word)
    if found is None:
        raise BadRequest("Choose one of the numbers of the report.")
    return found


def page(
    workspace_id: UUID, standing: Standing, word: str, whom: Whom, cursor: str, limit: int = PEOPLE_ROWS
) -> Page[ListedPerson]:
    """A page of them."""
    if whom.lists is None:
        return queries.list_left_out(workspace_id, standing.interests, word, cursor, standing.segment_id, limit)
    assert standing.mailing_no is not None
    return whom.lists(workspace_id, standing.mailing_no, cursor, limit)


def segment_of(standing: Standing, whom: Whom) -> dict[str, Any]:
    """The tree of a segment that says it."""
    about = {"of": str(standing.mailing_no)}
    rules = [rule | ({} if "value" in rule or "of" in rule else about) for rule in whom.rules]
    return {"match": "all", "rules": rules}


def _of_link(workspace_id: UUID, mailing_no: int, which: str) -> Whom | None:
    return _clicked_on(workspace_id, mailing_no, which, Verdict.HUMAN, "delivery.link", "Clicked by hand")


def _of_link_by_machines(workspace_id: UUID, mailing_no: int, which: str) -> Whom | None:
    return _clicked_on(workspace_id, mailing_no, which, Verdict.MACHINE, "delivery.link.machine", "Clicked by machines")


def _clicked_on(workspace_id: UUID, mailing_no: int, which: str, verdict: Verdict, field: str, said: str) -> Whom | None:
    links = [found.url for found in tracking.by_link(workspace_id, mailing_no)]
    if not (which.isascii() and which.isdecimal() and len(which) < 5 and int(which) < len(links)):
        return None
    index = int(which)
    rule = {"field": field, "op": "did", "of": str(tracking.link_number(mailing_no, index))}
    return Whom(f"{said}: {links[index]}", partial(_readers, kind=Kind.CLICK, verdict=verdict, link=index), (rule,))


def _of_domain(_workspace_id: UUID, _mailing_no: int, which: str) -> Whom | None:
    if not which or len(which) > 253:
        return None

    def lists(workspace_id: UUID, number: int, cursor: str, limit: int) -> Page[ListedPerson]:
        return queries.list_of_domain(workspace_id, number, which, cursor, limit)

    return Whom(f"At {which}", lists, (*_did("delivery.got"), {"field": "delivery.receiver", "op": "is", "value": which}))


def _of_language(_workspace_id: UUID, _mailing_no: int, which: str) -> Whom | None:
    if which not in NAMES:
        return None

    def lists(workspace_id: UUID, number: int, cursor: str, limit: int) -> Page[ListedPerson]:
        return queries.list_of_language(workspace_id, number, which, cursor, limit)

    reads = {"field": "contacts.language", "op": "is", "value": which}
    return Whom(f"Who read {NAMES[which]}", lists, (*_did("delivery.got"), reads))


def _of_country(workspace_id: UUID, _mailing_no: int, which: str) -> Whom | None:
    field = shares.country_field(workspace_id)
    if field is None or not which or len(which) > 2:
        return None

    def lists(workspace_id: UUID, number: int, cursor: str, limit: int) -> Page[ListedPerson]:
        return queries.list_of_country(workspace_id, number, field, which, cursor, limit)

    of_country = {"field": f"contacts.field.{field}", "op": "is", "value": which}
    return Whom(f"In {which}", lists, (*_did("delivery.got"), of_country))


_PARTS: Final = {"sent": "delivery.got", "opened": "tracking.read", "clicked": "tracking.click"}
"""What is counted of each receiver, language and country, and what a segment calls it."""


def _part(by: str, did: str) -> Callable[[UUID, int, str], Whom | None]:
    """Those of one receiver, language or country of whom only one number is asked for."""

    def narrowed(workspace_id: UUID, mailing_no: int, which: str) -> Whom | None:
        whole = _WHOLE[by](workspace_id, mailing_no, which)
        if whole is None:
            return None
        field = shares.country_field(workspace_id) or ""

        def lists(workspace_id: UUID, number: int, cursor: str, limit: int) -> Page[ListedPerson]:
            return queries.list_of_part(workspace_id, number, by, did, which, cursor, limit, field=field)

        return Whom(f"{whole.title}: {did}", lists, (*_did(_PARTS[did]), *whole.rules[1:]))

    return narrowed


def _on_device(_workspace_id: UUID, _mailing_no: int, which: str) -> Whom | None:
    if which not in tracking.DEVICES:
        return None
    called = which.lower()
    return Whom(f"Read on a {called}", partial(_readers, kind=None, device=which), _did(f"tracking.device.{called}"))


def _in_currency(_workspace_id: UUID, _mailing_no: int, which: str) -> Whom | None:
    if not re.fullmatch(r"[A-Z]{3}", which):
        return None
    # No segment tells currencies apart.
    return Whom(f"Ordered in {which}", partial(_buyers, currency=which))


_WHOLE: Final[Mapping[str, Callable[[UUID, int, str], Whom | None]]] = {
    "domain": _of_domain, "language": _of_language, "country": _of_country,
}  # fmt: skip
_NARROWED: Final[Mapping[str, Callable[[UUID, int, str], Whom | None]]] = {
    **_WHOLE,
    **{f"{by}-{did}": _part(by, did) for by in _WHOLE for did in _PARTS},
    "link": _of_link, "link-machine": _of_link_by_machines, "device": _on_device, "revenue": _in_currency,
}  # fmt: skip
"""Words that ask which one."""
