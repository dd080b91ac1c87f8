"""The editor of a letter of blocks. Each act is a form post that leads back to the page; scripts only swap its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from flask import Response, jsonify, make_response, redirect, render_template, request
from marshmallow import EXCLUDE, fields

from app.content import places, queries
from app.content.blocks import acts, entries, posting, writing
from app.content.blocks.kinds import LONGEST, Field, Kind, find_kind, kinds
from app.content.blocks.writing import Block, Fault
from app.content.models import Letter
from app.content.pages import blueprint, looks, pictures
from app.content.pages.looks import Look
from app.content.pages.taking import taken
from app.content.service import blocks, feeds
from app.content.service.drafts import MAX_LINE
from app.content.snippets import ROOT as SNIPPETS
from app.content.variables import Variable
from app.kernel import limits
from app.kernel.db import transaction
from app.kernel.errors import BadInput, TooMany
from app.kernel.http import guards
from app.kernel.http.actor import Actor, current_actor
from app.kernel.http.posted import Input, Line, posted
from app.kernel.http.problems import wants_json

LINES = "lines"
"""What stands in the list before the blocks: subject and preview line."""
PICTURES_AT_HAND = 12
LOOKS_A_MINUTE = 30


class Seen(Input):
    """What was seen when something was pressed, and where to go on; the inputs of a block are read by its kind."""

    class Meta:
        """What else is posted is looked at by its kind."""

        unknown = EXCLUDE

    revision = fields.Integer(required=True)
    back = Line(longest=120, empty=True)


class Added(Seen):
    """A new block, or a kept one, behind another."""

    kind = Line(longest=40, empty=True)
    kept = Line(longest=80, empty=True)
    after = Line(longest=12, empty=True)


class Lines(Seen):
    """The two lines of the inbox."""

    subject = Line(longest=MAX_LINE, empty=True)
    preheader = Line(longest=MAX_LINE, empty=True)


class Turned(Seen):
    """Which way."""

    act = Line(longest=10)


def page(look: Look, **more: Any) -> str:
    """The editor, with the block that was chosen; ``more`` is for ``looks.shared``."""
    letter = look.letter
    all_blocks = blocks.blocks_of(letter)
    faults = writing.find_faults(all_blocks)
    chosen = request.values.get("block", LINES)
    block = acts.find(all_blocks, chosen)
    kind = find_kind(block.kind) if block else None
    can_undo, can_redo = blocks.steps_around(letter)
    return render_template(
        "content/blocks.html",
        **looks.shared(look, **more),
        rows=[_row(number, one, faults) for number, one in enumerate(all_blocks, start=1)],
        block=block,
        kind=kind,
        inputs=[_input(field, block.values, posting.ROOT, faults, block.id) for field in kind.fields]
        if block and kind
        else [],
        only=_only(look, block, faults) if block and kind and kind.place == "card" else None,
        menu=[
            (group, list(found))
            for group, found in groupby(sorted(_offered(letter), key=_group), key=_group_name)
        ],
        kept=blocks.list_kept(letter.workspace_id),
        tags=looks.tags_of(one for one in look.draft.offered if not _is_snippet(one)),
        snippets=looks.tags_of(one for one in look.draft.offered if _is_snippet(one)),
        pictures=_pictures(letter.workspace_id)
        if kind and any(_has_picture(field) for field in kind.fields)
        else None,
        problems=_with_faults([*_problems(look, all_blocks), *_feed_problems(all_blocks, faults)], all_blocks, faults),
        can_undo=can_undo,
        can_redo=can_redo,
        longest=LONGEST,
    )


@blueprint.post("/letters/<uuid:letter_id>/blocks")
@guards.member("campaigns.write")
def add_block(letter_id: UUID) -> Response:
    """A new block behind the chosen one."""
    actor = _actor(letter_id)
    values = posted(Added())
    kept = blocks.find_kept(actor.workspace_id, values["kept"]) if values["kept"] else None
    made: list[str] = []

    def act(before: list[Block]) -> list[Block]:
        made.append(acts.next_id(before))
        after = values["after"] if acts.find(before, values["after"]) else ""
        if kept:
            return acts.add(before, kept.kind, after, kept.values, kept.only)
        return acts.add(before, values["kind"], after)

    blocks.edit(actor.workspace_id, letter_id, act, revision=values["revision"], by=actor.id)
    return _to(letter_id, values["back"], made[0])


@blueprint.post("/letters/<uuid:letter_id>/blocks/<block_id>")
@guards.member("campaigns.write")
def change_block(letter_id: UUID, block_id: str) -> Response:
    """Keep what was filled in, and do what was pressed: ``act`` is a verb and what it is about, with dashes."""
    actor = _actor(letter_id)
    values = posted(Seen())
    verb, _, what = request.form.get("act", "save").partition("-")
    chosen = [block_id]

    def act(before: list[Block]) -> list[Block]:
        after = _filled(before, block_id)
        match verb:
            case "up" | "down":
                return acts.step(after, block_id, -1 if verb == "up" else 1)
            case "to":
                return acts.move(after, block_id, int(what) if what.isdigit() and len(what) < 4 else 0)
            case "copy":
                chosen[0] = acts.next_id(after)
                return acts.duplicate(after, block_id)
            case "remove":
                chosen[0] = _neighbour(after, block_id)
                return acts.remove(after, block_id)
            case _:
                return after

    letter = blocks.edit(actor.workspace_id, letter_id, act, revision=values["revision"], by=actor.id)
    return _on(letter, values["back"], chosen[0], moved=verb in {"up", "down", "to"})


@blueprint.post("/letters/<uuid:letter_id>/blocks/<block_id>/picture")
@guards.member("campaigns.write", in_slices=True)
def bring_picture(letter_id: UUID, block_id: str) -> Response:
    """A new picture into a field of a block; ``field`` is the input's name."""
    with transaction():
        actor = _actor(letter_id)
    values = posted(Seen())
    picture = taken()
    url, name = places.picture(picture.key, picture.kind), request.form.get("field", "")

    def act(before: list[Block]) -> list[Block]:
        found = acts.find(before, block_id)
        kind = find_kind(found.kind) if found else None
        if found is None or kind is None:
            return acts.remove(before, block_id)
        form = _with_picture(flat(kind.fields, found.values), name, url, picture.alt)
        return acts.change(before, block_id, posting.read(kind.fields, form), found.only)

    with transaction():
        blocks.edit(actor.workspace_id, letter_id, act, revision=values["revision"], by=actor.id)
    return _to(letter_id, values["back"], block_id)


@blueprint.post("/letters/<uuid:letter_id>/blocks/<block_id>/feed")
@guards.member("campaigns.write", in_slices=True)
def look_at_feed(letter_id: UUID, block_id: str) -> Response:
    """Keep what was filled in, then fetch the feed that the block shows; no connection waits for its server."""
    with transaction():
        actor = _actor(letter_id)
        values = posted(Seen())
        letter = blocks.edit(
            actor.workspace_id, letter_id, lambda before: _filled(before, block_id), revision=values["revision"], by=actor.id
        )
        wish = next((one for one in entries.wishes(blocks.blocks_of(letter)) if one.block_id == block_id), None)
    if wish is None:
        return _to(letter_id, values["back"], block_id)
    with transaction():  # after the first: who has to wait loses nothing that was filled in
        if not limits.hit("content.feed", str(actor.workspace_id), LOOKS_A_MINUTE, 60):
            raise TooMany(f"At most {LOOKS_A_MINUTE} looks at feeds a minute. Wait a little.", retry_after_seconds=60)
    fetched = feeds.fetch_feed(wish.address)
    with transaction():
        feeds.keep_feed(actor.workspace_id, wish.address, fetched)
        blocks.edit(actor.workspace_id, letter_id, by=actor.id, faults={wish.address: fetched.fault})
    return _to(letter_id, values["back"], block_id)


@blueprint.post("/letters/<uuid:letter_id>/blocks/<block_id>/keep")
@guards.member("campaigns.write")
def keep_block(letter_id: UUID, block_id: str) -> Response:
    """Keep a block for other letters."""
    actor = _actor(letter_id)
    values = posted(Seen())
    found = acts.find(blocks.blocks_of(queries.get_letter(actor.workspace_id, letter_id)), block_id)
    if found is None:
        raise BadInput("This block is no longer here.")
    blocks.keep_block(actor.workspace_id, found, request.form.get("name", ""), by=actor.id)
    return _to(letter_id, values["back"], block_id)


@blueprint.post("/letters/<uuid:letter_id>/kept")
@guards.member("campaigns.write")
def forget_block(letter_id: UUID) -> Response:
    """Keep one no longer."""
    actor = _actor(letter_id)
    values = posted(Seen())
    blocks.forget_kept(actor.workspace_id, request.form.get("name", ""))
    return _to(letter_id, values["back"], request.form.get("after", "")[:12] or LINES)


@blueprint.post("/letters/<uuid:letter_id>/lines")
@guards.member("campaigns.write")
def change_lines(letter_id: UUID) -> Response:
    """Keep the two lines of the inbox."""
    actor = _actor(letter_id)
    values = posted(Lines())
    letter = blocks.edit(
        actor.workspace_id,
        letter_id,
        subject=values["subject"],
        preheader=values["preheader"],
        revision=values["revision"],
        by=actor.id,
    )
    return _on(letter, values["back"], LINES)


@blueprint.post("/letters/<uuid:letter_id>/steps")
@guards.member("campaigns.write")
def turn(letter_id: UUID) -> Response:
    """One step back, or forward again."""
    actor = _actor(letter_id)
    values = posted(Turned())
    blocks.undo(
        actor.workspace_id,
        letter_id,
        again=values["act"] == "redo",
        revision=values["revision"],
        by=actor.id,
    )
    return _to(letter_id, values["back"], request.form.get("block", LINES)[:12])


@blueprint.post("/letters/<uuid:letter_id>/code")
@guards.member("campaigns.write")
def turn_into_code(letter_id: UUID) -> Response:
    """From now on it is written by hand."""
    actor = _actor(letter_id)
    values = posted(Seen())
    looks.keep_version_if_ready(actor.workspace_id, letter_id, actor.id)
    blocks.turn_into_code(actor.workspace_id, letter_id)
    return looks.to(letter_id, values["back"])


def _actor(letter_id: UUID) -> Actor:
    """Whoever asks, after a look whether the letter is theirs: what is not there is not there, whatever was posted."""
    actor = current_actor()
    queries.get_letter(actor.workspace_id, letter_id)
    return actor


def flat(fields: Sequence[Field], values: Mapping[str, Any], prefix: str = posting.ROOT) -> dict[str, str]:
    """Values as the inputs of their form: what ``posting.read`` reads."""
    found: dict[str, str] = {}
    for field in fields:
        name, value = f"{prefix}-{field.name}", values.get(field.name)
        if field.type == "items":
            for number, item in enumerate(value or ()):
                found |= {f"{name}-{number}": ""} | flat(field.fields, item, f"{name}-{number}")
        elif field.type == "picture":
            told = value or {}
            found |= {f"{name}-src": str(told.get("src", "")), f"{name}-alt": str(told.get("alt", ""))}
        elif field.type == "who":
            found |= {f"{name}-{key}": str(told) for key, told in (value or {}).items()}
        elif field.type not in {"check", "entries"} or (field.type == "check" and value):
            found[name] = "" if value is None else str(value)
    return found


def _filled(before: list[Block], block_id: str) -> list[Block]:
    """The blocks with what the form says of one; an act from the list says nothing of it."""
    found = acts.find(before, block_id)
    kind = find_kind(found.kind) if found else None
    if found is None or kind is None or "filled" not in request.form:
        return before
    form = dict(request.form.items())
    if use := form.get("use", ""):
        name, _, url = use.partition(" ")
        form = _with_picture(form, name, url, _alt_of(url))
    values = posting.read(kind.fields, form)
    _change_items(kind.fields, values, form.get("act", ""))
    return acts.change(before, block_id, values, posting.read_rule(form, "only"))


def _with_picture(form: Mapping[str, str], name: str, url: str, alt: str) -> dict[str, str]:
    """The inputs with another picture and what the library says that it shows; without that the words stay."""
    return {**form, f"{name}-src": url, f"{name}-alt": alt or form.get(f"{name}-alt", "")}


def _alt_of(url: str) -> str:
    """What the library knows of one of our pictures."""
    key = url.rpartition("/")[2].partition(".")[0]
    found = queries.find_picture(current_actor().workspace_id, key)
    return found.alt if found and url == places.picture(found.key, found.kind) else ""


def _change_items(fields: Sequence[Field], values: dict[str, Any], act: str) -> None:
    """``more-parts``, ``less-parts-0``, ``before-parts-1`` (one place up) and ``after-parts-1``."""
    verb, _, rest = act.partition("-")
    name, _, raw = rest.partition("-")
    field = next((one for one in fields if one.name == name and one.type == "items"), None)
    if field is None:
        return
    items: list[Any] = values[name]
    place = int(raw) if raw.isdigit() and len(raw) < 3 else -1
    if verb == "more" and len(items) < field.most:
        items.append(posting.blank(field))
    elif verb == "less" and 0 <= place < len(items) > field.least:
        del items[place]
    elif verb in {"before", "after"} and 0 <= place < len(items):
        items.insert(max(place + (-1 if verb == "before" else 1), 0), items.pop(place))


def _neighbour(before: Sequence[Block], block_id: str) -> str:
    ids = [block.id for block in before]
    place = ids.index(block_id) if block_id in ids else -1
    return ids[place + 1] if place + 1 < len(ids) else ids[place - 1] if place > 0 else LINES


def _row(number: int, block: Block, faults: Sequence[Fault]) -> dict[str, Any]:
    kind = find_kind(block.kind)
    own = [one.severity for one in faults if one.block == block.id]
    return {
        "id": block.id,
        "number": number,
        "title": kind.title if kind else "No longer here",
        "icon": kind.icon if kind else "",
        "words": writing.summary_of(block) or (kind.says if kind else ""),
        "for_some": bool(block.only),
        "severity": "error" if "error" in own else "warning" if own else "",
    }


def _input(
    field: Field, values: Mapping[str, Any], prefix: str, faults: Sequence[Fault], block_id: str
) -> dict[str, Any]:
    """A field with what stands in it, for the template."""
    name, value = f"{prefix}-{field.name}", values.get(field.name)
    told = {one.field: one.message for one in faults if one.block == block_id and one.severity == "error"}
    shown: dict[str, Any] = {
        "field": field,
        "name": name,
        "value": value,
        "error": told.get(name.removeprefix(f"{posting.ROOT}-"), ""),
    }
    if field.type == entries.TYPE:
        shown |= _feed(values, [one for one in faults if one.block == block_id and one.field == field.name])
    if field.type == "items":
        shown["items"] = [
            [_input(part, item, f"{name}-{number}", faults, block_id) for part in field.fields]
            for number, item in enumerate(value or ())
        ]
    return shown


def _feed(values: Mapping[str, Any], faults: Sequence[Fault]) -> dict[str, Any]:
    """What is said of the feed that a block shows: when it was fetched, what does not fit, and what is wrong."""
    address = str(values.get("address") or "")
    feed = feeds.find_feed(current_actor().workspace_id, address) if address else None
    return {
        "address": address, "feed": feed, "notes": [(one.severity, one.message) for one in faults],
        "error": "",
    }  # fmt: skip


def _only(look: Look, block: Block, faults: Sequence[Fault]) -> dict[str, Any]:
    """What is known of readers that a block may depend on."""
    offered = [
        (one.name, one.says)
        for one in look.draft.names
        if one.name.startswith(("contact.", "topic.")) and one.item is None
    ]
    told = next((one.message for one in faults if (one.block, one.field) == (block.id, writing.ONLY)), "")
    return {"offered": offered, "tests": writing.TESTS, "error": told} | {
        key: block.only.get(key, "") for key in ("name", "test", "value")
    }


def _pictures(workspace_id: UUID) -> dict[str, Any]:
    found = queries.list_pictures(workspace_id, limit=PICTURES_AT_HAND)
    return {"rows": [pictures.told(one) for one in found.rows], "next": found.next_cursor}


def _is_snippet(one: Variable) -> bool:
    return one.name.partition(".")[0] == SNIPPETS


def _has_picture(field: Field) -> bool:
    return field.type == "picture" or any(_has_picture(part) for part in field.fields)


def _problems(look: Look, all_blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """What keeps the letter from being good, each with the block that it is in."""
    source = writing.write(all_blocks)
    titles = {one.id: kind.title for one in all_blocks if (kind := find_kind(one.kind))}
    found = []
    for problem in look.written.problems:
        at = source.block_at(problem.line) if problem.place == "source" else LINES
        title = "Subject and preview" if at == LINES else titles.get(at, "The letter")
        found.append({"severity": problem.severity, "message": problem.message, "block": at, "title": title})
    return found


def _feed_problems(all_blocks: Sequence[Block], faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """What keeps feeds from being shown: no source tells it, and an error keeps the letter from being sent."""
    kinds_of = {one.id: find_kind(one.kind) for one in all_blocks if entries.field_of(one.kind)}
    return [
        {"severity": one.severity, "message": one.message, "block": one.block, "title": kind.title}
        for one in faults
        if (kind := kinds_of.get(one.block)) and one.field == entries.field_of(kind.name)
    ]


def _with_faults(
    told: list[dict[str, Any]], all_blocks: Sequence[Block], faults: Sequence[Fault]
) -> list[dict[str, Any]]:
    """And what only the blocks themselves know, unless as much is said of that block: most of it the source tells too."""
    titles = {one.id: kind.title for one in all_blocks if (kind := find_kind(one.kind))}
    said = {one["block"] for one in told}
    stopped = {one["block"] for one in told if one["severity"] == "error"}
    return told + [
        {"severity": one.severity, "message": one.message, "block": one.block, "title": titles.get(one.block, "No longer here")}
        for one in faults
        if one.block not in (stopped if one.severity == "error" else said)
    ]


def _offered(letter: Letter) -> list[Kind]:
    """The kinds that fit a letter of this purpose."""
    return [kind for kind in kinds().values() if kind.only_in in {"", letter.purpose}]


def _group(kind: Kind) -> tuple[int, int]:
    order = list(kinds())
    first = min(order.index(one.name) for one in kinds().values() if one.group == kind.group)
    return first, order.index(kind.name)


def _group_name(kind: Kind) -> str:
    return kind.group


def _on(letter: Letter, back: str, block_id: str, *, moved: bool = False) -> Response:
    """Where to go on. A script is told which page that is: it shows the mail first, and then what the page says of it."""
    if not wants_json():
        return _to(letter.id, back, block_id, moved=moved)
    return jsonify(revision=letter.revision, page=_url(letter.id, back, block_id, moved=moved))


def _to(letter_id: UUID, back: str, block_id: str, *, moved: bool = False) -> Response:
    return make_response(redirect(_url(letter_id, back, block_id, moved=moved), 303))


def _url(letter_id: UUID, back: str, block_id: str, *, moved: bool = False) -> str:
    more: dict[str, Any] = {"moved": "1"} if moved else {}
    return looks.url(letter_id, back, block=block_id, **more, **looks.kept_args())
