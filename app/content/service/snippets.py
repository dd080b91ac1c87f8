"""Snippets: made, written, put away. Drafts say at once what a snippet says; versions keep what it said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text

from app.accounts import queries as accounts
from app.contacts import queries as contacts
from app.contacts.rules import fold_name
from app.content import queries
from app.content.blocks.rich import clean
from app.content.letters import declared
from app.content.lint import lint_source
from app.content.merge import MergeRefused, MergeStopped, Target, prepare
from app.content.models import Snippet
from app.content.readers import Reader, reader_values, shared_values
from app.content.service.drafts import plain_name, storable
from app.content.snippets import LONGEST, ROOT, Words, named_in
from app.content.variables import Variable, samples
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.ids import uuid7

MOST: Final = 200
"""Of a workspace, the archived ones included."""
LONGEST_KEY: Final = 40
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LINKS: Final = dict.fromkeys(("unsubscribe", "preferences", "why", "web_view"), "https://nod.invalid/")
_TARGETS: Final[tuple[Target, ...]] = ("html", "text", "header")


@dataclass(frozen=True, slots=True)
class Use:
    """A letter whose draft names a snippet."""

    letter_id: UUID
    name: str
    is_archived: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What a snippet is to one reader: HTML, the text part, and a subject's line."""

    html: str
    text: str
    line: str


# One look at all letters, whatever the number of snippets: most have none, and that is found without taking them apart.
_USES: Final = text(
    "SELECT DISTINCT l.id, l.name, l.archived_at IS NOT NULL AS is_archived, l.updated_at, found[1] AS key"
    " FROM letters l, LATERAL (SELECT concat_ws(chr(10), l.subject, l.preheader, l.source, l.own_text) AS whole) w,"
    " LATERAL regexp_matches(w.whole, :pattern, 'g') AS found"
    " WHERE l.workspace_id = :workspace_id AND w.whole LIKE '%snippet%'"
    " ORDER BY is_archived, l.updated_at DESC, l.id"
)
# Held in the order in which a launch holds a letter and its translations, so that neither waits for the other for ever.
_CHANGED: Final = text(
    "WITH held AS (SELECT id FROM letters WHERE workspace_id = :workspace_id"
    " AND concat_ws(chr(10), subject, preheader, source, own_text) ~ :pattern ORDER BY id FOR UPDATE)"
    " UPDATE letters l SET snippet_changes = l.snippet_changes + 1 FROM held WHERE l.id = held.id"
)
# What merge tags and `named_in` read as blanks; the database's own class has only those of ASCII.
_BLANK: Final = "[" + "".join(f"\\u{code:04x}" for code in range(0x3001) if chr(code).isspace()) + "]"
_ANY_KEY: Final = "([a-z][a-z0-9_]*)"
_VERSIONS: Final = text(
    "SELECT count(*) FROM letter_versions WHERE workspace_id = :workspace_id AND jsonb_exists(needs -> 'snippets', :key)"
)


def create_snippet(workspace_id: UUID, name: str, body: str, *, key: str = "", by: UUID | None = None) -> Snippet:
    """A new snippet.

    Args:
        workspace_id: whose it is.
        name: for the people who work here.
        body: rich text with merge tags, whatever was pasted.
        key: its name in merge tags; made from its name where it is empty.
        by: who makes it.

    Raises:
        BadInput: something does not fit, the key is taken, or there are too many; ``fields`` says what.
    """
    key = " ".join(key.split()) or key_of(name)
    name = plain_name(name)
    if not _KEY.fullmatch(key):
        message = f"Write small letters, digits and _, beginning with a letter, at most {LONGEST_KEY}: opening_hours."
        raise BadInput(fields={"key": message})
    # Two who press at once: the second waits here, and finds what the first has made.
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended('snippets ' || :workspace, 0))")
    session().execute(lock, {"workspace": str(workspace_id)})
    known = {one.key: one for one in queries.list_snippets(workspace_id)}
    if key in known:
        raise BadInput(fields={"key": f"“{known[key].name}” is written like this already. Choose another word."})
    if len(known) >= MOST:
        raise BadInput(f"There are {MOST} snippets, which is as many as can be. Change one that is not needed any more.")
    now = clock.now()
    made = Snippet(
        id=uuid7(), workspace_id=workspace_id, key=key, name=name, body=read_body(workspace_id, body), revision=1,
        created_at=now, updated_at=now, updated_by=by,
    )  # fmt: skip
    session().add(made)
    session().flush()
    # Letters may have named it before it was there.
    _count_change(made)
    return made


def save_snippet(
    workspace_id: UUID, snippet_id: UUID, name: str, body: str, *, revision: int, by: UUID | None = None
) -> Snippet:
    """Change what a snippet is called and says; drafts that name it say it at once, what was launched does not.

    Raises:
        NotFound: no snippet of this workspace.
        Conflict: somebody else has saved since this revision.
        BadInput: something does not fit; ``fields`` says what, and nothing is kept.
    """
    snippet = _held(workspace_id, snippet_id)
    if snippet.revision != revision:
        raise Conflict("Somebody else has saved this snippet since you opened it. Copy what you wrote, and load it again.")
    name, body = plain_name(name), read_body(workspace_id, body)
    if (name, body) == (snippet.name, snippet.body):
        return snippet
    has_other_words = body != snippet.body
    snippet.name, snippet.body, snippet.updated_by, snippet.updated_at = name, body, by, clock.now()
    snippet.revision += 1
    session().flush()
    if has_other_words:
        _count_change(snippet)
    return snippet


def set_archived(workspace_id: UUID, snippet_id: UUID, *, is_archived: bool) -> None:
    """Offer it no longer, or again; where it stands it works as before.

    Raises:
        NotFound: no snippet of this workspace.
    """
    snippet = _held(workspace_id, snippet_id)
    snippet.archived_at = (snippet.archived_at or clock.now()) if is_archived else None
    session().flush()


def uses_of_snippets(workspace_id: UUID) -> dict[str, list[Use]]:
    """The letters whose drafts name each snippet, by its key: those at work first, then the archived ones."""
    found: dict[str, list[Use]] = {}
    for row in session().execute(_USES, {"workspace_id": workspace_id, "pattern": _pattern(_ANY_KEY)}):
        found.setdefault(row.key, []).append(Use(row.id, row.name, row.is_archived))
    return found


def count_versions(workspace_id: UUID, key: str) -> int:
    """How many versions were frozen with a snippet in them."""
    return int(session().execute(_VERSIONS, {"workspace_id": workspace_id, "key": key}).scalar_one())


def read_body(workspace_id: UUID, raw: str) -> str:
    """What a snippet says, as it is kept: clean, and whole for every reader.

    Raises:
        BadInput: it is empty, too long, names what no letter knows or another snippet, or does not work for a reader.
    """
    if len(raw) > 6 * LONGEST:
        raise BadInput(fields={"body": f"Keep this to {LONGEST:,} characters."})
    body = clean(storable(raw, "body"))
    words = Words("", body)
    if len(body) > LONGEST:
        raise BadInput(fields={"body": f"Keep this to {LONGEST:,} characters."})
    if not words.line:
        raise BadInput(fields={"body": "Write what it says."})
    if named_in(body):
        raise BadInput(fields={"body": "A snippet cannot hold another one. Write its words here."})
    faults = [one.message for one in lint_source(words.html) if one.severity == "error"]
    try:
        for values in trials(workspace_id):
            shown_to(workspace_id, words, values)
    except MergeRefused as refused:
        faults += [refused.errors[0].message]
    except MergeStopped as stopped:
        faults += [stopped.detail]
    if faults:
        raise BadInput(fields={"body": faults[0]})
    return body


def warnings_of(words: Words) -> list[str]:
    """What to look at in a snippet that can be used."""
    return list(dict.fromkeys(one.message for one in lint_source(words.html) if one.severity == "warning"))


def shown_to(workspace_id: UUID, words: Words, values: dict[str, Any], language: str = "en") -> Shown:
    """What a snippet is to one reader.

    Raises:
        MergeRefused: a tag does not fit where it stands.
        MergeStopped: it grew too large or ran too long.
    """
    names = names_for(workspace_id)
    parts = (words.html, words.text, words.line)
    made = (prepare(part, target, names).render(values, language) for part, target in zip(parts, _TARGETS, strict=True))
    return Shown(*made)


def key_of(name: str) -> str:
    """The name in merge tags that a name suggests; empty where it has no letters that fit."""
    plain = re.sub(r"[^a-z0-9]+", "_", fold_name(name)).strip("_").lstrip("0123456789_")
    return plain[:LONGEST_KEY].rstrip("_")


def trials(workspace_id: UUID) -> tuple[dict[str, Any], dict[str, Any]]:
    """A reader who told us everything, and one of whom nothing is known."""
    brand = accounts.brand(workspace_id)
    full = {**samples(names_for(workspace_id)), **shared_values(brand, topic="New things", links=_LINKS)}
    return full, reader_values(Reader(), brand, topic="", permission_at=None, links=_LINKS)


def names_for(workspace_id: UUID) -> tuple[Variable, ...]:
    """What a snippet may name."""
    return declared(contacts.field_kinds(workspace_id))


def _held(workspace_id: UUID, snippet_id: UUID) -> Snippet:
    """One that nobody else changes until the transaction ends."""
    queries.get_snippet(workspace_id, snippet_id)
    query = select(Snippet).where(Snippet.workspace_id == workspace_id, Snippet.id == snippet_id)
    return session().execute(query.with_for_update().execution_options(populate_existing=True)).scalar_one()


def _count_change(snippet: Snippet) -> None:
    """Whoever has looked at a letter that names it, tested it or agreed to it has seen another one."""
    session().execute(_CHANGED, {"workspace_id": snippet.workspace_id, "pattern": _pattern(snippet.key)})


def _pattern(key: str) -> str:
    return rf"\m{ROOT}{_BLANK}*\.{_BLANK}*{key}\M"
