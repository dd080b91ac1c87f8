"""What campaigns add to the house."""

from __future__ import annotations

from app.campaigns import mails
from app.kernel.module import MenuItem, Module

MODULE = Module(
    "campaigns",
    blueprints=("app.campaigns.pages:blueprint",),
    system_mails=(mails.TEST,),
    menu=(MenuItem("Campaigns", "campaigns.index", "campaigns", "campaigns.read", 40),),
)
