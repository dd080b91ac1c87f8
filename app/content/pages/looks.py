"""What both editors of a letter show beside the writing: its preview, its problems, its versions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Response, make_response, redirect, request, url_for

from app.accounts import queries as accounts
from app.content import queries
from app.content.letters import Draft, Problem, Rendered, Written, prepared, write
from app.content.lint import GMAIL_CLIPS_OCTETS
from app.content.models import Letter, LetterVersion
from app.content.pages import people
from app.content.service import STAGES, draft_of, freeze_version, list_languages
from app.content.service.drafts import PUT_AWAY
from app.content.service.versions import NotReady
from app.content.variables import Variable
from app.kernel.errors import BadInput
from app.kernel.http.actor import current_actor
from app.kernel.i18n import NAMES

_BACK = re.compile(r"/[a-z]{2,20}/[0-9a-f-]{36}(?:/[a-z]{2,20})?")
_SHOWN_PICTURE = re.compile(r"<img\b", re.IGNORECASE)
_FRAME = ("theme", "part", "pictures")
_KEPT = ("as", *_FRAME, "back")


@dataclass(frozen=True, slots=True)
class Look:
    """A draft with all that its page shows; ``seen`` and ``rendered`` are what its reader gets, maybe in another language."""

    letter: Letter
    draft: Draft
    reader: people.Shown
    written: Written
    seen: Written
    rendered: Rendered | None


def read(letter_id: UUID, key: str) -> tuple[Letter, Draft, people.Shown]:
    """A letter, its draft, and the reader behind a key.

    Raises:
        NotFound: no letter or no reader of this workspace.
    """
    letter = queries.get_letter(current_actor().workspace_id, letter_id)
    draft = draft_of(letter, with_all_snippets=True)
    return letter, draft, people.shown(key, draft, letter)


def look_at(letter: Letter, draft: Draft, reader: people.Shown) -> Look:
    """Compile a draft and merge it for a reader; takes a while, needs no connection."""
    written = write(draft)
    seen = written if reader.draft is draft else write(reader.draft)
    try:
        rendered = prepared(seen).merge(reader.values) if seen.html else None
    except BadInput:
        rendered = None
    return Look(letter, draft, reader, written, seen, rendered)


def shown(look: Look) -> dict[str, Any]:
    """What the stage says of a rendered draft."""
    rendered = look.rendered
    return {
        "shows": rendered is not None,
        "subject": rendered.subject if rendered else "",
        "preheader": rendered.preheader if rendered else "",
        "weight": _weight(look),
    }


def shared(
    look: Look,
    *,
    found: Sequence[Mapping[str, str]] = (),
    looked_for: str = "",
    notice: str = "",
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What the templates of both editors need for the bar and the stage."""
    letter = look.letter
    chosen = {name: request.values.get(name, "") for name in _KEPT}
    frame: dict[str, Any] = {name: chosen[name] for name in _FRAME if chosen[name]}
    names = {member.user_id: member.name for member in accounts.list_members(letter.workspace_id)}
    back = back_to(chosen["back"])
    marks = {"marks": "1"} if letter.blocks is not None else {}
    return {
        "letter": letter,
        "saved_at": letter.updated_at,
        "zone": accounts.brand(letter.workspace_id).time_zone,
        "errors": errors or {},
        "notice": notice or (PUT_AWAY if letter.archived_at else ""),
        "reader": look.reader,
        "readers": _readers(look.reader),
        "found": [{**one, "url": url(letter.id, back, one["key"])} for one in found],
        "looked_for": looked_for,
        "chosen": chosen | {"back": back},
        "frame_url": url_for(
            "content.preview", letter_id=letter.id, **(frame | marks | {"as": look.reader.key})
        ),
        **_languages(letter, back, frame | ({"as": chosen["as"]} if chosen["as"] else {})),
        "versions": [_version_row(one, names, frame) for one in queries.list_versions(letter)],
        "may_write": current_actor().may("campaigns.write"),
        "may_search": current_actor().may("people.read"),
        **shown(look),
    }


def tags_of(names: Iterable[Variable]) -> list[tuple[str, str, str]]:
    """What the menu of a field inserts: name, the words that it puts there, and what they are."""
    found = []
    for one in names:
        found += [(one.name, f"{{{{ {one.name} }}}}", one.says)] if one.item is None else []
        found += [(one.name, one.loop, f"{one.says}: a loop")] if one.loop else []
    return found


def keep_version_if_ready(workspace_id: UUID, letter_id: UUID, by: UUID) -> None:
    """Keep the draft as a version before something takes its place; what could not be sent cannot be kept."""
    with suppress(NotReady):
        freeze_version(workspace_id, letter_id, by)


def kept_args() -> dict[str, str]:
    """How the preview was looked at, for the address to go on at."""
    return {name: value for name in ("as", *_FRAME) if (value := request.values.get(name, ""))}


def told(problem: Problem) -> dict[str, Any]:
    """A problem as JSON."""
    return {
        "place": problem.place,
        "line": problem.line,
        "column": problem.column,
        "severity": problem.severity,
        "message": problem.message,
    }


def url(letter_id: UUID, back: str, key: str = "", **more: Any) -> str:
    """The address of a letter's editor; ``back`` counts only where it is a page of ours."""
    known: dict[str, Any] = {name: value for name, value in (("as", key), ("back", back_to(back))) if value}
    return url_for("content.edit", letter_id=letter_id, **(more | known))


def to(letter_id: UUID, back: str, key: str = "") -> Response:
    """Back to the editor."""
    return make_response(redirect(url(letter_id, back, key), 303))


def back_to(path: str) -> str:
    """The page that the editor leads on to: one of a campaign, or nothing."""
    return path if _BACK.fullmatch(path) else ""


def _weight(look: Look) -> str:
    """How heavy it is, in words: "38 KB of 102 KB · 4 links · 3 pictures"."""
    if look.rendered is None:
        return ""
    octets = len(look.rendered.html.encode())
    links, pictures = len(look.seen.links), len(_SHOWN_PICTURE.findall(look.rendered.html))
    parts = [f"{max(octets // 1024, 1)} KB of {GMAIL_CLIPS_OCTETS // 1024} KB"]
    parts.append("1 link" if links == 1 else f"{links} links")
    parts.append("1 picture" if pictures == 1 else f"{pictures} pictures")
    return " · ".join(parts)


def _readers(reader: people.Shown) -> list[tuple[str, str]]:
    plain = [(people.SAMPLE, "As a made-up reader"), (people.NOBODY, "With no name")]
    return plain if reader.key in {key for key, _ in plain} else [(reader.key, reader.label), *plain]


def _languages(letter: Letter, back: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    """The tabs of a letter's languages, and those that it may have too; a transactional letter has none."""
    if letter.data_samples is not None:
        return {"languages": [], "more_languages": []}
    found = list_languages(letter)
    known = {one.letter.language for one in found}
    return {
        "languages": [
            {
                "name": one.name,
                "is_main": one.is_main,
                "is_current": one.letter.id == letter.id,
                "stage": STAGES.get(one.stage),
                "url": url(one.letter.id, back, **kept),
            }
            for one in found
        ],
        "more_languages": [(code, name) for code, name in NAMES.items() if code not in known],
    }


def _version_row(
    version: LetterVersion, names: Mapping[UUID, str], frame: Mapping[str, Any]
) -> dict[str, Any]:
    """A version as the menu lists it."""
    who = names.get(version.created_by) if version.created_by else None
    return {
        "number": version.number,
        "at": version.created_at,
        "who": who or "",
        "subject": version.subject,
        "url": url_for("content.preview", letter_id=version.letter_id, version=version.number, **frame),
    }
