"""What campaigns add to the house."""

from __future__ import annotations

from app.campaigns import deciding, issues, mails, rehearsal, rehearsing, shares
from app.kernel.jobs import Job
from app.kernel.module import MenuItem, Module, Moves, PersonalData, Stays

_REHEARSED = ("campaign_rehearsal_people", "campaign_rehearsal_cases")
MODULE = Module(
    "campaigns",
    blueprints=("app.campaigns.pages:blueprint",),
    system_mails=(mails.TEST, mails.NEWS),
    jobs=(
        Job(shares.JOB, shares.run, every_seconds=30),
        Job(deciding.JOB, deciding.run, every_seconds=deciding.EVERY_SECONDS),
        Job(rehearsal.JOB, rehearsing.run, every_seconds=10, is_rung=True),
        Job(issues.JOB, issues.run, every_seconds=issues.EVERY_SECONDS),
    ),
    menu=(MenuItem("Campaigns", "campaigns.index", "campaigns", "campaigns.read", 40),),
    personal_data=(
        PersonalData("campaigns", ("campaign_held_out",), deciding.export, deciding.erase),
        PersonalData("rehearsals", _REHEARSED, rehearsal.export, rehearsal.forget_person),
    ),
    merging=(
        Moves("campaign_held_out", ("campaign_id",)),
        Stays(_REHEARSED, "What was found before a campaign is sent is about the entry as it was, and is found by its id."),
    ),
)
