"""What this domain adds to the house."""

from __future__ import annotations

from app.accounts.events import SenderNamed
from app.home import bindings, mails
from app.kernel.module import MenuItem, Module

MODULE = Module(
    "home",
    blueprints=tuple(f"app.home.pages.{name}:blueprint" for name in ("overview", "setup", "settings", "look", "pace", "hours", "domain")),
    handlers={SenderNamed: (bindings.name_sender,)},
    menu=(MenuItem("Overview", "home.index", "overview", "people.read", 10),),
    system_mails=(mails.TEST,),
)
