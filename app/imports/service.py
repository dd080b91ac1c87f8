"""The verbs of imports, as the person who brings a file gives them. The work itself is the job's."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from datetime import timedelta
from itertools import zip_longest
from typing import IO, Final
from uuid import UUID

from sqlalchemy import delete, text, update

from app.accounts import service as accounts_service
from app.accounts.rules import acts
from app.consent import queries as consent
from app.contacts import queries as contacts
from app.contacts.rules import FieldKind
from app.imports import converting, files, permitting, queries, reading
from app.imports.dialects import DELIMITERS, QUOTES, Unreadable
from app.imports.models import Import, ImportSlice
from app.imports.numerals import EITHER
from app.imports.reading import ENCODINGS, Layout
from app.imports.rules import FIELD, UNDO_DAYS, ImportState, Plan, Target, read_moment
from app.kernel import clock, jobs
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7

JOB: Final = "imports.run"
HELP: Final = "imports.help"
MOST_OCTETS: Final = 512 * 1024 * 1024
MAX_NAME: Final = 200


def upload(workspace_id: UUID, name: str, file: IO[bytes], *, by: UUID) -> UUID:
    """Keep a file and look how it is written; nothing is read into people yet.

    Args:
        workspace_id: whose people they will be.
        name: of the file.
        file: from its beginning; can be read more than once, and is closed.
        by: the user who gives it.

    Raises:
        BadInput: it is empty, no text, or has no rows.
    """
    digest = hashlib.sha256()
    while piece := file.read(files.CHUNK):
        digest.update(piece)
    file.seek(0)
    try:
        with converting.converted(file) or file as text_file:
            return _keep(workspace_id, name, text_file, digest.hexdigest(), by)
    except Unreadable as fault:
        raise BadInput("This file cannot be read.", fields={"file": str(fault)}) from None


def _keep(workspace_id: UUID, name: str, file: IO[bytes], sha256: str, by: UUID) -> UUID:
    layout = _layout_of(file)
    octets = file.seek(0, os.SEEK_END)
    file.seek(0)
    import_id = uuid7()
    session().add(
        Import(
            id=import_id, workspace_id=workspace_id, user_id=by, created_at=clock.now(),
            name=(name.replace("\\", "/").rpartition("/")[2] or "people.csv")[:MAX_NAME], octets=octets,
            sha256=sha256, layout=layout.to_json(), state=ImportState.UPLOADED.value,
        )
    )  # fmt: skip
    session().flush()
    files.keep(import_id, file)
    return import_id


def _layout_of(file: IO[bytes]) -> Layout:
    head = file.read(reading.SNIFFED)
    file.seek(0)
    return reading.sniff(head, is_whole=len(head) < reading.SNIFFED)


def read_anew(
    workspace_id: UUID, import_id: UUID, *, encoding: str = "", delimiter: str = "", quotes: str = ""
) -> None:
    """Look at a file anew, by what somebody knows better than was told from its octets.

    Args:
        workspace_id: whose file it is.
        import_id: which.
        encoding: of those that are known (``reading.sniff``); empty: told from the octets.
        delimiter: so, too.
        quotes: so, too.

    Raises:
        NotFound: none of this workspace.
        Conflict: it is read already.
        BadInput: something unknown, or nothing can be read like this.
    """
    found = queries.get_import(workspace_id, import_id)
    if found.state != ImportState.UPLOADED:
        raise Conflict("This file is read already. Go back to its columns first.")
    known = (("encoding", encoding, ENCODINGS), ("delimiter", delimiter, DELIMITERS), ("quotes", quotes, QUOTES))
    faults = {name: "Choose one of those offered." for name, value, all_ in known if value and value not in all_}
    if faults:
        raise BadInput("The file cannot be read like this.", fields=faults)
    head = files.Kept(import_id).read(reading.SNIFFED) or b""
    is_whole = len(head) < reading.SNIFFED
    try:
        layout = reading.sniff(head, is_whole=is_whole, encoding=encoding, delimiter=delimiter, quotes=quotes)
    except (Unreadable, UnicodeError) as fault:
        name = next((name for name, value, _ in reversed(known) if value), "encoding")
        raise BadInput("Nothing can be read like this.", fields={name: str(fault)}) from None
    found.layout = layout.to_json()
    session().flush()


def start_reading(workspace_id: UUID, import_id: UUID, plan: Plan) -> None:
    """Read the file by this plan, and tell what taking it would do.

    Raises:
        NotFound: none of this workspace.
        Conflict: it is under way already.
        BadInput: names what of the plan does not fit.
    """
    found = queries.get_import(workspace_id, import_id)
    plan = _with_decimals(found, plan)
    _refuse_unfit(found, plan)
    moved = session().execute(
        update(Import)
        .where(Import.id == import_id, Import.state == ImportState.UPLOADED.value)
        .values(
            state=ImportState.READING.value, plan=plan.to_json(), began_at=clock.now(), ended_at=None, rows=0,
            octets_read=0, checked=None, fault="",
        )
        .returning(Import.id)
    )  # fmt: skip
    if moved.first() is None:
        raise Conflict("This file is being read already.")
    jobs.ring_job(JOB)


def _with_decimals(found: Import, plan: Plan) -> Plan:
    """Which sign begins the decimals of each column of numbers: as was chosen, else as its cells show."""
    numbers = {f"{FIELD}{one.key}" for one in contacts.list_fields(found.workspace_id) if one.kind == FieldKind.NUMBER}
    told = zip_longest(plan.decimals[: len(plan.targets)], Layout.from_json(found.layout).decimals, fillvalue="")
    signs = [chosen or shown for chosen, shown in told]
    signs += [""] * len(plan.targets)
    return replace(
        plan, decimals=tuple(sign if target in numbers else "" for target, sign in zip(plan.targets, signs, strict=False))
    )


def _refuse_unfit(found: Import, plan: Plan) -> None:
    faults: dict[str, str] = {}
    own = {f"{FIELD}{field.key}" for field in contacts.list_fields(found.workspace_id)}
    known = own | {target.value for target in Target} | {""}
    used = [target for target in plan.targets if target]
    if len(plan.targets) != len(found.layout["columns"]) or not known >= set(plan.targets):
        faults["columns"] = "Say of each column what it holds, from the list."
    elif Target.EMAIL not in used:
        faults["columns"] = "Choose the column that holds the email addresses."
    elif len(used) != len(set(used)):
        faults["columns"] = "Two columns hold the same. Choose one of them."
    elif Target.FULL_NAME in used and {Target.FIRST_NAME, Target.LAST_NAME} & set(used):
        faults["columns"] = "Take either first and last name, or the whole name."
    for number, sign in enumerate(plan.decimals, 1):
        if sign == EITHER:
            name = found.layout["columns"][number - 1]
            faults[f"decimal-{number}"] = f"Choose the sign that begins the decimals of “{name}”: they can be read in two ways."
    if plan.permission is not None:
        faults |= _permission_faults(found.workspace_id, plan, used)
    if faults:
        raise BadInput("The plan does not fit.", fields=faults)


def _permission_faults(workspace_id: UUID, plan: Plan, used: list[str]) -> dict[str, str]:
    told, faults = plan.permission, {}
    assert told is not None
    if not told.interests or len(consent.get_interests(workspace_id, told.interests)) != len(told.interests):
        faults["interest"] = "Choose at least one interest."
    if not told.words.strip():
        faults["words"] = "Write the words that people agreed to."
    if not told.declaration.strip():
        faults["declaration"] = "Declare where these permissions come from."
    if not told.source.strip() and Target.SOURCE not in used:
        faults["source"] = "Write where they said yes, or choose a column that tells."
    if not told.said_on and Target.SAID_AT not in used:
        faults["said_on"] = "Write when they said yes, or choose a column that tells."
    elif told.said_on:
        try:
            is_ahead = read_moment(told.said_on) > clock.now()
        except ValueError:
            faults["said_on"] = "Write a day, like 2026-11-25."
        else:
            if is_ahead:
                faults["said_on"] = "This day is still to come."
    return faults


def change_plan(workspace_id: UUID, import_id: UUID) -> None:
    """Back to the columns: what was read is forgotten, the file stays.

    Raises:
        NotFound: none of this workspace.
        Conflict: it is being taken, or was.
    """
    queries.get_import(workspace_id, import_id)
    _move(import_id, (ImportState.CHECKED, ImportState.READING, ImportState.FAILED), ImportState.UPLOADED)
    session().execute(delete(ImportSlice).where(ImportSlice.import_id == import_id))
    session().execute(text("DELETE FROM import_rows WHERE import_id = :id"), {"id": import_id})
    session().execute(update(Import).where(Import.id == import_id).values(rows=0, octets_read=0, fault=""))


def take(workspace_id: UUID, import_id: UUID, *, by: UUID) -> None:
    """Take what was checked.

    Raises:
        NotFound: none of this workspace.
        Conflict: it was not checked, or is being taken.
    """
    found = queries.get_import(workspace_id, import_id)
    _move(import_id, (ImportState.CHECKED,), ImportState.TAKING)
    plan = Plan.from_json(found.plan or {})
    if plan.permission is not None:
        permitting.words_of(workspace_id, plan.permission)  # before two workers want to make them
    accounts_service.record(
        "import.taken", by=acts.user(by), workspace_id=workspace_id, of=f"import:{import_id}",
        detail={"file": found.name, "sha256": found.sha256, "rows": found.rows},
    )  # fmt: skip
    jobs.ring_job(JOB)
    jobs.ring_job(HELP)


def undo(workspace_id: UUID, import_id: UUID, *, by: UUID) -> None:
    """Take back what an import did, within thirty days.

    Raises:
        NotFound: none of this workspace.
        Conflict: it is not done, or too long ago.
    """
    found = queries.get_import(workspace_id, import_id)
    if not may_undo(found):
        raise Conflict("This import can be taken back within thirty days, once it is done.")
    _move(import_id, (ImportState.DONE,), ImportState.UNDOING)
    accounts_service.record(
        "import.undone", by=acts.user(by), workspace_id=workspace_id, of=f"import:{import_id}", detail={"file": found.name}
    )  # fmt: skip
    jobs.ring_job(JOB)


def may_undo(found: Import) -> bool:
    """Whether what it did can be taken back."""
    is_recent = found.ended_at is not None and clock.now() < found.ended_at + timedelta(days=UNDO_DAYS)
    return found.state == ImportState.DONE and is_recent


def discard(workspace_id: UUID, import_id: UUID) -> None:
    """Forget a file that was not taken.

    Raises:
        NotFound: none of this workspace.
        Conflict: it is being taken, or was.
    """
    queries.get_import(workspace_id, import_id)
    _move(
        import_id,
        (ImportState.UPLOADED, ImportState.READING, ImportState.CHECKED, ImportState.FAILED),
        ImportState.FAILED,
    )
    forget(import_id)


def forget(import_id: UUID) -> None:
    """Nothing of an import stays."""
    for table in ("import_rows", "import_slices", "import_changes", "import_chunks"):
        session().execute(text(f"DELETE FROM {table} WHERE import_id = :id"), {"id": import_id})  # noqa: S608  our own names
    session().execute(delete(Import).where(Import.id == import_id))


def _move(import_id: UUID, come_from: tuple[ImportState, ...], to: ImportState) -> None:
    moved = session().execute(
        update(Import)
        .where(Import.id == import_id, Import.state.in_([found.value for found in come_from]))
        .values(state=to.value, began_at=clock.now())
        .returning(Import.id)
    )
    if moved.first() is None:
        raise Conflict("This file has gone on meanwhile. Load the page again.")

