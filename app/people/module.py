"""What people add to the house."""

from __future__ import annotations

from app.kernel.module import MenuItem, Module
from app.people import cli
from app.people.pages import blueprint

MODULE = Module(
    "people",
    blueprints=(blueprint,),
    cli=(cli.group,),
    menu=(MenuItem("People", "people.index", "people", "people.read", 20),),
)
