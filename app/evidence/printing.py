"""The evidence file on paper: a tagged PDF with text that can be selected, and the JSON and the mails within it.

Typst sets it. Everything about the person reaches the template as data, never as markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from app.accounts.rules.brand import Brand
from app.consent.history import Verdict
from app.evidence import telling
from app.evidence.document import Document, told_in

TEMPLATE: Final = Path(__file__).parent / "templates" / "evidence" / "evidence.typ"
JSON: Final = "evidence.json"
LONGEST_WORD: Final = 72
"""Characters that fit on a line; longer words (addresses of pages) may be broken where they must."""


def pdf_of(document: Document, file: bytes, *, brand: Brand, name: str, verdicts: list[Verdict]) -> bytes:
    """The PDF of a file.

    Args:
        document: the file's content.
        file: its bytes, which are put into the PDF as ``evidence.json``.
        brand: whose workspace it is.
        name: the person's, empty where there is none.
        verdicts: what the ledger comes to today.
    """
    sources = {
        f"question-{number}.eml": base64.b64decode(mail["source"])
        for number, mail in enumerate(document["mails"], 1)
    }
    import typst  # 7 MB that a worker need not hold

    values = _broken(_values(document, file, brand, name, verdicts))
    values["attached"] = [(JSON, "application/json"), *((name, "message/rfc822") for name in sources)]
    files = {
        "main.typ": TEMPLATE.read_bytes(),
        "data.json": json.dumps(values).encode(),
        JSON: file,
        **sources,
    }
    made = typst.Compiler(files).compile(format="pdf")  # type: ignore[type-var]  # its stub knows no such input
    if not isinstance(made, bytes):
        raise TypeError("Typst gave pages instead of one PDF.")
    return made


def _values(
    document: Document, file: bytes, brand: Brand, name: str, verdicts: list[Verdict]
) -> dict[str, Any]:
    return {
        "title": f"Evidence of permission: {brand.name}",
        "made": telling.instant(document["made_at"]),
        "head": _head(document, brand, name),
        "verdicts": [
            {"name": f"{found.interest_name}, by {found.channel}", "word": found.word.value, "text": found.sentence}
            for found in verdicts
        ],
        "passages": [
            {"title": found.title, "at": found.at, "pairs": found.pairs} for found in telling.passages(document)
        ],
        "wordings": [
            {"title": found.title, "body": found.body, "pairs": found.pairs} for found in telling.wordings(document)
        ],
        "mails": [{"pairs": found.pairs, "text": found.text} for found in telling.mails(document)],
        "withheld": len(document["withheld"]),
        "days": [
            [("Day", day["day"]), ("Seal", str(day["seal"])), ("Hash of the seal", day["hash"]),
             ("Signature (Ed25519)", day["signature"]), ("Key", day["public_key"])]
            for day in document["days"]
        ],
        "key": document["signature"]["public_key"],
        "signature": document["signature"]["signature"],
        "sha256": hashlib.sha256(file).hexdigest(),
    }  # fmt: skip


def _head(document: Document, brand: Brand, name: str) -> list[tuple[str, str]]:
    addresses = sorted(
        {str(found.personal["address"]) for found in told_in(document) if found.personal.get("address")}
    )
    who = ", ".join(filter(None, (name, *addresses))) or "erased"
    asked_by = ", ".join(
        filter(None, (brand.name, *brand.postal_address.splitlines(), brand.contact_email or ""))
    )
    return [("Person", who), ("Asked by", asked_by), ("Record of", document["person"])]


def _broken(value: Any) -> Any:
    """The same with places to break within words that no line holds."""
    if isinstance(value, dict):
        return {key: _broken(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_broken(inner) for inner in value]
    return "".join(_pieces(value)) if isinstance(value, str) else value


def _pieces(text: str) -> Iterator[str]:
    run = 0
    for character in text:
        run = 0 if character.isspace() else run + 1
        if run > LONGEST_WORD:
            yield "\u200b"
            run = 1
        yield character
