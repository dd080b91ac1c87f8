"""Drafts: what is written by hand. A draft is always kept, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select

from app.accounts import queries as accounts
from app.accounts.rules.brand import Brand
from app.contacts import queries as contacts
from app.content import queries
from app.content.colours import Colours
from app.content.data import DataFault, as_lines, read_lines
from app.content.letters import Draft, Problem, write
from app.content.models import Letter
from app.content.snippets import named_in
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict

MAX_NAME = 80
MAX_LINE = 400
MAX_SOURCE = 512 * 1024
PUT_AWAY = "Nothing is sent of this text any more: its language, or its variant, was taken out. Copy what you wrote to go on elsewhere."


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
    letter = hold_letter(workspace_id, letter_id, revision)
    if letter.blocks is not None:
        raise Conflict("This letter is made of blocks. Load it again to see them.")
    changed = {
        "subject": one_line(subject, "subject"),
        "preheader": one_line(preheader, "preheader"),
        "source": whole_source(source),
        "own_text": whole_source(own_text),
    }
    if any(getattr(letter, name) != value for name, value in changed.items()):
        for name, value in changed.items():
            setattr(letter, name, value)
        letter.revision += 1
        letter.updated_by = by
        letter.updated_at = clock.now()
    session().flush()
    return letter


def hold_letter(workspace_id: UUID, letter_id: UUID, revision: int | None = None) -> Letter:
    """A letter that nobody else changes until the transaction ends.

    Raises:
        NotFound: no letter of this workspace.
        Conflict: somebody else has saved since this revision, or has put it away.
    """
    query = select(Letter).where(Letter.workspace_id == workspace_id, Letter.id == letter_id)
    queries.get_letter(workspace_id, letter_id)
    letter = session().execute(query.with_for_update().execution_options(populate_existing=True)).scalar_one()
    if letter.archived_at is not None:
        raise Conflict(PUT_AWAY)
    if revision is not None and letter.revision != revision:
        raise Conflict(
            "Somebody else has saved this letter since you opened it. Load it again to see theirs."
        )
    return letter


def hold_languages(workspace_id: UUID, letter_ids: Collection[UUID]) -> None:
    """Keep letters and their translations from being changed by anybody else until the transaction ends.

    Raises:
        NotFound: no letter of this workspace.
    """
    for letter_id in letter_ids:
        queries.get_letter(workspace_id, letter_id)
    translations = Letter.translation_of.in_(letter_ids) & Letter.archived_at.is_(None)
    # By their ids, as whoever else holds several at once: so two never wait for each other.
    query = select(Letter).where(Letter.workspace_id == workspace_id, Letter.id.in_(letter_ids) | translations)
    session().execute(query.order_by(Letter.id).with_for_update().execution_options(populate_existing=True)).all()


def draft_of(letter: Letter, brand: Brand | None = None, *, with_all_snippets: bool = False) -> Draft:
    """The draft with the brand's colours and the workspace's own fields, ready for ``letters.write``.

    Args:
        letter: which one.
        brand: of its workspace, from whoever has read it anyway.
        with_all_snippets: also those that it does not name, for whoever offers them.
    """
    named = named_in(letter.subject, letter.preheader, letter.source, letter.own_text)
    wanted = named or with_all_snippets
    brand = brand or accounts.brand(letter.workspace_id)
    return Draft(
        subject=letter.subject,
        preheader=letter.preheader,
        source=letter.source,
        own_text=letter.own_text,
        language=letter.language,
        fields=contacts.field_kinds(letter.workspace_id),
        colours=Colours.of(brand.accent, brand.heading_font, brand.text_font),
        data=None if letter.data_samples is None else samples_of(letter),
        snippets=queries.snippet_words(letter.workspace_id, named) if wanted else {},
    )


def samples_of(letter: Letter) -> dict[str, str]:
    """The names that a transactional letter declares, each with its example."""
    return {one[0]: one[1] for one in letter.data_samples or ()}


def lines_of(letter: Letter) -> str:
    """The same as lines, as people write them."""
    return as_lines(samples_of(letter))


def declare_data(
    workspace_id: UUID, letter_id: UUID, lines: str, *, revision: int | None = None, by: UUID | None = None
) -> Letter:
    """Say what a transactional letter is told with each mail: lines like ``order.number = OK-1``.

    Raises:
        NotFound: no letter of this workspace.
        Conflict: it is a letter to many, or somebody else has saved since this revision.
        BadInput: a line cannot be read.
    """
    letter = hold_letter(workspace_id, letter_id, revision)
    if letter.data_samples is None:
        raise Conflict("A letter to many is told nothing but what is known of its readers.")
    try:
        samples = [[name, sample] for name, sample in read_lines(storable(lines, "lines")).items()]
    except DataFault as fault:
        raise BadInput(fields={"lines": str(fault)}) from None
    if samples != letter.data_samples:
        letter.data_samples = samples
        letter.revision += 1
        letter.updated_by, letter.updated_at = by, clock.now()
    session().flush()
    return letter


def plain_name(raw: str) -> str:
    """A name for the people who work here: one line, not empty.

    Raises:
        BadInput: it does not fit.
    """
    name = " ".join(raw.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadInput(fields={"name": f"Write a name of at most {MAX_NAME} characters."})
    return name


def one_line(raw: str, field: str) -> str:
    """A line that an inbox shows.

    Raises:
        BadInput: it is too long, or holds what cannot be kept.
    """
    line = " ".join(storable(raw, field).split())
    if len(line) > MAX_LINE:
        raise BadInput(fields={field: f"Keep this to {MAX_LINE} characters."})
    return line


def whole_source(raw: str) -> str:
    """A source as it is kept.

    Raises:
        BadInput: it is too large, or holds what cannot be kept.
    """
    if len(raw) > MAX_SOURCE:
        raise BadInput(fields={"source": "This is larger than 512 KB."})
    return storable(raw, "source").replace("\r\n", "\n").replace("\r", "\n")


def storable(raw: str, field: str) -> str:
    """What is posted, where the database can keep it.

    Raises:
        BadInput: it holds a character that cannot be kept.
    """
    if "\x00" in raw or any("\ud800" <= letter <= "\udfff" for letter in raw):
        raise BadInput(fields={field: "This holds a character that cannot be kept. Delete it."})
    return raw
