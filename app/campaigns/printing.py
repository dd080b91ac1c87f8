"""A report on paper: a tagged PDF with text that can be selected. Typst sets it; all of it is data, never markup."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from app.campaigns.tables import Table

TEMPLATE: Final = Path(__file__).parent / "templates" / "campaigns" / "report.typ"
MOST_ROWS: Final = 200
"""Of one table; a file of all of them is the other way to take them along."""
_LONG: Final = re.compile(r"\S{24}(?=\S)")


def pdf_of(title: str, lines: Sequence[str], made: str, tables: Sequence[Table]) -> bytes:
    """The PDF.

    Args:
        title: the campaign's name.
        lines: below it.
        made: when, in words.
        tables: of the report.
    """
    import typst  # 7 MB that a worker need not hold

    values = {
        "title": title, "lines": list(lines), "made": made,
        "tables": [
            {
                "title": table.title, "columns": list(table.columns),
                "rows": [[_breakable(cell) for cell in row] for row in table.rows[:MOST_ROWS]],
                "left": max(0, len(table.rows) - MOST_ROWS),
            }
            for table in tables
        ],
    }  # fmt: skip
    files: dict[str, Any] = {"main.typ": TEMPLATE.read_bytes(), "data.json": json.dumps(values).encode()}
    compiled = typst.Compiler(files).compile(format="pdf")  # type: ignore[type-var]  # its stub knows no such input
    if not isinstance(compiled, bytes):
        raise TypeError("Typst gave pages instead of one PDF.")
    return compiled


def _breakable(text: str) -> str:
    """The same with places to break within words that no column holds, such as addresses of pages."""
    return _LONG.sub(lambda found: found[0] + "\u200b", text)
