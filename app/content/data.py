"""What a transactional letter is told with each mail: the names that it declares, and the values that a program sends.

Pure. A name is written below ``data`` in merge tags: ``order.number`` is ``{{ data.order.number }}``. A list is declared by
what its entries hold: ``items[].name`` is ``{% for item in data.items %}{{ item.name }}{% endfor %}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.content.merge import LINK, LOOP_ROUNDS
from app.content.variables import Kind, Variable

ROOT: Final = "data"
MOST_NAMES: Final = 60
LONGEST_SAMPLE: Final = 400
LONGEST_VALUE: Final = 5_000
DEEPEST: Final = 4
_WORD: Final = "[a-z][a-z0-9_]{0,39}"
_NAME = re.compile(rf"{_WORD}(?:\.{_WORD}){{0,{DEEPEST - 1}}}(?:\[\]\.{_WORD})?")
_LINE = re.compile(r"\s*(?:data\.)?([^=\s]+)\s*=\s*(.*?)\s*")
_LIST: Final = "[]."


class DataFault(ValueError):
    """A line that declares nothing; the text says which one and what to do."""


def read_lines(text: str) -> dict[str, str]:
    """Samples by name, from lines like ``order.number = OK-1``, in their order.

    Raises:
        DataFault: names the first line that cannot be read.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        parts = _LINE.fullmatch(line)
        if parts is None or not _NAME.fullmatch(parts[1]):
            raise DataFault(
                f"Line {number}: write a name in small letters and an example, such as order.number = OK-1."
            )
        name, sample = parts[1], parts[2]
        if not sample or len(sample) > LONGEST_SAMPLE or not sample.isprintable():
            raise DataFault(f"Line {number}: write an example of at most {LONGEST_SAMPLE} characters.")
        if name in found:
            raise DataFault(f"Line {number}: {name} stands in two lines.")
        if other := next((one for one in found if _clash(one, name)), ""):
            raise DataFault(f"Line {number}: {name} cannot be beside {other}: one of them would be a part of the other.")
        found[name] = sample
    if len(found) > MOST_NAMES:
        raise DataFault(f"At most {MOST_NAMES} names.")
    return found


def as_lines(samples: Mapping[str, str]) -> str:
    """The lines that ``read_lines`` reads."""
    return "\n".join(f"{name} = {sample}" for name, sample in samples.items())


def variables(samples: Mapping[str, str]) -> list[Variable]:
    """What merge tags may name: an address where the sample is one, a list where names say so, else text."""
    lists: dict[str, dict[str, str]] = {}
    found: dict[str, Variable] = {}
    for name, sample in samples.items():
        head, is_list, part = name.partition(_LIST)
        if not is_list:
            found[name] = Variable(f"{ROOT}.{name}", _kind(sample), sample, f"Sent with each mail: {name}")
            continue
        entry = lists.setdefault(head, {})
        entry[part] = sample
        kinds = {one: _kind(text) for one, text in entry.items()}
        found[head] = Variable(f"{ROOT}.{head}", Kind.LIST, [dict(entry)], f"Sent with each mail: {head}", kinds)
    return list(found.values())


def example(samples: Mapping[str, str]) -> dict[str, Any]:
    """The samples as the JSON that a program would send."""
    tree: dict[str, Any] = {}
    for one in variables(samples):
        *branches, last = one.name.split(".")[1:]
        place = tree
        for branch in branches:
            place = place.setdefault(branch, {})
        place[last] = one.sample
    return tree


def find_faults(samples: Mapping[str, str], wanted: Sequence[str], data: Mapping[str, Any]) -> dict[str, str]:
    """What keeps these values from being shown, by dotted name.

    Args:
        samples: the names that are declared.
        wanted: those (as ``data.order.number``) without which the letter would show a hole.
        data: nested objects, or dotted names, or both.
    """
    known = {one.name.partition(".")[2]: one for one in variables(samples)}
    faults: dict[str, str] = {}
    given: set[str] = set()
    for name, value in _leaves(data, set(known)):
        where = f"{ROOT}.{name[:200]}"
        declared = known.get(name)
        if name in given:
            faults[where] = "This stands here twice."
        elif declared is None:
            faults[where] = f"The template does not know this name. It knows: {', '.join(known) or 'none'}."
        elif value is not None:
            given.add(name)
            faults |= _fits(declared, value, where)
    for name in wanted:
        if name.startswith(f"{ROOT}.") and name.partition(".")[2] not in given:
            faults.setdefault(name, "The template shows this, so send it.")
    return faults


def tree_of(data: Mapping[str, Any], samples: Mapping[str, str]) -> dict[str, Any]:
    """Values without faults as merge tags name them: nested, without what is null."""
    tree: dict[str, Any] = {}
    for name, value in _leaves(data, {one.name.partition(".")[2] for one in variables(samples)}):
        if value is not None:
            *branches, last = name.split(".")
            place = tree
            for branch in branches:
                place = place.setdefault(branch, {})
            place[last] = value
    return tree


def _clash(one: str, other: str) -> bool:
    """Whether a name is a group or a list in the other one."""
    if _LIST in one and _LIST in other and one.partition(_LIST)[0] == other.partition(_LIST)[0]:
        return False
    first, second = (name.partition(_LIST)[0] for name in (one, other))
    return first == second or first.startswith(f"{second}.") or second.startswith(f"{first}.")


def _kind(sample: str) -> Kind:
    return Kind.URL if LINK.fullmatch(sample) else Kind.TEXT


def _leaves(data: Mapping[str, Any], known: set[str], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Dotted names with their values; objects are groups, unless a name says that they are a value."""
    for key, value in data.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and name not in known and depth < DEEPEST:
            yield from _leaves(value, known, f"{name}.", depth + 1)
        else:
            yield name, value


def _fits(declared: Variable, value: Any, where: str) -> dict[str, str]:
    if declared.item is None:
        fault = _wrong(declared.kind, value)
        return {where: fault} if fault else {}
    if not isinstance(value, list) or len(value) > LOOP_ROUNDS:
        return {where: f"This has to be a list of at most {LOOP_ROUNDS:,} entries."}
    faults: dict[str, str] = {}
    for number, entry in enumerate(value):
        if not isinstance(entry, Mapping):
            return {f"{where}.{number}": f"Each entry has to be an object with {', '.join(declared.item)}."}
        for key, kind in declared.item.items():
            fault = "Each entry needs this." if entry.get(key) is None else _wrong(kind, entry[key])
            if fault:
                faults[f"{where}.{number}.{key}"] = fault
        for key in entry:
            if key not in declared.item:
                faults[f"{where}.{number}.{key[:80]}"] = (
                    f"The template does not know this name. It knows: {', '.join(declared.item)}."
                )
    return faults


def _wrong(kind: Kind, value: Any) -> str:
    """What is wrong with one value, or nothing."""
    if isinstance(value, bool):
        return "" if kind is Kind.TEXT else "This has to be an address."
    if isinstance(value, int | float):
        return "" if kind is Kind.TEXT and abs(value) < 1e18 else "This number cannot be shown. Send it as text."
    if not isinstance(value, str):
        return "This has to be text, a number, or true or false."
    if len(value) > LONGEST_VALUE:
        return f"Keep this to {LONGEST_VALUE:,} characters."
    if "\x00" in value or any("\ud800" <= one <= "\udfff" for one in value):
        return "This holds a character that cannot be kept."
    if kind is Kind.URL and value and not LINK.fullmatch(value):
        return "This has to be an address that begins with https://, http://, mailto: or tel:."
    return ""
