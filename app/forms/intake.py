"""From a post to the question: a post writes one row, whoever it names, and a worker takes it from there.

So an answer costs and tells the same for known and unknown addresses, and a flood of posts waits in a table and
not before the ledger.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update

from app.consent import service as consent
from app.consent.rules import By, Level, Proof, Shown
from app.contacts import queries as contacts_queries
from app.contacts import service as contacts
from app.contacts.addresses import Address, normalise
from app.delivery import service as delivery
from app.forms import counting, queries
from app.forms.abuse import brake
from app.forms.models import Form, FormVersion, Submission
from app.forms.rules import DAY_SECONDS, REQUESTS_PER_ADDRESS_AND_DAY, fingerprint
from app.kernel import clock, jobs, limits
from app.kernel.db import session, transaction
from app.kernel.errors import Problem
from app.kernel.ids import uuid7
from app.preferences import queries as preferences_queries
from app.preferences import service as preferences

log = logging.getLogger(__name__)
JOB = "forms.take"
AT_ONCE = 20
"""Answers in one transaction; several workers share what waits."""
# Plain text: each post writes this one statement, and putting it together anew takes longer than running it.
_RECEIVE = text(
    "INSERT INTO submissions (id, workspace_id, form_id, fingerprint, values, source, post, created_at) VALUES "
    "(:id, :workspace_id, :form_id, :fingerprint, CAST(:values AS jsonb), :source, CAST(:post AS jsonb), :now) "
    "ON CONFLICT (form_id, fingerprint) DO NOTHING RETURNING id"
)

_TAKEN = text(
    "UPDATE submissions SET contact_id = :contact_id, request_id = :request_id, post = NULL WHERE id = :id"
)


@dataclass(frozen=True, slots=True)
class Post:
    """A checked answer, and what is known about how it came.

    Args:
        once: the page's own key; empty for pasted forms, whose posts are never taken for the same.
        pairs: all that was posted, to tell a repeated post from a corrected one.
        page_url: where the form stood.
        source: through which door it came, as the counts name it.
        guardian: who is asked first, where the person may not decide alone.
        profile: first and last name; custom: raw values by field key. Taken over with the person's yes.
    """

    address: Address
    interests: tuple[UUID, ...]
    tracking: bool
    proof: Proof
    once: str = ""
    pairs: Sequence[tuple[str, str]] = ()
    page_url: str = ""
    referrer: str = ""
    source: str = counting.PAGE
    guardian: Address | None = None
    profile: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, list[str]] = field(default_factory=dict)

    def to_json(self, version: FormVersion) -> dict[str, Any]:
        """What a worker needs to take it later."""
        return {
            "version": version.version,
            "language": version.language,
            "typed": self.address.raw,
            "guardian": self.guardian.raw if self.guardian else "",
            "interests": [str(found) for found in self.interests],
            "tracking": self.tracking,
            "page_url": self.page_url,
            "referrer": self.referrer,
            "proof": {
                "ip": self.proof.ip,
                "user_agent": self.proof.user_agent,
                "http_method": self.proof.http_method,
                "verdict": self.proof.verdict,
            },
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any], source: str) -> Post:
        """What ``to_json`` wrote; what waits for the yes stands in the row's own column."""
        return cls(
            address=normalise(plain["typed"]),
            guardian=normalise(plain["guardian"]) if plain.get("guardian") else None,
            interests=tuple(UUID(found) for found in plain["interests"]),
            tracking=plain["tracking"],
            proof=Proof(**plain["proof"]),
            page_url=plain["page_url"],
            referrer=plain["referrer"],
            source=source,
        )


def receive(form: Form, version: FormVersion, post: Post) -> bool:
    """Keep an answer for a worker, who asks the person by one mail within a second.

    The unique key is (form, fingerprint of the post): one that was sent twice changes nothing and says nothing.

    Returns:
        Whether it is new.
    """
    submission_id = uuid7()
    made = session().execute(
        _RECEIVE,
        {
            "id": submission_id, "workspace_id": form.workspace_id, "form_id": form.id,
            "fingerprint": fingerprint(post.once or str(submission_id), post.pairs),
            "values": json.dumps({"profile": dict(post.profile), "custom": dict(post.custom)}),
            "source": post.source, "post": json.dumps(post.to_json(version)), "now": clock.now(),
        },
    )  # fmt: skip
    jobs.ring_job(JOB)
    return made.scalar_one_or_none() is not None


def submit(form: Form, version: FormVersion, post: Post) -> None:
    """Receive an answer and take it at once, in the caller's transaction."""
    if receive(form, version, post):
        take_waiting(form.id)


def take_all() -> None:
    """Take everything that waits, a few answers a transaction; for the job."""
    while _take_some() == AT_ONCE:
        pass


def _take_some() -> int:
    try:
        with transaction():
            return take_waiting()
    except Problem:
        # One of them cannot be taken any more (its interests are gone): each for itself, and that one is dropped.
        log.warning("an answer to a form could not be taken")
    done = 0
    while done < AT_ONCE and _take_one():
        done += 1
    return done


def _take_one() -> bool:
    try:
        with transaction():
            return take_waiting(limit=1) == 1
    except Problem:
        with transaction():
            for row in _waiting(None, 1):
                _drop(row)
        return True


def take_waiting(form_id: UUID | None = None, *, limit: int = AT_ONCE) -> int:
    """Take the oldest answers that nobody else is taking: one question each, in the caller's transaction.

    More than five a day for one mailbox change nothing.

    Returns:
        How many were looked at.
    """
    rows = _waiting(form_id, limit)
    known = _versions(rows)
    answers = [
        _Answer(row, *known[_version_of(row)], Post.from_json(row.post or {}, row.source)) for row in rows
    ]
    taken = []
    for answer, may_be_asked in zip(answers, _within_limits(answers), strict=True):
        if may_be_asked:
            taken.append(answer)
        else:
            _drop(answer.row)
    # In one order, so that two workers never wait for each other.
    for workspace_id in sorted({answer.form.workspace_id for answer in taken}):
        _ask_all(workspace_id, [answer for answer in taken if answer.form.workspace_id == workspace_id])
    _count(taken)
    return len(rows)


@dataclass(frozen=True, slots=True)
class _Answer:
    """A row that waits, with the form and the wording that it came through."""

    row: Submission
    form: Form
    version: FormVersion
    post: Post


def _count(taken: Sequence[_Answer]) -> None:
    counted = Counter((answer.form.id, answer.version.version, answer.row.source) for answer in taken)
    forms = {answer.form.id: answer.form for answer in taken}
    for (id_, number, source), submits in sorted(counted.items()):
        counting.count(forms[id_], version=number, source=source, submits=submits)
    brake.watch(forms[id_] for id_ in sorted(forms))


def _waiting(form_id: UUID | None, limit: int) -> list[Submission]:
    query = select(Submission).where(Submission.post.is_not(None))
    if form_id is not None:
        query = query.where(Submission.form_id == form_id)
    query = query.order_by(Submission.created_at).limit(limit).with_for_update(skip_locked=True)
    return list(session().execute(query.execution_options(populate_existing=True)).scalars())


def _versions(rows: Sequence[Submission]) -> dict[tuple[UUID, int, str], tuple[Form, FormVersion]]:
    return {key: queries.get_version(*key) for key in {_version_of(row) for row in rows}}


def _version_of(row: Submission) -> tuple[UUID, int, str]:
    post = row.post or {}
    return row.form_id, post["version"], post["language"]


def _ask_all(workspace_id: UUID, answers: Sequence[_Answer]) -> None:
    """One question for each answer of a workspace."""
    days = preferences_queries.confirm_days(workspace_id)
    questions = [_question(answer, days) for answer in answers]
    requests = consent.ask_all(workspace_id, questions)
    session().execute(
        _TAKEN,
        [
            {"id": answer.row.id, "contact_id": request.contact_id, "request_id": request.id}
            for answer, request in zip(answers, requests, strict=True)
        ],
    )
    wishes = []
    for answer, request in zip(answers, requests, strict=True):
        if answer.post.guardian is not None:
            preferences.ask_guardian(request.id, answer.post.guardian, form=answer.form.public_id)
        else:
            data = {"form": answer.form.public_id}
            wishes.append(delivery.Wish(request.id, request.contact_id, answer.post.address.address, data))
    delivery.send_system_to(workspace_id, "confirm", wishes)


def _question(answer: _Answer, days: int) -> consent.Question:
    form, version, post, row = answer.form, answer.version, answer.post, answer.row
    contact_id, _new = contacts.find_or_make(form.workspace_id, post.address, language=version.language)
    return consent.Question(
        contact_id,
        post.interests,
        Level.INDIVIDUAL if post.tracking else None,
        post.address.raw,
        _shown(form, version, post, row.created_at),
        By("person"),
        post.proof,
        days=days,
        country=contacts_queries.country_in(form.workspace_id, row.values.get("custom") or {}),
    )


def _within_limits(answers: Sequence[_Answer]) -> list[bool]:
    """Whether every mailbox that is written to may be asked today; the guardian's is as easily a stranger's."""
    counted: list[limits.Limit] = []
    of: list[int] = []
    for index, answer in enumerate(answers):
        post = answer.post
        for folded in sorted({found.folded for found in (post.address, post.guardian) if found is not None}):
            key = f"{answer.form.workspace_id}:{folded}"
            counted.append(
                limits.Limit("signup.address", key, REQUESTS_PER_ADDRESS_AND_DAY, DAY_SECONDS)
            )
            of.append(index)
    beyond = {index for index, is_within in zip(of, limits.hits(*counted), strict=True) if not is_within}
    return [index not in beyond for index in range(len(answers))]


def _drop(row: Submission) -> None:
    """Nothing personal stays; the fingerprint does, so that the same post is known again."""
    session().execute(update(Submission).where(Submission.id == row.id).values(post=None, values={}))


def _shown(form: Form, version: FormVersion, post: Post, posted_at: datetime) -> Shown:
    texts = (version.consent_text_id, version.tracking_text_id, version.notice_text_id)
    boxes = ("yes", "tracking") if version.tracking_text_id else ("yes",)
    return Shown(
        language=version.language,
        text_ids=tuple(text_id for text_id in texts if text_id is not None),
        form_id=form.id,
        form_version=version.version,
        page_sha256=version.sha256,
        page_url=post.page_url,
        referrer=post.referrer,
        boxes=boxes,
        posted_at=posted_at,
    )
