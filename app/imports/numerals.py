"""Numbers as people write them: which sign begins the decimals, told by a whole column, and by no cell that could be read twice."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

DOT: Final = "."
COMMA: Final = ","
EITHER: Final = "?"
"""It can be read both ways: 1,234 is one and a bit, or more than a thousand."""
NONE: Final = ""
"""Nothing in it parts anything."""
_OTHER: Final = {DOT: COMMA, COMMA: DOT}
# Between groups of three digits these are no decimals in any country.
_GAPS: Final = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f'\u2019](?=\d{3}(?!\d))")
_WHOLE: Final = re.compile(r"[+-]?\d+")
# Thousands, or as in India groups of two before the last three; a group never begins a number with a zero.
_FORMS: Final = {
    sign: re.compile(
        rf"[+-]?(?:(?:\d*|[1-9]\d{{0,2}}(?:{other}\d{{2,3}})*{other}\d{{3}}){re.escape(sign)}\d*"
        rf"|[1-9]\d{{0,2}}(?:{other}\d{{2,3}})*{other}\d{{3}}|\d+)"
    )
    for sign, other in ((DOT, ","), (COMMA, r"\."))
}
_WORDS: Final = {DOT: "dot", COMMA: "comma"}
WRITE_SO: Final = "Write a number, like 12 or 3.5."


def sign_of(cell: str) -> str | None:
    """Which sign begins the decimals of one number: ``DOT``, ``COMMA``, ``EITHER`` or ``NONE``; None: it is no number."""
    plain = _GAPS.sub("", cell.strip())
    if not any(letter.isdigit() for letter in plain):
        return None
    if _WHOLE.fullmatch(plain):
        return NONE
    fitting = [sign for sign, form in _FORMS.items() if form.fullmatch(plain)]
    if len(fitting) == 2:
        return EITHER
    return fitting[0] if fitting else None


def decide(cells: Iterable[str]) -> str:
    """The same for a column: settled by any cell that can be read in one way only, and open where two of them disagree."""
    signs = {sign_of(cell) for cell in cells} - {None, NONE}
    settled = signs & {DOT, COMMA}
    if len(settled) == 1:
        return settled.pop() or NONE
    return EITHER if signs else NONE


def plain(cell: str, sign: str) -> str:
    """A cell without thousands, its decimals behind a dot.

    Args:
        cell: as it stands in the file.
        sign: what begins the decimals in its column; ``NONE``: nothing in it has told so far, and the cell must.

    Raises:
        ValueError: it does not fit, or could be read twice.
    """
    own = sign_of(cell)
    if own is None:
        if COMMA in cell:
            raise ValueError(WRITE_SO)
        return cell  # such as 1e3; whoever stores it looks again
    if own == EITHER and sign not in _OTHER:
        raise ValueError("Choose beside the column which sign begins its decimals: this number can be read in two ways.")
    if own in _OTHER and sign in _OTHER and own != sign:
        raise ValueError(f"This number does not begin its decimals with a {_WORDS[sign]}, as its column does.")
    decimal = sign if sign in _OTHER else own
    bare = _GAPS.sub("", cell.strip())
    return bare.replace(_OTHER[decimal], "").replace(decimal, DOT) if decimal in _OTHER else bare
