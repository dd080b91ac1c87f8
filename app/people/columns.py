"""Which columns the list shows: each user chooses for themselves, and only what is chosen is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from app.contacts import queries as contacts
from app.engagement import queries as engagement
from app.groups import queries as groups
from app.kernel.db import session
from app.kernel.errors import BadInput
from app.people import rules
from app.people.models import ListColumns
from app.tags import queries as tags

MOST: Final = 8
FIELD: Final = "field:"
BUILT_IN: Final[Mapping[str, str]] = {
    "permission": "Permission", "language": "Language", "added": "Added", "tags": "Tags", "company": "Company",
    "score": "Score", "last_read": "Last read",
}  # fmt: skip
USUAL: Final = ("permission", "language", "added")


@dataclass(frozen=True, slots=True)
class Column:
    """One that can be shown, by its key."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Columns:
    """All that a workspace offers, and those of one user in the same order."""

    offered: tuple[Column, ...]
    chosen: tuple[Column, ...]


# In one statement, since every visit of the list asks it.
_READ = text(
    "SELECT (SELECT columns FROM list_columns WHERE user_id = :user_id AND workspace_id = :workspace_id) AS chosen,"
    " (SELECT jsonb_agg(jsonb_build_array(key, label) ORDER BY position, key) FROM custom_fields"
    "  WHERE workspace_id = :workspace_id AND archived_at IS NULL) AS fields"
)


def of(workspace_id: UUID, user_id: UUID) -> Columns:
    """What a user can see and sees; a field that was archived since is not among it."""
    row = session().execute(_READ, {"workspace_id": workspace_id, "user_id": user_id}).one()
    own = [(FIELD + key, label) for key, label in row.fields or ()]
    offered = tuple(Column(key, label) for key, label in [*BUILT_IN.items(), *own])
    keys = USUAL if row.chosen is None else row.chosen
    return Columns(offered, tuple(column for column in offered if column.key in keys))


def choose(workspace_id: UUID, user_id: UUID, keys: Collection[str]) -> None:
    """Show these from now on, beside the name and the address; none of them is an answer too.

    Raises:
        BadInput: ``column`` is not offered, or they are too many.
    """
    offered = [column.key for column in of(workspace_id, user_id).offered]
    if not set(keys) <= set(offered):
        raise BadInput(fields={"column": "Choose from the list."})
    if len(set(keys)) > MOST:
        raise BadInput(fields={"column": f"A list shows {MOST} columns at most. Take some out."})
    values = {"columns": [key for key in offered if key in keys]}
    made = insert(ListColumns).values(user_id=user_id, workspace_id=workspace_id, **values)
    session().execute(made.on_conflict_do_update(index_elements=["user_id", "workspace_id"], set_=values))


def values(workspace_id: UUID, people: Sequence[UUID], chosen: Sequence[Column]) -> dict[str, Mapping[UUID, Any]]:
    """What the chosen columns hold of these people, by column, beside what the list knows of them anyway.

    Each group of columns is one statement, and none where nothing of it is chosen.
    """
    keys = {column.key for column in chosen}
    found: dict[str, Mapping[UUID, Any]] = {}
    for group, read in _GROUPS.items():
        if people and not keys.isdisjoint(group):
            found |= read(workspace_id, people)
    own = {key.removeprefix(FIELD) for key in keys if key.startswith(FIELD)}
    if people and own:
        held = contacts.fields_of(workspace_id, people)
        for key in own:
            found[FIELD + key] = {
                contact_id: rules.shown_value(told[key]) for contact_id, told in held.items() if key in told
            }
    return found


def _tags(workspace_id: UUID, people: Sequence[UUID]) -> dict[str, Mapping[UUID, Any]]:
    return {"tags": tags.words_of(workspace_id, people)}


def _companies(workspace_id: UUID, people: Sequence[UUID]) -> dict[str, Mapping[UUID, Any]]:
    return {"company": {who: name for who, (name, _) in groups.companies_of(workspace_id, people).items()}}


def _scores(workspace_id: UUID, people: Sequence[UUID]) -> dict[str, Mapping[UUID, Any]]:
    found = engagement.scores_of(workspace_id, people)
    return {
        "score": {who: read.score for who, read in found.items()},
        "last_read": {who: read.last_at for who, read in found.items()},
    }


_GROUPS: Final[Mapping[tuple[str, ...], Callable[[UUID, Sequence[UUID]], dict[str, Mapping[UUID, Any]]]]] = {
    ("tags",): _tags, ("company",): _companies, ("score", "last_read"): _scores,
}  # fmt: skip
