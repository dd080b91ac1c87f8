"""Whom a tree of rules means, worked out in plain Python from what random people are: what SQL has to agree with."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from app.engagement import rules as scores
from app.tracking import queries as tracking
from app.tracking.queries import link_number
from tests.segments.world import COMPANIES, PROGRAMS, Person, World

OPPOSITES = {"is_not": "is", "does_not_contain": "contains", "is_not_known": "is_known", "did_not": "did"}


def matches(world: World, person: Person, tree: dict) -> bool:
    """Whether somebody is meant."""
    return not person.erased and _holds(world, person, tree)


def _holds(world: World, person: Person, part: dict) -> bool:
    if "match" in part:
        found = [_holds(world, person, one) for one in part["rules"]]
        return {"all": all(found), "any": any(found), "none": not any(found)}[part["match"]]
    op = part["op"]
    if op in OPPOSITES:
        return not _rule(world, person, part, OPPOSITES[op])
    return _rule(world, person, part, op)


def _rule(world: World, person: Person, rule: dict, op: str) -> bool:
    room, _, name = rule["field"].partition(".")
    value = rule.get("value")
    is_fate = room == "delivery" and name != "receiver"
    if room == "tracking" or is_fate:
        return _acted(world, person, rule, name.removeprefix("act."))
    if room == "tags":
        return bool(person.tags) if op == "is_known" else value in {str(world.tags[n]) for n in person.tags}
    if room == "groups":
        return _belongs(world, person, rule, op, name)
    if room == "segments":
        return "mar" in person.first_name.lower()
    if name.startswith("interest."):
        asked = {
            str(found.id): state
            for found, state in zip(world.place.interests, person.permissions, strict=True)
        }
        return _word(person, asked.get(name.removeprefix("interest."))) == value
    if room == "consent":
        return (
            _reachable(person) == (value == "yes")
            if name == "reachable"
            else (person.level or "none") == value
        )
    if room == "engagement":
        return _engaged(world, person, rule, op, name)
    if name == "created_at":
        return _moment(world, world.ago(person.days), rule, op)
    if name.startswith("field."):
        return _own(world, person.fields.get(name.removeprefix("field.")), rule, op, name)
    return _text(_profile(person, name), value, op)


def _belongs(world: World, person: Person, rule: dict, op: str, name: str) -> bool:
    value = rule.get("value", "")
    if name == "household":
        lives = person.household is not None
        return lives and (
            op == "is_known" or _compare(Decimal(world.sizes[person.household]), op, Decimal(value))
        )
    if person.company is None:
        return False
    company, country, role = COMPANIES[person.company]
    if name == "company_country":
        return country != "" if op == "is_known" else country == value
    return _text(company if name == "company" else role, value, op)


def _profile(person: Person, name: str) -> str:
    return {
        "first_name": person.first_name, "last_name": person.last_name, "email": person.email,
        "domain": person.domain or "", "receiver": person.domain or "", "language": person.language,
    }[name]  # fmt: skip


def _text(had: str, value: str | None, op: str) -> bool:
    had, value = had.lower(), (value or "").lower()
    return {
        "is": had == value, "contains": value in had, "begins_with": had.startswith(value),
        "ends_with": had.endswith(value), "is_known": had != "",
    }[op]  # fmt: skip


def _word(person: Person, state: str | None) -> str:
    if person.veto:
        return "never"
    return {None: "no", "no": "no", "ended": "no", "asked": "asked", "yes": "yes", "paused": "yes"}[state]


def _reachable(person: Person) -> bool:
    return not person.veto and not person.hold and "yes" in person.permissions


def _acted(world: World, person: Person, rule: dict, name: str) -> bool:
    if name != "got" and rule["field"].startswith("delivery."):
        return _went(world, person, rule, name)
    kinds, states = {"read": {"open", "click"}, "got": {"message"}, "ordered": {"order"}}.get(name, {name}), {"human", "sent"}
    what, _, word = name.partition(".")
    if what == "device":
        kinds, states = {"open", "click"}, {"human"}  # of others nobody knows the program
    elif word in {"machine", "unsure"}:
        kinds, states = {what}, {"machine", "failed"} if word == "machine" else {"unsure", "waiting"}
    found = [act for act in person.acts if act.kind in kinds and act.state in states]
    if what == "device":
        found = [act for act in found if PROGRAMS[act.mailing][0] == word]
    if name == "got":
        found = [act for act in found if act.mailing != 2]
    if rule.get("of"):
        found = [act for act in found if str(world.mailings[act.mailing]) == rule["of"]]
    if rule.get("days"):
        found = [
            act for act in found if timedelta(days=act.days, hours=12) <= timedelta(days=int(rule["days"]))
        ]
    return len(found) >= int(rule.get("times", 1))


def _went(world: World, person: Person, rule: dict, name: str) -> bool:
    """What became of letters: those that failed could not be written, and a state says who left and who complained."""
    kind, states = {
        "link": ("click", {"human", "sent"}), "link.machine": ("click", {"machine", "failed"}), "failed": ("message", {"machine", "failed"}),
        "refused.ours": ("message", {"machine", "failed"}), "left": ("message", {"human"}),
        "complained": ("message", {"machine"}), "unknown": ("message", {"unsure"}), "waiting": ("message", {"waiting"}),
    }.get(name, ("", set()))  # fmt: skip
    found = [act for act in person.acts if act.kind == kind and act.state in states]
    is_link = name.startswith("link")
    if not is_link:
        found = [act for act in found if act.mailing != 2]
    if rule.get("of"):
        numbers = {act: world.mailings[act.mailing] for act in found}
        if is_link:
            numbers = {act: link_number(number, 0) for act, number in numbers.items()}
        found = [act for act in found if str(numbers[act]) == rule["of"]]
    if rule.get("days"):
        found = [act for act in found if timedelta(days=act.days, hours=12) <= timedelta(days=int(rule["days"]))]
    return len(found) >= int(rule.get("times", 1))


def _engaged(world: World, person: Person, rule: dict, op: str, name: str) -> bool:
    is_measured = person.level == "individual"
    if name == "last_signal":
        at = world.ago(person.last_read) if is_measured and person.points else None
        return _moment(world, at, rule, op)
    if not is_measured or (op == "is_known" and not name.startswith("level_")):
        return is_measured
    points = person.points or 0.0
    if name.startswith("level_"):
        was = level_before(world, person, int(name.split("_")[1]))
        return was is not None if op == "is_known" else was == rule["value"]
    if name == "level":
        return scores.level(points, world.ago(person.days), world.now).value == rule["value"]
    shown, bound = scores.value(points), Decimal(rule["value"])
    return shown >= bound if op == "at_least" else shown <= bound


def level_before(world: World, person: Person, days: int) -> str | None:
    """What was left of the points then, without those that came since, grown back by as many days as they have halved in."""
    if timedelta(days=person.days, hours=12) < timedelta(days=days):
        return None
    weights = {name: kind.weight for name, kind in tracking.signal_kinds(world.id).items()}
    since = [
        weights[act.kind] * 2 ** -((act.days + 0.5) / scores.HALF_LIFE_DAYS)
        for act in person.acts
        if act.kind in weights and act.state in {"human", "sent"} and act.days + 0.5 < days
    ]
    points = max((person.points or 0.0) - sum(since), 0) * 2 ** (days / scores.HALF_LIFE_DAYS)
    return scores.level(points, world.ago(person.days), world.now - timedelta(days=days)).value


def _moment(world: World, at: datetime | None, rule: dict, op: str) -> bool:
    if at is None or op == "is_known":
        return at is not None
    if "days" in rule:
        is_recent = world.now - at <= timedelta(days=int(rule["days"]))
        return is_recent if op == "in_last" else not is_recent
    day = at.astimezone(world.zone).date()
    return (
        day < date.fromisoformat(rule["value"])
        if op == "before"
        else day >= date.fromisoformat(rule["value"])
    )


def _own(world: World, had: object, rule: dict, op: str, name: str) -> bool:
    if had is None or op == "is_known":
        return had is not None and had != ""
    value = rule.get("value", "")
    if name == "field.town":
        return _text(str(had), value, op)
    if name == "field.birthday":
        return _day(world, date.fromisoformat(str(had)), rule, op)
    if name == "field.brews":
        return value in had  # type: ignore[operator]
    if name == "field.member":
        return had == (value == "true")
    if name == "field.spent":
        amount, currency = str(had).split(" ")
        bound, wanted = value.split(" ")
        return currency == wanted and _compare(Decimal(amount), op, Decimal(bound))
    if name == "field.age":
        return _compare(Decimal(str(had)), op, Decimal(value))
    return had == value


def _compare(had: Decimal, op: str, bound: Decimal) -> bool:
    return {"at_least": had >= bound, "at_most": had <= bound, "is": had == bound}[op]


def _day(world: World, day: date, rule: dict, op: str) -> bool:
    back = (world.today - day).days
    if "days" in rule:
        days = int(rule["days"])
        return {"in_last": 0 <= back <= days, "more_than_ago": back > days, "in_next": 0 <= -back <= days}[op]
    bound = date.fromisoformat(rule["value"])
    return {"is": day == bound, "before": day < bound, "from": day >= bound}[op]
