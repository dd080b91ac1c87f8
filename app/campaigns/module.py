"""What campaigns add to the house."""

from __future__ import annotations

from app.campaigns import deciding, mails, shares
from app.kernel.jobs import Job
from app.kernel.module import MenuItem, Module, Moves, PersonalData

MODULE = Module(
    "campaigns",
    blueprints=("app.campaigns.pages:blueprint",),
    system_mails=(mails.TEST,),
    jobs=(
        Job(shares.JOB, shares.run, every_seconds=30),
        Job(deciding.JOB, deciding.run, every_seconds=deciding.EVERY_SECONDS),
    ),
    menu=(MenuItem("Campaigns", "campaigns.index", "campaigns", "campaigns.read", 40),),
    personal_data=(PersonalData("campaigns", ("campaign_held_out",), deciding.export, deciding.erase),),
    merging=(Moves("campaign_held_out", ("campaign_id",)),),
)
