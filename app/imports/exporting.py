"""Writing people and signals to a file, some thousand rows a transaction; who asked for it alone can have it.

Who joins or changes while it is written may be in it or not; nobody is in it twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.consent import queries as consent
from app.consent import service as consent_service
from app.consent.queries import suppressed
from app.consent.rules import Word
from app.consent.rules.suppressing import HEADS
from app.contacts import queries as contacts
from app.groups import queries as groups
from app.imports import workbooks
from app.imports.models import Export, ExportChunk, ExportPerson
from app.kernel import clock, csvs, jobs
from app.kernel.db import array_of, session, transaction
from app.kernel.errors import BadInput, NotFound, Problem
from app.kernel.ids import uuid7
from app.segments import queries as segments
from app.tags import queries as tags

JOB: Final = "imports.export"
AT_ONCE: Final = 2_000
WORK_SECONDS: Final = 20.0
KEPT_DAYS: Final = 7
SEGMENT_SECONDS: Final = 60
"""So long it may take to find who is in a segment."""
SHOWN: Final = 20
FORMS: Final = {"csv": "CSV, for everything", "xlsx": "A workbook, for spreadsheets", "jsonl": "JSON Lines, for programs"}
WORKBOOK: Final = "xlsx"
_FIRST: Final = "00000000-0000-0000-0000-000000000000"
Part = tuple[list[list[Any]], list[str] | None]
"""Rows, and behind whom the next ones stand; None: these were the last."""


# --- People ------------------------------------------------------------------------------------------------------

# Each looked up by their id: see ``classing.plan_by_index``.
_THESE: Final = "unnest(CAST(CAST(:ids AS text) AS uuid[])) AS w (id)"
_PEOPLE = text(
    "SELECT c.id, coalesce(a.address, ''), c.first_name, c.last_name, c.language, c.created_at, c.fields,"  # noqa: S608  no input in it
    f" {consent.contact_word_sql()} AS word FROM {_THESE} CROSS JOIN LATERAL"
    " (SELECT * FROM contacts WHERE id = w.id OFFSET 0) AS c LEFT JOIN LATERAL"
    " (SELECT * FROM addresses WHERE contact_id = c.id AND channel = 'email' OFFSET 0) AS a ON true"
    " WHERE c.erased_at IS NULL AND c.merged_into IS NULL ORDER BY c.id"
)
_OF_ALL = text("SELECT id FROM contacts WHERE workspace_id = :workspace_id AND id > :after ORDER BY id LIMIT :limit")
_OF_SEGMENT = text(
    "SELECT contact_id FROM export_people WHERE export_id = :export_id AND contact_id > :after"
    " ORDER BY contact_id LIMIT :limit"
)
_CHOOSE = "INSERT INTO export_people (export_id, contact_id) SELECT :export_id, people.contact_id FROM ({people}) AS people"
_PERMISSIONS = text(
    f"SELECT p.contact_id, p.interest_id, {consent.word_sql()} FROM {_THESE} CROSS JOIN LATERAL"  # noqa: S608  no input in it
    " (SELECT * FROM permissions WHERE contact_id = w.id OFFSET 0) AS p LEFT JOIN LATERAL (SELECT * FROM reach"
    "  WHERE workspace_id = p.workspace_id AND contact_id = w.id AND channel = 'email' OFFSET 0) AS r ON true"
    " WHERE p.workspace_id = :workspace_id AND p.purpose = 'marketing' AND p.channel = 'email'"
)


def _people_columns(workspace_id: UUID) -> list[str]:
    fields = [found.key for found in contacts.list_fields(workspace_id)]
    interests = [found.name for found in consent.list_interests(workspace_id)]
    return _apart(["email", "first_name", "last_name", "language", "added_at", "permission", "tags", "company", "role", *interests, *fields])


def _apart(names: Sequence[str]) -> list[str]:
    """An interest or a field may be called like something else: the later one gets a number."""
    found: list[str] = []
    for name in names:
        number, free = 1, name
        while free in found:
            number += 1
            free = f"{name} ({number})"
        found.append(free)
    return found


def _people(found: Export) -> Part:
    is_segment = bool(found.which.get("segment"))
    if is_segment and found.position is None:
        _choose(found)
    after = found.position[0] if found.position else _FIRST
    values = {"workspace_id": found.workspace_id, "export_id": found.id, "after": after, "limit": AT_ONCE}
    ids = list(session().execute(_OF_SEGMENT if is_segment else _OF_ALL, values).scalars())
    return _written(found, ids), [str(ids[-1])] if len(ids) == AT_ONCE else None


def _choose(found: Export) -> None:
    """Keep who is in the segment now: all slices are of the same people.

    Raises:
        Problem: it cannot be told any more, or takes too long.
    """
    people, values = segments.members_sql(found.workspace_id, UUID(found.which["segment"]))
    with segments.planned(SEGMENT_SECONDS):
        done = session().execute(text(_CHOOSE.format(people=people)), values | {"export_id": found.id})
    found.total = done.rowcount  # type: ignore[attr-defined]


def _written(found: Export, ids: Sequence[UUID]) -> list[list[Any]]:
    """The rows of these people, who are not erased."""
    values = {"workspace_id": found.workspace_id, "now": clock.now(), "ids": array_of(ids)}
    rows = session().execute(_PEOPLE, values).all()
    words: dict[UUID, dict[UUID, str]] = {}
    for contact_id, interest_id, word in session().execute(_PERMISSIONS, values):
        words.setdefault(contact_id, {})[interest_id] = word
    carried, companies = tags.words_of(found.workspace_id, ids), groups.companies_of(found.workspace_id, ids)
    interests = [one.id for one in consent.list_interests(found.workspace_id)]
    keys = [one.key for one in contacts.list_fields(found.workspace_id)]
    wanted, about = found.which.get("word", ""), found.which.get("interest", "")
    written = []
    for contact_id, email, first, last, language, added_at, fields, word in rows:
        own = words.get(contact_id, {})
        standing = own.get(UUID(about), "") if about else word
        if (about and not standing) or (wanted and standing != wanted):
            continue
        written.append(
            [email, first, last, language, added_at.isoformat(timespec="seconds"), word]
            + [carried.get(contact_id, ""), *companies.get(contact_id, ("", ""))]
            + [own.get(one, "") for one in interests]
            + [fields.get(key, "") for key in keys]
        )
    return written


# --- Signals -----------------------------------------------------------------------------------------------------

_SIGNALS = text(
    "SELECT s.contact_id, s.at, s.event_id, coalesce(a.address, ''), s.kind, s.mailing_no, s.link, s.verdict, s.reason,"
    " s.data"
    " FROM signals s LEFT JOIN addresses a ON a.contact_id = s.contact_id AND a.channel = 'email'"
    " WHERE s.workspace_id = :workspace_id AND s.contact_id IS NOT NULL"
    " AND (s.contact_id, s.at, s.event_id) > (:person, :at, :event)"
    " ORDER BY s.contact_id, s.at, s.event_id LIMIT :limit"
)
_SIGNAL_COLUMNS: Final = ["email", "at", "kind", "mailing", "link", "verdict", "reason", "data"]


def _signals(found: Export) -> Part:
    person, at, event = found.position or [_FIRST, "1970-01-01T00:00:00+00:00", _FIRST]
    values = {"workspace_id": found.workspace_id, "person": person, "at": at, "event": event, "limit": AT_ONCE}
    rows = session().execute(_SIGNALS, values).all()
    written = [
        [
            email, moment.isoformat(timespec="seconds"), kind, mailing or "", link if link >= 0 else "", verdict, reason,
            json.dumps(data, ensure_ascii=False) if data else "",
        ]
        for _, moment, _, email, kind, mailing, link, verdict, reason, data in rows
    ]  # fmt: skip
    last = rows[-1] if len(rows) == AT_ONCE else None
    return written, [str(last[0]), last[1].isoformat(), str(last[2])] if last else None


# --- Suppressed addresses ----------------------------------------------------------------------------------------


def _suppressed(found: Export) -> Part:
    page = suppressed.list_suppressed(found.workspace_id, None, (found.position or [""])[0], AT_ONCE)
    written = [
        [
            consent_service.address_behind(one.key, one.address_hash), one.address_hash.hex(), one.channel,
            one.reason.value, one.since.isoformat(), one.source,
        ]
        for one in page.rows
    ]  # fmt: skip
    return written, [page.next_cursor] if page.next_cursor else None


@dataclass(frozen=True, slots=True)
class What:
    """Something that can be had as a file."""

    label: str
    columns: Callable[[UUID], list[str]]
    part: Callable[[Export], Part]


WHATS: Final[Mapping[str, What]] = {
    "people": What("People", _people_columns, _people),
    "signals": What("What people did, as far as they let us see it", lambda _: _SIGNAL_COLUMNS, _signals),
    "suppressed": What("Addresses that must not be written to", lambda _: list(HEADS), _suppressed),
}


# --- The file ----------------------------------------------------------------------------------------------------


def start(
    workspace_id: UUID, what: str, form: str, *, by: UUID, word: str = "", interest: UUID | None = None,
    segment: UUID | None = None,
) -> UUID:  # fmt: skip
    """Ask for a file; it is written in the background.

    Raises:
        BadInput: no such thing, form, word, interest or segment.
    """
    faults = {}
    if what not in WHATS:
        faults["what"] = "Choose what to export."
    if form not in FORMS:
        faults["form"] = "Choose one of the forms."
    if word and word not in set(Word):
        faults["word"] = "Choose one of the words yes, asked, no and never."
    if interest is not None and not consent.get_interests(workspace_id, [interest]):
        faults["interest"] = "Choose from the list."
    if segment is not None and segment not in dict(segments.list_names(workspace_id)):
        faults["segment"] = "Choose from the list."
    if faults:
        raise BadInput("This cannot be exported.", fields=faults)
    now, export_id = clock.now(), uuid7()
    # Of what people did nobody knows how much there is before it is read.
    total = sum(consent.counts_by_word(workspace_id, now).values()) if what == "people" else 0
    which = {"word": word, "interest": str(interest or ""), "segment": str(segment or "")} if what == "people" else {}
    session().add(
        Export(
            id=export_id, workspace_id=workspace_id, user_id=by, created_at=now, what=what, form=form, which=which,
            total=total, expires_at=now + timedelta(days=KEPT_DAYS),
        )
    )  # fmt: skip
    accounts_service.record(
        "export.asked", by=acts.user(by), workspace_id=workspace_id, of=f"export:{export_id}",
        detail={"what": what, "form": form, **which},
    )  # fmt: skip
    jobs.ring_job(JOB)
    return export_id


def get_export(workspace_id: UUID, user_id: UUID, export_id: UUID) -> Export:
    """One that this user asked for and that has not ended.

    Raises:
        NotFound: it is somebody else's, or its time is over.
    """
    query = select(Export).where(
        Export.id == export_id, Export.workspace_id == workspace_id, Export.user_id == user_id
    )
    found = session().execute(query).scalar_one_or_none()
    if found is None or found.expires_at <= clock.now():
        raise NotFound("This export is not here. They end after a week, and only who asked for one can have it.")
    return found


def list_exports(workspace_id: UUID, user_id: UUID) -> Sequence[Export]:
    """A user's own, the newest first."""
    query = select(Export).where(
        Export.workspace_id == workspace_id, Export.user_id == user_id, Export.expires_at > clock.now()
    )
    return session().execute(query.order_by(Export.created_at.desc()).limit(SHOWN)).scalars().all()


def iter_octets(export_id: UUID, chunks: int) -> Iterator[bytes]:
    """The file, piece by piece."""
    for no in range(chunks):
        query = select(ExportChunk.octets).where(ExportChunk.export_id == export_id, ExportChunk.no == no)
        with transaction():
            piece = session().execute(query).scalar_one_or_none()
        if piece is None:
            return
        yield piece


def run() -> None:
    """Go on with every file that is being written; a job."""
    until = time.monotonic() + WORK_SECONDS
    while time.monotonic() < until:
        with transaction():
            waiting = list(session().execute(select(Export.id).where(Export.ended_at.is_(None))).scalars())
        if not waiting:
            return
        for export_id in waiting:
            with transaction():
                _write_next(export_id)
    with transaction():
        jobs.ring_job(JOB)


def _write_next(export_id: UUID) -> None:
    query = select(Export).where(Export.id == export_id, Export.ended_at.is_(None))
    found = session().execute(
        query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if found is None:
        return
    if found.position == []:
        _bind(found)
        return
    try:
        rows, position = WHATS[found.what].part(found)
    except Problem as problem:
        found.fault, found.ended_at = problem.detail, clock.now()
        return
    _add(found, _octets(found, rows))
    found.rows += len(rows)
    is_waiting = position is None and found.form == WORKBOOK
    found.position = [] if is_waiting else position
    if position is None and not is_waiting:
        _end(found)


def _add(found: Export, octets: bytes) -> None:
    session().execute(insert(ExportChunk).values(export_id=found.id, no=found.chunks, octets=octets))
    found.chunks += 1
    found.octets += len(octets)


def _bind(found: Export) -> None:
    """Let the rows that wait become a workbook, in one transaction: whoever is killed in it begins it anew."""
    pieces = workbooks.write(WHATS[found.what].columns(found.workspace_id), _chunks(found.id, found.chunks))
    waiting, found.octets = found.chunks, 0
    for piece in pieces:
        _add(found, piece)
    session().execute(delete(ExportChunk).where(ExportChunk.export_id == found.id, ExportChunk.no < waiting))
    # In two steps, so that none of them is on another one's number meanwhile.
    for step in (-found.chunks, found.chunks - waiting):
        session().execute(
            update(ExportChunk).where(ExportChunk.export_id == found.id).values(no=ExportChunk.no + step)
        )
    found.chunks -= waiting
    _end(found)


def _chunks(export_id: UUID, chunks: int) -> Iterator[bytes]:
    for no in range(chunks):
        query = select(ExportChunk.octets).where(ExportChunk.export_id == export_id, ExportChunk.no == no)
        yield session().execute(query).scalar_one()


def _end(found: Export) -> None:
    found.ended_at = clock.now()
    session().execute(delete(ExportPerson).where(ExportPerson.export_id == found.id))


def _octets(found: Export, rows: Sequence[Sequence[Any]]) -> bytes:
    columns, is_first = WHATS[found.what].columns(found.workspace_id), found.chunks == 0
    if found.form == "jsonl":
        lines = [
            json.dumps({name: value for name, value in zip(columns, row, strict=True) if value != ""}, ensure_ascii=False)
            for row in rows
        ]
        return "".join(f"{line}\n" for line in lines).encode()
    if found.form == WORKBOOK:
        return workbooks.lines([_typed(value) for value in row] for row in rows)
    cells = [[_cell(value) for value in row] for row in rows]
    written = csvs.write([columns, *cells] if is_first else cells)
    if not is_first:
        next(written)  # the mark of UTF-8 stands once
    return "".join(written).encode()


def _typed(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else _cell(value)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def tidy() -> None:
    """Drop files whose time is over."""
    with transaction():
        over = select(Export.id).where(Export.expires_at <= clock.now()).limit(50)
        ids = list(session().execute(over).scalars())
        for table in (ExportChunk, ExportPerson):
            session().execute(delete(table).where(table.export_id.in_(ids)))
        session().execute(delete(Export).where(Export.id.in_(ids)))
