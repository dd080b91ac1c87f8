"""Merging: from a version and a reader's values to the mail. Nothing here compiles, parses twice, or writes."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from app.accounts.rules.brand import Brand
from app.content import queries
from app.content.addresses import settled
from app.content.data import ROOT, find_faults, tree_of
from app.content.letters import (
    Draft,
    Holes,
    Incomplete,
    Links,
    Prepared,
    Problem,
    Rendered,
    Tags,
    prepared,
    samples_in,
    write,
)
from app.content.merge import MergeRefused
from app.content.models import LetterVersion
from app.content.readers import public_values
from app.content.service.drafts import draft_of
from app.content.skeleton import Skeleton
from app.kernel.errors import BadInput

_KEPT: Final = 64
_prepared: OrderedDict[UUID, Prepared] = OrderedDict()
_lock = threading.Lock()
_NO_ADDRESS = re.compile(r"""(<a\b[^<>]*?)\shref=(?:""|'')""", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^<>]*>", re.IGNORECASE)


def render(
    version: LetterVersion,
    values: Mapping[str, Any],
    *,
    links: Links | None = None,
    pixel_url: str | None = None,
    hidden_url: str | None = None,
) -> Rendered:
    """One reader's letter. Pure: the same version and values give the same bytes; safe in threads.

    A version’s templates are read once in a process. After that a letter of 17 to 26 KB with some 15 tags and up
    to 11 links takes 55 to 80 µs on a free core (Python 3.11, 2-core machine), 200 µs while others want it too.

    Args:
        version: as stored; immutable, so its id stands for its content.
        values: of ``reader_values``.
        links: gives each link of ``version.links`` (its index, its address for this reader) another address;
            None keeps them.
        pixel_url: a picture that tells of an opening; None leaves it out.
        hidden_url: a link that no person sees and only machines follow; None leaves it out.

    Raises:
        Incomplete: this letter would lack the way to unsubscribe, the postal address, or a link.
        MergeStopped: it grew over 2 MB or took longer than a second.
    """
    prepared = _prepared_of(version)
    rendered = prepared.merge(values, links, pixel_url, hidden_url)
    prepared.refuse_incomplete(rendered, values)
    return rendered


def render_transactional(version: LetterVersion, values: Mapping[str, Any], data: Mapping[str, Any]) -> Rendered:
    """One transactional mail: its links lead where the author wrote, nothing in it tells that it was read.

    Args:
        version: of a transactional letter.
        values: of ``transactional_values``.
        data: what a program told, without faults (``data_faults``).

    Raises:
        Incomplete: the version is a letter to many, or the postal address would be missing.
        MergeStopped: it grew over 2 MB or took longer than a second.
    """
    samples = samples_in(version.needs)
    if samples is None:
        raise Incomplete("A letter to many cannot be sent as a transactional mail: nobody could leave it.")
    values = {**values, ROOT: tree_of(data, samples)}
    prepared = _prepared_of(version)
    rendered = prepared.merge(values)
    prepared.refuse_incomplete(rendered, values, is_transactional=True)
    return rendered


def data_faults(version: LetterVersion, data: Mapping[str, Any]) -> dict[str, str]:
    """What is unknown, missing or unfit in what a program tells for a transactional mail, by dotted name."""
    return find_faults(samples_in(version.needs) or {}, version.needs["wanted"], data)


def skeleton(
    version: LetterVersion,
    fixed: Mapping[str, Any],
    *,
    links: Links | None = None,
    pixel_url: str | None = None,
    hidden_url: str | None = None,
) -> Skeleton | None:
    """What ``render`` would write for every reader, with blanks where they differ; None: render each by itself."""
    return _prepared_of(version).skeleton(fixed, links, pixel_url, hidden_url)


def tags_of(version: LetterVersion) -> Tags:
    """What decides what the copies of a letter say: readers who are equal in these get equal copies."""
    return _prepared_of(version).tags


def holes_of(version: LetterVersion, values: Mapping[str, Any]) -> Holes:
    """What the copy with these values lacks; it could be sent all the same."""
    return _prepared_of(version).holes(values)


def render_public(version: LetterVersion, values: Mapping[str, Any]) -> Rendered:
    """The copy that everybody may read; ``values`` of ``public_values``. Personal links lose their address."""
    shown = _prepared_of(version).merge(values)
    page = _NO_ADDRESS.sub(r"\1", shown.html)
    page = _HEAD.sub(lambda found: found[0] + '<base target="_blank">', page, count=1)
    return replace(shown, html=page)


def link_targets(
    version: LetterVersion, brand: Brand, translations: Mapping[str, LetterVersion] | None = None
) -> list[str]:
    """Where each link of ``version.links`` leads; those that lead elsewhere for each reader keep their merge tags.

    With translations theirs follow, each address once (``link_places``).
    """
    values = public_values(brand)
    known: dict[str, str] = {}
    for one in (version, *_in_order(translations or {})):
        known |= {address: settled(address, values, one.language) for address in one.links if address not in known}
    return list(known.values())


def link_places(version: LetterVersion, translations: Mapping[str, LetterVersion]) -> dict[str, tuple[int, ...]]:
    """By language, the place of each of a translation's links among ``link_targets`` of all of them.

    An address that several languages have is one link, whose clicks count together.
    """
    places: dict[str, int] = {}
    for one in (version, *_in_order(translations)):
        for address in one.links:
            places.setdefault(address, len(places))
    return {language: tuple(places[address] for address in one.links) for language, one in translations.items()}


def _in_order(translations: Mapping[str, LetterVersion]) -> list[LetterVersion]:
    return [one for _, one in sorted(translations.items())]


def links_of_draft(draft: Draft, brand: Brand) -> list[str]:
    """As ``link_targets``, of a draft; empty where it does not compile."""
    values = public_values(brand)
    return [settled(address, values, draft.language) for address in write(draft).links]


def preview(workspace_id: UUID, letter_id: UUID, values: Mapping[str, Any]) -> Rendered:
    """The draft as a reader would get it: the bytes that a version made now would give.

    Raises:
        NotFound: no letter of this workspace.
        BadInput: it does not compile, or a merge tag does not work; the detail says where.
    """
    return preview_draft(draft_of(queries.get_letter(workspace_id, letter_id)), values)


def preview_draft(draft: Draft, values: Mapping[str, Any]) -> Rendered:
    """As ``preview``, without the database."""
    written = write(draft)
    faults = [problem for problem in written.problems if problem.severity == "error"]
    if not written.html:
        raise _broken(faults)
    try:
        return prepared(written).merge(values)
    except MergeRefused as refused:
        raise (_broken(faults) if faults else refused) from None


def _broken(faults: list[Problem]) -> BadInput:
    first = faults[0]
    place = "" if first.place == "source" else f" of the {first.place}"
    return BadInput(f"Line {first.line}{place}: {first.message}")


def _prepared_of(version: LetterVersion) -> Prepared:
    with _lock:
        known = _prepared.get(version.id)
        if known is not None:
            _prepared.move_to_end(version.id)
            return known
    made = Prepared(version)
    with _lock:
        _prepared[version.id] = made
        while len(_prepared) > _KEPT:
            _prepared.popitem(last=False)
    return made
