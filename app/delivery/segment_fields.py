"""By what people can be chosen that we sent them."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from sqlalchemy import select

from app.delivery.models import Mailing
from app.delivery.pacing.groups import group_sql
from app.delivery.refusals import refused_sql
from app.delivery.rules import REFUSALS, STATES, Kind, Leaving, MessageState, Word
from app.kernel.db import session
from app.kernel.segment_fields import (
    Acts,
    Bound,
    Condition,
    People,
    Rows,
    SegmentChoices,
    SegmentField,
    Type,
)
from app.tracking import queries as tracking
from app.tracking.rules.verdicts import Verdict

# Newsletters alone: what answers somebody's own act says nothing about what we sent them.
_SENT = Acts(
    "messages m WHERE m.workspace_id = :workspace_id AND m.contact_id IS NOT NULL"
    f" AND m.permission_id IS NOT NULL AND m.state = '{MessageState.SENT}'",
    contact="m.contact_id", at="m.done_at", of="m.mailing_no",
)  # fmt: skip


def _mailings(workspace_id: UUID) -> tuple[tuple[str, str], ...]:
    query = select(Mailing.no, Mailing.title).where(
        Mailing.workspace_id == workspace_id, Mailing.kind == Kind.BULK
    )
    return tuple((str(no), title) for no, title in session().execute(query.order_by(Mailing.no.desc())))


def _ended(condition: str) -> Acts:
    return Acts(
        "messages m WHERE m.workspace_id = :workspace_id AND m.contact_id IS NOT NULL AND m.permission_id IS NOT NULL"
        f" AND {condition}",
        contact="m.contact_id", at="m.done_at", of="m.mailing_no",
    )  # fmt: skip


def _waiting() -> Acts:
    return Acts(
        "messages m WHERE m.workspace_id = :workspace_id AND m.contact_id IS NOT NULL AND m.permission_id IS NOT NULL"
        f" AND {_states(Word.WAITING)}",
        contact="m.contact_id", at="m.created_at", of="m.mailing_no",
    )  # fmt: skip


def _states(word: Word) -> str:
    return f"m.state IN ({', '.join(repr(state.value) for state in STATES[word])})"


def _went(kind: Leaving) -> Acts:
    return Acts(
        "mailing_leavings l JOIN messages m ON m.mailing_no = l.mailing_no AND m.n = l.n"
        f" WHERE l.workspace_id = :workspace_id AND l.kind = '{kind}' AND m.contact_id IS NOT NULL",
        contact="m.contact_id", at="l.at", of="l.mailing_no",
    )  # fmt: skip


def _followed(condition: Condition, bound: Bound, *, verdict: Verdict = Verdict.HUMAN) -> People:
    """Who followed a link: of one letter, which its number says, or any."""
    sql = (
        "SELECT s.contact_id FROM signals s WHERE s.workspace_id = :workspace_id AND s.contact_id IS NOT NULL"
        " AND s.kind = 'click' AND s.link >= 0"
    )
    sql += f" AND s.verdict = {bound.bind(verdict.value)}"
    if condition.of is not None:
        number, index = tracking.link_of(int(condition.of))
        sql += f" AND s.mailing_no = {bound.bind(number)} AND s.link = {bound.bind(index)}"
    if condition.days is not None:
        sql += f" AND s.at >= {bound.bind(bound.ago(condition.days))}"
    if condition.times is not None:
        sql += f" GROUP BY s.contact_id HAVING count(*) >= {bound.bind(condition.times)}"
    return People(sql)


def _links(workspace_id: UUID) -> tuple[tuple[str, str], ...]:
    titles = dict(_mailings(workspace_id))
    return tuple(
        (str(tracking.link_number(number, index)), f"{titles[str(number)]}: {url}")
        for number, links in tracking.list_links(workspace_id)
        if str(number) in titles
        for index, url in enumerate(links)
    )


_SENDING = "Sending"


def _act(key: str, label: str, phrase: str, sql: Acts) -> SegmentField:
    return SegmentField(f"delivery.{key}", label, _SENDING, Type.ACT, sql, phrase=phrase, of="mailing")


FIELDS: tuple[SegmentField | SegmentChoices, ...] = (
    SegmentField(
        "delivery.got", "Got a letter", "Reading", Type.ACT, _SENT, phrase="got a letter", of="mailing"
    ),
    SegmentField(
        "delivery.link", "Followed one link", "Reading", Type.ACT, _followed, phrase="followed one link", of="link"
    ),
    SegmentField(
        "delivery.link.machine", "A machine followed one link", "Reading", Type.ACT, partial(_followed, verdict=Verdict.MACHINE),
        phrase="had one link followed by a machine", of="link",
    ),
    _act("waiting", "Waits for a letter", "waits for a letter", _waiting()),
    _act("skipped", "Was left out", "was left out of a letter", _ended(_states(Word.SKIPPED))),
    _act("failed", "Was not reached", "was not reached by a letter", _ended(_states(Word.FAILED))),
    _act("unknown", "Is in doubt", "may have got a letter", _ended(_states(Word.UNKNOWN))),
    *(
        _act(
            f"refused.{refusal}", f"Was not reached: {words[0]}", f"was not reached by a letter ({words[0].lower()})",
            _ended(refused_sql("m", refusal)),
        )
        for refusal, words in REFUSALS.items()
    ),
    _act("left", "Left within a week", "left within a week after a letter", _went(Leaving.LEFT)),
    _act("complained", "Complained within a week", "complained within a week after a letter", _went(Leaving.COMPLAINED)),
    SegmentField(
        "delivery.receiver", "Provider of the email address", _SENDING, Type.TEXT,
        Rows("addresses a WHERE a.workspace_id = :workspace_id AND a.channel = 'email'", "a.contact_id", group_sql("a.domain")),
        operators=("is", "is_not"),
    ),
    SegmentChoices("mailing", _mailings),
    SegmentChoices("link", _links),
)  # fmt: skip
