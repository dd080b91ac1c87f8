"""What an act on many people says of itself."""

from __future__ import annotations

from typing import Any, Final

from app.people.rules import ActKind, ActState, people, shown_value

# By kind: while it is done, when it is, while it is undone, when that is. {of}: the tag, company or field; {who}: people.
_SAID: Final = {
    ActKind.PUT_ON: (
        "The tag {of} is being put on {who}.", "The tag {of} is on {who}.",
        "The tag {of} is being taken off {who} again.", "The tag {of} is off {who} again.",
    ),
    ActKind.TAKE_OFF: (
        "The tag {of} is being taken off {who}.", "The tag {of} is off {who}.",
        "The tag {of} is being put on {who} again.", "The tag {of} is on {who} again.",
    ),
    ActKind.JOIN: (
        "The company {of} is being given to {who}.", "The company {of} is that of {who} now.",
        "The company {of} is being taken from {who} again.", "The company {of} is no longer that of {who}.",
    ),
    ActKind.LEAVE: (
        "The company {of} is being taken from {who}.", "The company {of} is no longer that of {who}.",
        "The company {of} is being given back to {who}.", "The company {of} is that of {who} again.",
    ),
    ActKind.SET: (
        "{of} is being set to {value} for {who}.", "{of} is {value} for {who} now.",
        "{of} is being set back for {who}.", "{of} is as it was before for {who}.",
    ),
    ActKind.CLEAR: (
        "{of} is being emptied for {who}.", "{of} is empty for {who} now.",
        "{of} is being set back for {who}.", "{of} is as it was before for {who}.",
    ),
}  # fmt: skip
_AS_BEFORE: Final = {
    ActKind.PUT_ON: ("had it before", "had it before"),
    ActKind.TAKE_OFF: ("did not carry it", "did not carry it"),
    ActKind.JOIN: ("was there before", "were there before"),
    ActKind.LEAVE: ("was not there", "were not there"),
    ActKind.SET: ("had that before", "had that before"),
    ActKind.CLEAR: ("had nothing there", "had nothing there"),
}
"""Why nothing was changed about one person, and about several."""


def said(act: ActKind, state: ActState, of: str, value: Any, total: int, changed: int, undone: int) -> str:
    """What an act does or did, in a sentence.

    Args:
        act: its kind.
        state: how far it is.
        of: what the tag, company or field was called.
        value: what a field is set to, as stored.
        total: how many were chosen.
        changed: how many of them it changed.
        undone: how many of those are as before again.
    """
    now = list(ActState).index(state)
    count = (total, changed, changed, undone)[now]
    quoted = "" if value is None else f"“{shown_value(value)}”"
    return _SAID[act][now].format(of=f"“{of}”", value=quoted, who=people(count))


def note(act: ActKind, state: ActState, total: int, changed: int, left_out: int, undone: int, fault: str) -> str:
    """About whom nothing was changed, and why; empty where there is nobody."""
    if state is ActState.UNDONE and changed > undone:
        one = changed - undone == 1
        return f"{people(changed - undone)} {'was' if one else 'were'} changed by somebody since, and {'stays' if one else 'stay'} so."
    if state is not ActState.DONE or fault:
        return fault
    parts = []
    if left_out:
        parts.append(f"{people(left_out)} {'carries' if left_out == 1 else 'carry'} as many tags as there may be, and got none.")
    if same := total - changed - left_out:
        parts.append(f"{people(same)} {_AS_BEFORE[act][same != 1]}.")
    return " ".join(parts)
