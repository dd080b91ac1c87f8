"""Reads about forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import and_, func, select

from app.forms.models import Form, FormCount, FormVersion, Submission
from app.forms.rules import Definition
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import NotFound

WEEKS = 12


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums over some days."""

    views: int = 0
    submits: int = 0
    confirms: int = 0


@dataclass(frozen=True, slots=True)
class ListedForm:
    """A form with its sums of the last twelve weeks, and its answers by week, oldest first."""

    form: Form
    words: Definition
    counts: Counts
    weeks: tuple[int, ...]


def get_form(workspace_id: UUID, form_id: UUID) -> Form:
    """The form.

    Raises:
        NotFound: none of this workspace.
    """
    query = select(Form).where(Form.workspace_id == workspace_id, Form.id == form_id)
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This form is not here.")
    return found


def get_open_form(public_id: str) -> Form:
    """The form behind a public address; this is the one look-up without a workspace, since it tells which.

    Raises:
        NotFound: no such form, or it is closed.
    """
    query = select(Form).where(Form.public_id == public_id, Form.archived_at.is_(None))
    found = session().execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("This form is not here. It may have been closed.")
    return found


def list_versions(form: Form, version: int | None = None) -> list[FormVersion]:
    """A version in all its languages, by default the current one; the form's own language first."""
    query = select(FormVersion).where(
        FormVersion.form_id == form.id, FormVersion.version == (version or form.current_version)
    )
    found = list(session().execute(query).scalars())
    return sorted(found, key=lambda row: (row.language != form.language, row.language))


def find_open_version(public_id: str, version: int, language: str) -> tuple[Form, FormVersion] | None:
    """A form that is open, with one of its versions; one statement, since every post asks it."""
    query = (
        select(Form, FormVersion)
        .join(FormVersion, FormVersion.form_id == Form.id)
        .where(
            Form.public_id == public_id,
            Form.archived_at.is_(None),
            FormVersion.version == version,
            FormVersion.language == language,
        )
    )
    row = session().execute(query).one_or_none()
    return (row[0], row[1]) if row else None


def find_version(form: Form, version: int, language: str) -> FormVersion | None:
    """One version in one language."""
    return session().get(FormVersion, (form.id, version, language))


def get_version(form_id: UUID, version: int, language: str) -> tuple[Form, FormVersion]:
    """A form, open or closed, with a version that somebody has seen."""
    query = (
        select(Form, FormVersion)
        .join(FormVersion, FormVersion.form_id == Form.id)
        .where(Form.id == form_id, FormVersion.version == version, FormVersion.language == language)
    )
    row = session().execute(query).one()
    return row[0], row[1]


def list_forms(workspace_id: UUID) -> list[ListedForm]:
    """All forms, open ones first, then the newest, with what happened on them in the last twelve weeks."""
    rows = (
        session()
        .execute(
            select(Form, FormVersion)
            .join(
                FormVersion,
                and_(
                    FormVersion.form_id == Form.id,
                    FormVersion.version == Form.current_version,
                    FormVersion.language == Form.language,
                ),
            )
            .where(Form.workspace_id == workspace_id)
            .order_by(Form.archived_at.is_not(None), Form.created_at.desc(), Form.id)
        )
        .all()
    )
    days = _days(workspace_id)
    return [ListedForm(form, version.words, *_sums(days.get(form.id, []))) for form, version in rows]


def _days(workspace_id: UUID) -> dict[UUID, list[tuple[int, Counts]]]:
    """For each form its days as (weeks ago, figures)."""
    today = clock.now().date()
    query = select(FormCount).where(
        FormCount.workspace_id == workspace_id, FormCount.counted_on > today - timedelta(weeks=WEEKS)
    )
    found: dict[UUID, list[tuple[int, Counts]]] = {}
    for row in session().execute(query).scalars():
        counts = Counts(row.views, row.submits, row.confirms)
        found.setdefault(row.form_id, []).append(((today - row.counted_on).days // 7, counts))
    return found


def _sums(days: Sequence[tuple[int, Counts]]) -> tuple[Counts, tuple[int, ...]]:
    total = _total([day for _, day in days])
    weeks = tuple(sum(day.submits for ago, day in days if ago == week) for week in reversed(range(WEEKS)))
    return total, weeks


@dataclass(frozen=True, slots=True)
class Results:
    """What one form brought in the last days.

    Args:
        days: (day, figures), oldest first, each day there.
        sources: (source, figures), the most answers first.
    """

    days: tuple[tuple[date, Counts], ...]
    sources: tuple[tuple[str, Counts], ...]

    @property
    def total(self) -> Counts:
        """All days together."""
        return _total([counts for _, counts in self.days])


def results(form: Form, days: int) -> Results:
    """A form's figures of the last days, by day and by where people came from."""
    today = clock.now().date()
    first = today - timedelta(days=days - 1)
    query = select(FormCount).where(FormCount.form_id == form.id, FormCount.counted_on >= first)
    by_day: dict[date, list[Counts]] = {first + timedelta(days=number): [] for number in range(days)}
    by_source: dict[str, list[Counts]] = {}
    for row in session().execute(query).scalars():
        counts = Counts(row.views, row.submits, row.confirms)
        by_day.setdefault(row.counted_on, []).append(counts)
        by_source.setdefault(row.source, []).append(counts)
    sources = [(source, _total(found)) for source, found in by_source.items()]
    return Results(
        tuple((day, _total(found)) for day, found in sorted(by_day.items())),
        tuple(sorted(sources, key=lambda pair: (-pair[1].submits, -pair[1].views, pair[0]))),
    )


def _total(counts: Sequence[Counts]) -> Counts:
    return Counts(
        sum(one.views for one in counts),
        sum(one.submits for one in counts),
        sum(one.confirms for one in counts),
    )


def seen_by_version(form: Form) -> dict[int, int]:
    """How many times each version was shown; pasted copies are known by their posts alone."""
    query = (
        select(FormCount.version, func.sum(FormCount.views), func.sum(FormCount.submits))
        .where(FormCount.form_id == form.id)
        .group_by(FormCount.version)
    )
    return {version: max(int(views), int(submits)) for version, views, submits in session().execute(query)}


def list_history(form: Form, language: str) -> list[FormVersion]:
    """Versions in one language, newest first."""
    query = select(FormVersion).where(FormVersion.form_id == form.id, FormVersion.language == language)
    return list(session().execute(query.order_by(FormVersion.version.desc())).scalars())


def list_submissions(workspace_id: UUID, contact_id: UUID) -> Sequence[Submission]:
    """What one person sent with forms and has not been taken over yet, oldest first."""
    query = select(Submission).where(
        Submission.workspace_id == workspace_id, Submission.contact_id == contact_id
    )
    return list(session().execute(query.order_by(Submission.created_at)).scalars())
