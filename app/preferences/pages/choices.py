"""The parts of the private page: what each choice is called, and what a post of it means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import current_app

from app.consent import queries as consent
from app.consent.rules import Channel, Digest, Level, State
from app.kernel import clock, i18n
from app.kernel.errors import BadInput
from app.kernel.i18n import gettext as _
from app.preferences import choosing, queries, rules
from app.preferences.queries import Reader

if TYPE_CHECKING:
    from app.consent.models import Reach


def channels() -> list[dict[str, str]]:
    """The columns of the table of topics."""
    return [{"code": "email", "label": _("By mail")}, {"code": "post", "label": _("On paper")}]


def topics(reader: Reader, reach: Reach | None, *, offers_post: bool) -> list[dict[str, Any]]:
    """The topics on offer, each with its state and what is ticked."""
    by_mail = consent.choices(reader.workspace_id, reader.contact_id).interests
    on_paper = consent.choices(reader.workspace_id, reader.contact_id, "post").interests
    is_stopped = reach is not None and reach.objected_at is not None
    live = {State.YES, State.ASKED}
    listed = []
    for found in consent.list_interests(reader.workspace_id):
        state = by_mail.get(found.id)
        item: dict[str, Any] = {
            "id": str(found.id),
            "name": found.name,
            "note": " ".join(filter(None, (found.description, found.pace))),
            "state": "never" if is_stopped else (state or State.NO).value,
            "checked": state in live,
        }
        if offers_post:
            item["channels"] = {"email": state in live, "post": on_paper.get(found.id) in live}
        listed.append(item)
    return listed


def agreement(reader: Reader, channel: Channel = Channel.EMAIL) -> str:
    """The words beside the topics; stored letter for letter with each new yes."""
    brand = reader.brand.short_name
    if channel is Channel.POST:
        return _("%(brand)s may send me letters on paper about the topics ticked here.") % {"brand": brand}
    return _(
        "%(brand)s may email me about the topics ticked here. I can stop with one click in every mail."
    ) % {"brand": brand}


def tracking_words(level: Level) -> tuple[str, str]:
    """Words and smaller words of each choice, as shown and as stored."""
    return {
        Level.NONE: (_("Nothing"), _("Links go straight to their page, no picture reports back")),
        Level.DATE: (
            _("The day of my last open"),
            _("One day without a time, so that you stop writing when I no longer read. Each open replaces it"),
        ),
        Level.AGGREGATE: (_("Totals only"), _("“38 of 100 people read it”, without knowing who")),
        Level.INDIVIDUAL: (
            _("What I open and click"),
            _("To send me less that does not interest me. Ends for old mails too when you take it back"),
        ),
    }[level]


def frequency(reach: Reach | None) -> dict[str, Any]:
    """How often at most, and what is in force."""
    return {
        "value": (reach.digest if reach else None) or "each",
        "options": [
            ("each", _("Every mail"), ""),
            (Digest.WEEKLY.value, _("One mail a week"), _("It lists what you missed. Nothing else comes")),
            (Digest.MONTHLY.value, _("One mail a month"), _("It lists what you missed. Nothing else comes")),
        ],
    }


def pause(reach: Reach | None, now: datetime, zone: str) -> dict[str, Any]:
    """A pause, and until when it is."""
    until = reach.paused_until if reach and reach.paused_until and reach.paused_until > now else None
    kept = [("keep", _("Until %(day)s") % {"day": i18n.day(until, zone)}, "")] if until else []
    return {
        "value": "keep" if until else "no",
        "until": "",
        "earliest": (now.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)).isoformat(),
        "options": [
            *kept,
            ("no", _("No pause"), ""),
            ("30", _("For a month"), ""),
            ("90", _("For three months"), ""),
            ("until", _("Until a day"), ""),
        ],
    }


def saved(reader: Reader, values: dict[str, Any]) -> choosing.Saved:
    """What a checked post asks for; what it does not name stays as it is.

    Raises:
        BadInput: a topic or a day that is none.
    """
    tracking: Level = values["tracking"]
    reach = consent.find_reach(reader.workspace_id, reader.contact_id)
    before = reach.paused_until if reach else None
    often = values["often"] or (reach.digest if reach and reach.digest else "each")
    offered = [Channel.EMAIL, *([Channel.POST] if queries.offers_post(reader.workspace_id) else [])]
    return choosing.Saved(
        ticked=_ticked(values["topic"], offered),
        tracking=tracking,
        first_name=values["first_name"],
        language=values["language"],
        words={channel: agreement(reader, channel) for channel in offered},
        tracking_words=" ".join(tracking_words(tracking)),
        page_url=current_app.config["NOD"].url + "/my",
        digest=None if often == "each" else Digest(often),
        paused_until=rules.pause_until(
            values["pause"], _day(values["until"]), before, clock.now(), reader.brand.time_zone
        ),
        postal=values["postal"],
    )


def _ticked(raw: Sequence[str], offered: Sequence[Channel]) -> dict[Channel, set[UUID]]:
    found: dict[Channel, set[UUID]] = {channel: set() for channel in offered}
    for one in raw:
        topic, _dot, channel = one.partition(".")
        try:
            found[Channel(channel or "email")].add(UUID(topic))
        except (ValueError, KeyError):
            raise BadInput(fields={"topic": "Choose from the list."}) from None
    return found


def _day(raw: str) -> date | None:
    try:
        return date.fromisoformat(raw) if raw else None
    except ValueError:
        raise BadInput(fields={"until": "Choose a day."}) from None
