"""A newsletter as people really send it: ten links, a greeting, a footer; about 20 KB on the wire."""

from __future__ import annotations

from uuid import UUID

from app.content import service
from app.kernel.db import transaction

LINKS = 10
_WORDS = (
    "Our water changed in October, and with it the cup. We tasted every coffee again with softer water and moved three "
    "recipes by half a gram."
)
_STORIES = (
    ("Plum and cocoa", "coffees/gedeo"), ("The winter blend is back", "coffees/winter"),
    ("Two seats on Thursday", "tastings/november"), ("Softer water, same cup", "journal/water"),
    ("A grinder, cleaned in ten minutes", "journal/grinder"), ("Cáscara, once a year", "coffees/cascara"),
    ("Who picks your coffee", "journal/harvest"), ("Last bags of Huila", "coffees/huila"),
    ("Cups from Delft", "shop/cups"), ("When we are closed", "hours"),
)  # fmt: skip


def source() -> str:
    """Its MJML."""
    return (
        '<mjml>\n<mj-head>\n<mj-include path="head" />\n</mj-head>\n<mj-body>\n<mj-section><mj-column>\n'
        '<mj-text>Hello {{ contact.first_name|default("there") }}, four minutes of reading.</mj-text>\n'
        + "\n".join(_story(title, path) for title, path in _STORIES)
        + '\n</mj-column></mj-section>\n<mj-include path="footer" />\n</mj-body>\n</mjml>\n'
    )


def _story(title: str, path: str) -> str:
    return f'<mj-text>{title}<br />{_WORDS} <a href="https://ostkai.example/{path}">Read on</a></mj-text>'


def version(workspace_id: UUID) -> UUID:
    """Write it, freeze it; the version's id."""
    with transaction():
        made = service.create_letter(workspace_id, "November")
        service.save_draft(
            workspace_id, made.id, "Three new coffees, and softer water", "Plum and cocoa", source()
        )
    with transaction():
        return service.freeze_version(workspace_id, made.id).id
