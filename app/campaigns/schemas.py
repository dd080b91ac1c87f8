"""What the pages of campaigns post."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import fields, pre_load, validate

from app.campaigns.rules import DELAYS, LINK_DAYS, MAX_NAME
from app.campaigns.timing import BYS, DAYS, PASTS
from app.delivery.rules.hours import By, Past
from app.kernel.http.posted import Input, Line, Lines, Tick


def _one_of(pairs: Sequence[tuple[str, str]], **more: Any) -> fields.String:
    return fields.String(validate=validate.OneOf([value for value, _ in pairs], error="Choose from the list."), **more)


class Started(Input):
    """A new campaign; ``design`` empty: a letter of one's own from nothing but head and footer."""

    name = Line(longest=MAX_NAME, message="Write a name that you will know it by.")
    design = Line(longest=40, message="Choose what to begin with.")


class Chosen(Input):
    """Whom it is for."""

    interests = fields.List(
        fields.UUID(error_messages={"invalid_uuid": "Choose from the list."}), load_default=list
    )
    segment = fields.UUID(load_default=None, error_messages={"invalid_uuid": "Choose from the list."})
    name = Line(longest=MAX_NAME, message="Write a name that you will know it by.")

    @pre_load
    def _all_of_them(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "segment" or value}


class Sent(Input):
    """When it goes; ``revision`` is the edition of the letter that was reviewed, the last two the signatures of what goes with it."""

    when = fields.String(
        required=True,
        validate=validate.OneOf(("now", "at"), error="Choose now or a time."),
        error_messages={"required": "Choose now or a time."},
    )
    day = Line(longest=10, empty=True)
    time = Line(longest=8, empty=True)
    delay = fields.Integer(
        load_default=60,
        validate=validate.OneOf([seconds for seconds, _ in DELAYS], error="Choose one of the times."),
    )
    by = _one_of(BYS, load_default=By.MOMENT.value)
    past = _one_of(PASTS, load_default=Past.NEXT_DAY.value)
    days = fields.List(_one_of(DAYS), load_default=list)
    since = Line(longest=8, empty=True)
    until = Line(longest=8, empty=True)
    is_urgent = Tick()
    revision = fields.Integer(required=True)
    variants = Line(longest=40, empty=True)
    languages = Line(longest=40, empty=True)


class Moved(Input):
    """Another time for what has not begun; without one the time of day stays. ``back``: the calendar it is seen in."""

    day = Line(longest=10, message="Choose a day.")
    time = Line(longest=8, empty=True)
    back = Line(longest=16, empty=True)


class Decided(Input):
    """Which variant the rest gets."""

    label = Line(longest=1, message="Choose one of the variants.")


class Tested(Input):
    """A test mail to whoever asks for it; ``label``: of a variant; ``language``: that one only."""

    mark = Tick()
    label = Line(longest=1, empty=True)
    language = Line(longest=8, empty=True)


class FollowedUp(Input):
    """Who gets a letter again."""

    who = Line(longest=20, message="Choose who gets it again.")


class Shown(Input):
    """Whether a letter's public copy stands in the archive."""

    show = Tick()


class Approved(Input):
    """A yes to the letter, its audience and its variants as they were looked at."""

    seen = Line(longest=40, message="Look at it once more.")


class Ruled(Input):
    """Whether a second person's yes is asked for."""

    needs = Tick()


class Remark(Input):
    """What somebody says about a campaign."""

    body = Lines(longest=2_000, message="Write something.")


class Named(Input):
    """A segment of the people behind a number."""

    name = Line(longest=MAX_NAME, message="Give it a name.")


class Shared(Input):
    """A link to a report for everybody."""

    days = fields.Integer(required=True, validate=validate.OneOf(LINK_DAYS, error="Choose 7, 30 or 90 days."))


class Recurring(Input):
    """When a series comes, and what happens then."""

    every = Line(longest=10, message="Choose how often.")
    weekdays = fields.List(fields.Integer(error_messages={"invalid": "Choose from the days."}), load_default=list)
    month_day = fields.Integer(load_default=1, error_messages={"invalid": "Choose a day from 1 to 31."})
    time = Line(longest=8, message="Write a time like 10:00.")
    does = Line(longest=10, message="Choose what happens at each date.")
    only_new = Tick()


class Nothing(Input):
    """A button alone."""
