"""Letters as a whole: made from a design or a copy, named, put away, and put back to a version."""

from __future__ import annotations

from uuid import UUID

from app.accounts import queries as accounts
from app.content import designs as starters
from app.content import places, queries
from app.content.blocks.writing import Block
from app.content.designs import Design
from app.content.letters import samples_in
from app.content.models import Letter, LetterVersion
from app.content.pictures import as_it_is
from app.content.service.blocks import begin, blocks_of, turn_into_code
from app.content.service.drafts import hold_letter, keep_draft, plain_name, whole_source
from app.content.service.pictures import keep_picture
from app.kernel import clock
from app.kernel.db import session
from app.kernel.ids import uuid7


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
    is_transactional: bool = False,
    translation_of: UUID | None = None,
    by: UUID | None = None,
) -> Letter:
    """A letter that begins with a design or with a source of one's own.

    Args:
        workspace_id: whose it is.
        name: for the people who work here.
        design: a name of ``designs()``; without it ``source`` counts.
        source: MJML.
        language: of its words; the brand's where it is not said.
        is_transactional: it answers what one person did: nobody can leave it, and no campaign sends it.
        translation_of: the main letter that it says the same as.
        by: who makes it.

    Raises:
        NotFound: there is no such design.
        BadInput: the name or the source does not fit.
    """
    brand = accounts.brand(workspace_id)
    now = clock.now()
    letter = Letter(
        id=uuid7(), workspace_id=workspace_id, name=plain_name(name), language=language or brand.language,
        subject="", preheader="", source=whole_source(source), own_text="", revision=1,
        purpose="transactional" if is_transactional else "campaign", data_samples=[] if is_transactional else None,
        translation_of=translation_of,
        created_at=now, updated_at=now, updated_by=by,
    )  # fmt: skip
    session().add(letter)
    session().flush()
    if design:
        filled = starters.fill(design, lambda file: _hosted(workspace_id, file, by))
        letter.subject, letter.preheader, letter.source = filled.subject, filled.preheader, filled.source
        if filled.blocks is not None:
            begin(letter, filled.blocks, by)
    return letter


def copy_letter(workspace_id: UUID, letter_id: UUID, name: str, *, by: UUID | None = None) -> Letter:
    """Another letter with the same draft, in the same languages.

    Raises:
        NotFound: no letter of this workspace.
        BadInput: the name does not fit.
    """
    other = queries.get_letter(workspace_id, letter_id)
    letter = copy_draft(other, name, other.language, by=by)
    for one in queries.list_translations(workspace_id, letter_id):
        copy_draft(one, name, one.language, translation_of=letter.id, by=by)
    return letter


def copy_draft(
    other: Letter, name: str, language: str, *, translation_of: UUID | None = None, by: UUID | None = None
) -> Letter:
    """A letter alone with the same draft, said to be in this language."""
    letter = create_letter(
        other.workspace_id, name, source=other.source, language=language,
        is_transactional=other.data_samples is not None, translation_of=translation_of, by=by,
    )  # fmt: skip
    letter.data_samples = other.data_samples
    letter.subject, letter.preheader, letter.own_text = other.subject, other.preheader, other.own_text
    if other.blocks is not None:
        begin(letter, blocks_of(other), by)
    return letter


def join_series(workspace_id: UUID, letter_id: UUID, series_id: UUID) -> None:
    """Make it, in all its languages, one of the letters that show each entry of a feed in one of them only.

    Raises:
        NotFound: no letter of this workspace.
    """
    for letter in (queries.get_letter(workspace_id, letter_id), *queries.list_translations(workspace_id, letter_id)):
        letter.series_id = series_id
    session().flush()


def rename_letter(workspace_id: UUID, letter_id: UUID, name: str) -> None:
    """Call it something else, in all its languages.

    Raises:
        NotFound: no letter of this workspace.
        BadInput: the name does not fit.
    """
    for letter in (queries.get_letter(workspace_id, letter_id), *queries.list_translations(workspace_id, letter_id)):
        letter.name = plain_name(name)


def archive_letter(workspace_id: UUID, letter_id: UUID) -> None:
    """Put a letter away with its translations; its versions stay."""
    for letter in (queries.get_letter(workspace_id, letter_id), *queries.list_translations(workspace_id, letter_id)):
        letter.archived_at = letter.archived_at or clock.now()


def restore_version(workspace_id: UUID, letter_id: UUID, number: int, *, by: UUID | None = None) -> Letter:
    """Make the draft what a version was made of; that version and all others stay.

    Raises:
        NotFound: no such version.
    """
    letter = hold_letter(workspace_id, letter_id)
    version: LetterVersion = queries.get_version_by_number(letter, number)
    if samples := samples_in(version.needs):
        letter.data_samples = [[name, sample] for name, sample in samples.items()]
    if version.blocks is not None:
        letter.subject, letter.preheader, letter.own_text = version.subject, version.preheader, version.own_text
        begin(letter, [Block.of(one) for one in version.blocks], by)
        return letter
    turn_into_code(workspace_id, letter_id)
    return keep_draft(
        workspace_id,
        letter_id,
        version.subject,
        version.preheader,
        version.source,
        own_text=version.own_text,
        by=by,
    )


def _hosted(workspace_id: UUID, file: str, by: UUID | None) -> str:
    picture = keep_picture(workspace_id, file, as_it_is(starters.picture_file(file).read_bytes()), by=by)
    return places.picture(picture.key, picture.kind)
