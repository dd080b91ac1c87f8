"""What may be done to the blocks of a letter; each act gives a new list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.content.blocks import entries
from app.content.blocks.kinds import find_kind
from app.content.blocks.writing import Block
from app.kernel.errors import BadInput, NotFound

MOST_BLOCKS = 120


def add(
    blocks: Sequence[Block], kind: str, after: str = "", values: Mapping[str, Any] | None = None,
    only: Mapping[str, str] | None = None,
) -> list[Block]:
    """A new block behind another one; at the end of the letter's own words where none is named.

    Raises:
        NotFound: there is no such kind.
        BadInput: there are too many blocks.
    """
    found = find_kind(kind)
    if found is None:
        raise NotFound("There is no such block.")
    place = _index(blocks, after) + 1 if after else _end_of_words(blocks)
    return _with(blocks, place, Block(next_id(blocks), kind, found.sample if values is None else values, only or {}))


def duplicate(blocks: Sequence[Block], block_id: str) -> list[Block]:
    """The same block once more, behind the first."""
    place = _index(blocks, block_id)
    return _with(blocks, place + 1, replace(blocks[place], id=next_id(blocks)))


def remove(blocks: Sequence[Block], block_id: str) -> list[Block]:
    """All but one."""
    _index(blocks, block_id)
    return [block for block in blocks if block.id != block_id]


def move(blocks: Sequence[Block], block_id: str, to: int) -> list[Block]:
    """A block at another place, counted from 0; beyond the ends means the ends."""
    place = _index(blocks, block_id)
    rest = [*blocks[:place], *blocks[place + 1 :]]
    to = min(max(to, 0), len(rest))
    return [*rest[:to], blocks[place], *rest[to:]]


def step(blocks: Sequence[Block], block_id: str, by: int) -> list[Block]:
    """A block one place further up or down."""
    return move(blocks, block_id, _index(blocks, block_id) + by)


def change(
    blocks: Sequence[Block], block_id: str, values: Mapping[str, Any], only: Mapping[str, str]
) -> list[Block]:
    """Other values in a block; what it shows of a feed stays."""
    _index(blocks, block_id)
    return [
        replace(block, values=entries.kept(block.kind, values, block.values), only=only) if block.id == block_id else block
        for block in blocks
    ]


def find(blocks: Sequence[Block], block_id: str) -> Block | None:
    """The block of this id."""
    return next((block for block in blocks if block.id == block_id), None)


def next_id(blocks: Sequence[Block]) -> str:
    """An id that no block of these has."""
    numbers = [int(block.id[1:]) for block in blocks if block.id[1:].isdigit()]
    return f"b{max(numbers, default=0) + 1}"


def _with(blocks: Sequence[Block], place: int, new: Block) -> list[Block]:
    if len(blocks) >= MOST_BLOCKS:
        raise BadInput(f"A letter holds at most {MOST_BLOCKS} blocks. Remove one first.")
    return [*blocks[:place], new, *blocks[place:]]


def _index(blocks: Sequence[Block], block_id: str) -> int:
    for number, block in enumerate(blocks):
        if block.id == block_id:
            return number
    raise NotFound("This block is no longer here.")


def _end_of_words(blocks: Sequence[Block]) -> int:
    """Before what stands below the letter's paper."""
    places = [getattr(find_kind(block.kind), "place", "card") for block in blocks]
    end = len(places)
    while end and places[end - 1] == "page":
        end -= 1
    return end or max(len(places) - 1, 0)
