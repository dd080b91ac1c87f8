"""Letters of blocks: each change writes the source anew and is a step that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app.content import queries
from app.content.blocks import acts
from app.content.blocks.entries import field_of
from app.content.blocks.kinds import find_kind
from app.content.blocks.writing import ONLY, Block, find_faults, problems_of, write
from app.content.letters import Problem
from app.content.models import KeptBlock, Letter, LetterStep
from app.content.service.drafts import MAX_SOURCE, hold_languages, hold_letter, one_line, plain_name
from app.content.service.feeds import feed_addresses, refilled
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7

STEPS = 100
"""So many changes can be undone."""
MOST_KEPT = 200

Act = Callable[[list[Block]], list[Block]]


def blocks_of(letter: Letter) -> list[Block]:
    """The blocks of a letter; of one that is written by hand none."""
    return [Block.of(one) for one in letter.blocks or ()]


def block_problems(letter: Letter) -> list[Problem]:
    """What must not be sent of its blocks, though it compiles, and who sees what is for some.

    Feeds are told of by themselves (``feeds.feed_faults``).
    """
    found = blocks_of(letter)
    kinds = {block.id: block.kind for block in found}
    told = [
        one
        for one in find_faults(found)
        if (one.severity == "error" or one.field == ONLY) and not (one.field and one.field == field_of(kinds[one.block]))
    ]
    return problems_of(told, write(found)) if told else []


def place_of(letter: Letter, problem: Problem) -> str:
    """Where a problem is, in words: the block of a letter of blocks, else the line."""
    words = {"subject": "In the subject", "preheader": "In the preview line", "text": "In the text part"}
    if problem.place in words:
        return words[problem.place]
    if letter.blocks is None:
        return f"Line {problem.line}"
    found = blocks_of(letter)
    block = acts.find(found, write(found).block_at(problem.line))
    kind = find_kind(block.kind) if block else None
    return f"In the block “{kind.title}”" if kind else "In the letter"


def begin(letter: Letter, blocks: Sequence[Block], by: UUID | None = None) -> None:
    """Make a letter one of blocks, or put other blocks in their place; what it was before can be had back."""
    _put(letter, letter.subject, letter.preheader, blocks, by)


def edit(
    workspace_id: UUID,
    letter_id: UUID,
    act: Act | None = None,
    *,
    subject: str | None = None,
    preheader: str | None = None,
    revision: int | None = None,
    by: UUID | None = None,
    faults: Mapping[str, str] | None = None,
) -> Letter:
    """Change the blocks or the two lines of a letter; what changes nothing is no step.

    Blocks that show a feed get its newest entries as they were fetched last.

    Args:
        workspace_id: whose it is.
        letter_id: which letter.
        act: gives the new list of blocks.
        subject: another subject; None leaves it.
        preheader: another preview line; None leaves it.
        revision: of the draft that was seen; another one is there: somebody else has written meanwhile.
        by: who writes.
        faults: why feeds could not be read just now, by their address.

    Raises:
        NotFound: no letter of this workspace, or the act names a block that is gone.
        Conflict: somebody else has saved since, or the letter is written by hand; nothing is kept.
        BadInput: larger than can be kept.
    """
    letter = hold_letter(workspace_id, letter_id, revision)
    if letter.blocks is None:
        raise Conflict("This letter is written as code now. Load it again to see it.")
    before = blocks_of(letter)
    after = refilled(letter, act(before) if act else before, faults)
    lines = (
        letter.subject if subject is None else one_line(subject, "subject"),
        letter.preheader if preheader is None else one_line(preheader, "preheader"),
    )
    if [one.stored for one in after] != letter.blocks or lines != (letter.subject, letter.preheader):
        _put(letter, *lines, after, by)
    session().flush()
    return letter


def refill_feeds(
    workspace_id: UUID, letter_id: UUID, *, by: UUID | None = None, faults: Mapping[str, str] | None = None
) -> Letter:
    """Let a letter, in all its languages, show the newest entries of its feeds as they were fetched last.

    ``faults`` is as of ``edit``.

    Raises:
        NotFound: no letter of this workspace.
    """
    hold_languages(workspace_id, [letter_id])
    letter = queries.get_letter(workspace_id, letter_id)
    for one in (letter, *queries.list_translations(workspace_id, letter_id)):
        if feed_addresses(one):
            edit(workspace_id, one.id, by=by, faults=faults)
    return letter


def undo(
    workspace_id: UUID,
    letter_id: UUID,
    *,
    again: bool = False,
    revision: int | None = None,
    by: UUID | None = None,
) -> Letter:
    """Go one step back, or with ``again`` one forward; where there is none nothing changes.

    Raises:
        NotFound: no letter of this workspace.
        Conflict: somebody else has saved since.
    """
    letter = hold_letter(workspace_id, letter_id, revision)
    step = session().get(LetterStep, (letter.id, letter.step + (1 if again else -1)))
    if letter.blocks is not None and step is not None:
        letter.subject, letter.preheader, letter.step = step.subject, step.preheader, step.number
        _write(letter, [Block.of(one) for one in step.blocks], by)
    session().flush()
    return letter


def steps_around(letter: Letter) -> tuple[bool, bool]:
    """Whether there is something to undo, and something to do again."""
    query = select(LetterStep.number).where(
        LetterStep.letter_id == letter.id, LetterStep.number.in_([letter.step - 1, letter.step + 1])
    )
    found = set(session().execute(query).scalars())
    return letter.step - 1 in found, letter.step + 1 in found


def turn_into_code(workspace_id: UUID, letter_id: UUID, *, revision: int | None = None) -> Letter:
    """Make it a letter that is written by hand, and never written by us again.

    Raises:
        NotFound: no letter of this workspace.
        Conflict: somebody else has saved since.
    """
    letter = hold_letter(workspace_id, letter_id, revision)
    if letter.blocks is not None:
        letter.source = write(blocks_of(letter), marked=False).mjml
        letter.blocks, letter.step = None, 0
        letter.revision += 1
        letter.updated_at = clock.now()
        session().execute(delete(LetterStep).where(LetterStep.letter_id == letter.id))
    session().flush()
    return letter


def keep_block(workspace_id: UUID, block: Block, name: str, *, by: UUID | None = None) -> None:
    """Keep a filled-in block for other letters; one of the same name is replaced.

    Raises:
        BadInput: the name does not fit, or there are too many.
    """
    name = plain_name(name)
    known = {one.name for one in list_kept(workspace_id)}
    if name not in known and len(known) >= MOST_KEPT:
        raise BadInput(fields={"name": f"At most {MOST_KEPT} blocks are kept. Remove one first."})
    new = insert(KeptBlock).values(
        id=uuid7(), workspace_id=workspace_id, name=name, kind=block.kind, values=dict(block.values), only=dict(block.only),
        created_at=clock.now(), created_by=by,
    )  # fmt: skip
    session().execute(
        new.on_conflict_do_update(
            index_elements=["workspace_id", "name"],
            set_={"kind": block.kind, "values": dict(block.values), "only": dict(block.only)},
        )
    )


def list_kept(workspace_id: UUID) -> Sequence[KeptBlock]:
    """The kept blocks of a workspace by name."""
    query = select(KeptBlock).where(KeptBlock.workspace_id == workspace_id).order_by(KeptBlock.name)
    return session().execute(query).scalars().all()


def find_kept(workspace_id: UUID, name: str) -> KeptBlock | None:
    """One of them."""
    query = select(KeptBlock).where(KeptBlock.workspace_id == workspace_id, KeptBlock.name == name)
    return session().execute(query).scalar_one_or_none()


def forget_kept(workspace_id: UUID, name: str) -> None:
    """Keep a block no longer; letters that used it stay as they are."""
    session().execute(delete(KeptBlock).where(KeptBlock.workspace_id == workspace_id, KeptBlock.name == name))


def _put(letter: Letter, subject: str, preheader: str, blocks: Sequence[Block], by: UUID | None) -> None:
    letter.subject, letter.preheader = subject, preheader
    letter.step += 1
    _write(letter, blocks, by)
    session().flush()
    gone = (LetterStep.number >= letter.step) | (LetterStep.number <= letter.step - STEPS)
    session().execute(delete(LetterStep).where(LetterStep.letter_id == letter.id, gone))
    session().add(
        LetterStep(
            letter_id=letter.id, number=letter.step, workspace_id=letter.workspace_id, subject=subject,
            preheader=preheader, blocks=[one.stored for one in blocks], at=letter.updated_at, by=by,
        )
    )  # fmt: skip
    session().flush()


def _write(letter: Letter, blocks: Sequence[Block], by: UUID | None) -> None:
    source = write(blocks).mjml
    if len(source) > MAX_SOURCE:
        raise BadInput("With this the letter is larger than 512 KB. Make it shorter.")
    letter.blocks, letter.source = [one.stored for one in blocks], source
    letter.revision += 1
    letter.updated_by, letter.updated_at = by, clock.now()
