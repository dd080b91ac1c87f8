"""Writing: letters and their drafts. A draft is always kept, whatever is wrong with it."""

from __future__ import annotations

import re
from uuid import UUID

from sqlalchemy import select

from app.accounts import queries as accounts
from app.contacts import queries as contacts
from app.content import designs as starters
from app.content import places, queries
from app.content.colours import Colours
from app.content.designs import Design
from app.content.letters import Draft, Problem, write
from app.content.models import Letter, LetterVersion
from app.content.service.pictures import add_picture
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7

MAX_NAME = 80
MAX_LINE = 400
MAX_SOURCE = 512 * 1024


def designs() -> list[Design]:
    """What a new letter may begin with; the three most used first."""
    return starters.list_designs()


def create_letter(
    workspace_id: UUID,
    name: str,
    *,
    design: str = "",
    source: str = "",
    language: str = "",
    by: UUID | None = None,
) -> Letter:
    """A letter that begins with a design or with a source of one's own.

    Args:
        workspace_id: whose it is.
        name: for the people who work here.
        design: a name of ``designs()``; without it ``source`` counts.
        source: MJML.
        language: of its words; the brand's where it is not said.
        by: who makes it.

    Raises:
        NotFound: there is no such design.
        BadInput: the name or the source does not fit.
    """
    brand = accounts.brand(workspace_id)
    now = clock.now()
    letter = Letter(
        id=uuid7(), workspace_id=workspace_id, name=_name(name), language=language or brand.language,
        subject="", preheader="", source=_source(source), own_text="", revision=1,
        created_at=now, updated_at=now, updated_by=by,
    )  # fmt: skip
    if design:
        filled = starters.fill(design, lambda file: _hosted(workspace_id, file, by), letter.language)
        letter.subject, letter.preheader, letter.source = filled.subject, filled.preheader, filled.source
    session().add(letter)
    session().flush()
    return letter


def copy_letter(workspace_id: UUID, letter_id: UUID, name: str, *, by: UUID | None = None) -> Letter:
    """Another letter with the same draft.

    Raises:
        NotFound: no letter of this workspace.
        BadInput: the name does not fit.
    """
    other = queries.get_letter(workspace_id, letter_id)
    letter = create_letter(workspace_id, name, source=other.source, language=other.language, by=by)
    letter.subject, letter.preheader, letter.own_text = other.subject, other.preheader, other.own_text
    return letter


def rename_letter(workspace_id: UUID, letter_id: UUID, name: str) -> None:
    """Call it something else.

    Raises:
        NotFound: no letter of this workspace.
        BadInput: the name does not fit.
    """
    queries.get_letter(workspace_id, letter_id).name = _name(name)


def archive_letter(workspace_id: UUID, letter_id: UUID) -> None:
    """Put a letter away; its versions stay."""
    letter = queries.get_letter(workspace_id, letter_id)
    letter.archived_at = letter.archived_at or clock.now()


def save_draft(
    workspace_id: UUID,
    letter_id: UUID,
    subject: str,
    preheader: str,
    source: str,
    *,
    own_text: str = "",
    revision: int | None = None,
    by: UUID | None = None,
) -> list[Problem]:
    """Keep a draft, whatever is wrong with it, and say what is.

    Args:
        workspace_id: whose it is.
        letter_id: which letter.
        subject: one line with merge tags.
        preheader: one line with merge tags.
        source: MJML with merge tags.
        own_text: the text part; empty: made from the content.
        revision: of the draft that was changed; another one is there: somebody else has written meanwhile.
        by: who writes.

    Raises:
        NotFound: no letter of this workspace.
        Conflict: somebody else has saved since; nothing is kept.
        BadInput: larger than can be kept.
    """
    letter = keep_draft(
        workspace_id, letter_id, subject, preheader, source, own_text=own_text, revision=revision, by=by
    )
    return list(write(draft_of(letter)).problems)


def keep_draft(
    workspace_id: UUID,
    letter_id: UUID,
    subject: str,
    preheader: str,
    source: str,
    *,
    own_text: str = "",
    revision: int | None = None,
    by: UUID | None = None,
) -> Letter:
    """As ``save_draft``, without looking for problems: that takes a while, and no lock should wait for it."""
    query = select(Letter).where(Letter.workspace_id == workspace_id, Letter.id == letter_id)
    queries.get_letter(workspace_id, letter_id)
    letter = session().execute(query.with_for_update().execution_options(populate_existing=True)).scalar_one()
    if revision is not None and letter.revision != revision:
        raise Conflict(
            "Somebody else has saved this letter since you opened it. Load it again to see theirs."
        )
    changed = {
        "subject": _line(subject, "subject"),
        "preheader": _line(preheader, "preheader"),
        "source": _source(source),
        "own_text": _source(own_text),
    }
    if any(getattr(letter, name) != value for name, value in changed.items()):
        for name, value in changed.items():
            setattr(letter, name, value)
        letter.revision += 1
        letter.updated_by = by
        letter.updated_at = clock.now()
    session().flush()
    return letter


def restore_version(workspace_id: UUID, letter_id: UUID, number: int, *, by: UUID | None = None) -> Letter:
    """Make the draft what a version was made of; that version and all others stay.

    Raises:
        NotFound: no such version.
    """
    letter = queries.get_letter(workspace_id, letter_id)
    version: LetterVersion = queries.get_version_by_number(letter, number)
    return keep_draft(
        workspace_id,
        letter_id,
        version.subject,
        version.preheader,
        version.source,
        own_text=version.own_text,
        by=by,
    )


def draft_of(letter: Letter) -> Draft:
    """The draft with the brand's colours and the workspace's own fields, ready for ``letters.write``."""
    brand = accounts.brand(letter.workspace_id)
    return Draft(
        subject=letter.subject,
        preheader=letter.preheader,
        source=letter.source,
        own_text=letter.own_text,
        language=letter.language,
        fields={field.key: field.kind for field in contacts.list_fields(letter.workspace_id)},
        colours=Colours.of(brand.accent),
    )


def _hosted(workspace_id: UUID, file: str, by: UUID | None) -> str:
    picture = add_picture(workspace_id, file, starters.picture_file(file).read_bytes(), by=by)
    return places.picture(picture.key, picture.kind)


def _language(code: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(?:-[A-Za-z]{2,4})?", code):
        raise BadInput(fields={"language": "Write the language’s code, like de."})
    return code


def _name(raw: str) -> str:
    name = " ".join(raw.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadInput(fields={"name": f"Write a name of at most {MAX_NAME} characters."})
    return name


def _line(raw: str, field: str) -> str:
    line = " ".join(_storable(raw, field).split())
    if len(line) > MAX_LINE:
        raise BadInput(fields={field: f"Keep this to {MAX_LINE} characters."})
    return line


def _source(raw: str) -> str:
    if len(raw) > MAX_SOURCE:
        raise BadInput(fields={"source": "This is larger than 512 KB."})
    return _storable(raw, "source").replace("\r\n", "\n").replace("\r", "\n")


def _storable(raw: str, field: str) -> str:
    if "\x00" in raw or any("\ud800" <= letter <= "\udfff" for letter in raw):
        raise BadInput(fields={field: "This holds a character that cannot be kept. Delete it."})
    return raw
