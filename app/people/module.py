"""What people add to the house."""

from __future__ import annotations

from app.kernel.jobs import Job
from app.kernel.module import MenuItem, Module
from app.people import api, cli, renewing
from app.people.pages import blueprint

MODULE = Module(
    "people",
    blueprints=(blueprint, api.blueprint),
    cli=(cli.group,),
    jobs=(Job("people.renew", renewing.run, every_seconds=5),),
    menu=(MenuItem("People", "people.index", "people", "people.read", 20),),
)
