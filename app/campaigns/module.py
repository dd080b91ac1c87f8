"""What campaigns add to the house."""

from __future__ import annotations

from app.campaigns import mails, shares
from app.kernel.jobs import Job
from app.kernel.module import MenuItem, Module

MODULE = Module(
    "campaigns",
    blueprints=("app.campaigns.pages:blueprint",),
    system_mails=(mails.TEST,),
    jobs=(Job(shares.JOB, shares.run, every_seconds=30),),
    menu=(MenuItem("Campaigns", "campaigns.index", "campaigns", "campaigns.read", 40),),
)
