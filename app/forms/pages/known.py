"""The forms that were posted to a moment ago, so that a busy one is not read anew for each post.

What is kept is a copy in no session: nobody changes a row through it. A form that is closed or changed elsewhere is
known here for two seconds longer.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TypeVar

from app.forms.pages.sheets import Sheet
from app.kernel.db import Base

SECONDS = 2.0
MOST = 1000
Row = TypeVar("Row", bound=Base)
_sheets: OrderedDict[tuple[str, str], tuple[float, Sheet]] = OrderedDict()


def find(public_id: str, version: str) -> Sheet | None:
    """The sheet of a form's version, if it was read within the last two seconds."""
    found = _sheets.get((public_id, version))
    return found[1] if found and found[0] > time.monotonic() else None


def keep(public_id: str, version: str, sheet: Sheet) -> Sheet:
    """Remember it; what is given back is a copy."""
    copy = Sheet(
        _copy(sheet.form),
        _copy(sheet.version),
        sheet.words,
        sheet.languages,
        [_copy(found) for found in sheet.interests],
        [_copy(found) if isinstance(found, Base) else found for found in sheet.custom],
    )
    if SECONDS:
        _sheets[(public_id, version)] = (time.monotonic() + SECONDS, copy)
        while len(_sheets) > MOST:
            _sheets.popitem(last=False)
    return copy


def _copy(row: Row) -> Row:
    return type(row)(**{column.key: getattr(row, column.key) for column in row.__mapper__.column_attrs})
