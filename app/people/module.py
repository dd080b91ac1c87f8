"""What people add to the house."""

from __future__ import annotations

from app.kernel.jobs import Job
from app.kernel.module import MenuItem, Module
from app.people import renewing

MODULE = Module(
    "people",
    blueprints=("app.people.pages:blueprint", "app.people.api:blueprint"),
    cli=("app.people.cli:group",),
    jobs=(Job("people.renew", renewing.run, every_seconds=5),),
    menu=(MenuItem("People", "people.index", "people", "people.read", 20),),
)
