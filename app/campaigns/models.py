"""The table of campaigns. Where one stands is its mailing's to say and is kept nowhere else."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base

Instant = DateTime(timezone=True)


class Campaign(Base):
    """A letter for the people of some interests. Without a mailing it is a draft."""

    __tablename__ = "campaigns"
    __table_args__ = (
        CheckConstraint("delay_seconds BETWEEN 0 AND 3600", name="delay"),
        Index("ix_campaigns_workspace_id", "workspace_id", "id"),
        CheckConstraint("(part_of IS NULL) = (part IS NULL)", name="part"),
        Index("ix_campaigns_letter_id", "letter_id"),
        Index("uq_campaigns_part", "part_of", "part", unique=True, postgresql_where=text("part_of IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    name: Mapped[str] = mapped_column(Text)
    letter_id: Mapped[UUID] = mapped_column(ForeignKey("letters.id"))
    interests: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    """Ids of the interests whose people get it."""
    segment_id: Mapped[UUID | None] = mapped_column(ForeignKey("segments.id"))
    """Who of them only; NULL: all of them."""
    delay_seconds: Mapped[int] = mapped_column(Integer, server_default="60")
    """Time to change one's mind after "send now"."""
    mailing_no: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("mailings.no"), unique=True)
    tested_revision: Mapped[int | None] = mapped_column(Integer)
    """The letter's edition that a test mail has shown last."""
    tested_translations: Mapped[dict[str, int]] = mapped_column(JSONB, server_default="{}", default=dict)
    """The same of its translations, by their ids."""
    approved_by: Mapped[UUID | None] = mapped_column(Uuid)
    """Who said yes to it last."""
    approved_of: Mapped[str | None] = mapped_column(Text)
    """What the yes was about (``approval.subject_of``)."""
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(Instant)
    archived_at: Mapped[datetime | None] = mapped_column(Instant)
    part_of: Mapped[UUID | None] = mapped_column(ForeignKey("campaigns.id"))
    """The trial that this is a part of (``CampaignTrial``); its own mailing goes to that part of the audience."""
    part: Mapped[str | None] = mapped_column(Text)
    """Which part: a variant's letter, or ``rest``."""


class CampaignTrial(Base):
    """A campaign that goes out in variants to a sample first. The campaign itself has no mailing, its parts have."""

    __tablename__ = "campaign_trials"
    __table_args__ = (
        CheckConstraint("sample BETWEEN 10 AND 100", name="sample"),
        CheckConstraint("wait_hours BETWEEN 1 AND 168", name="wait_hours"),
        CheckConstraint("holdout BETWEEN 0 AND 20", name="holdout"),
        CheckConstraint("goal IN ('click', 'order', 'reply')", name="goal"),
        Index("ix_campaign_trials_open", "campaign_id", postgresql_where=text("launched_at IS NOT NULL AND decided_at IS NULL")),
    )

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    sample: Mapped[int] = mapped_column(Integer)
    """Percent of those who are not held out."""
    wait_hours: Mapped[int] = mapped_column(Integer)
    """So long after a mail is it counted who acts, and so long after the last one is decided."""
    holdout: Mapped[int] = mapped_column(Integer)
    """Percent of the audience that gets nothing of it."""
    goal: Mapped[str] = mapped_column(Text, server_default="click")
    """What decides: the kind of signal that readers make (``trial.Goal``)."""
    narrowing: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """The segment as it was when it was launched; all parts are cut from the same people."""
    launched_at: Mapped[datetime | None] = mapped_column(Instant)
    launched_by: Mapped[UUID | None] = mapped_column(Uuid)
    sampled_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the sample was seen to have gone out."""
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    decided_by: Mapped[UUID | None] = mapped_column(Uuid)
    """Who decided; NULL: the test."""
    winner: Mapped[str | None] = mapped_column(Text)
    """What the rest gets; decided without one: the rest gets nothing."""
    verdict: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """The numbers as they were then (``trial.Verdict``)."""


class CampaignVariant(Base):
    """One of the variants of a trial; the first is the campaign as it is."""

    __tablename__ = "campaign_variants"
    __table_args__ = (
        CheckConstraint("place BETWEEN 0 AND 4", name="place"),
        CheckConstraint("share BETWEEN 1 AND 9", name="share"),
        Index("ix_campaign_variants_letter_id", "letter_id"),
    )

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign_trials.campaign_id"), primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    subject: Mapped[str] = mapped_column(Text, server_default="")
    """In place of its letter's; empty: that one."""
    sender_name: Mapped[str] = mapped_column(Text, server_default="")
    """In place of the sender's; empty: that one."""
    letter_id: Mapped[UUID | None] = mapped_column(ForeignKey("letters.id"))
    """A letter of its own; NULL: the campaign's."""
    send_at: Mapped[datetime | None] = mapped_column(Instant)
    """A time of its own; NULL: the campaign's."""
    share: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    """How much of the sample it has, beside the others."""


class CampaignHeldOut(Base):
    """Who was held out of a campaign, to be compared with those who got it."""

    __tablename__ = "campaign_held_out"
    __table_args__ = (Index("ix_campaign_held_out_contact_id", "contact_id"),)

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    held_at: Mapped[datetime] = mapped_column(Instant)


class CampaignSeries(Base):
    """A campaign that comes again: at each date of its rhythm an issue is made, a campaign of its own."""

    __tablename__ = "campaign_series"
    __table_args__ = (
        CheckConstraint("every IN ('day', 'week', 'month')", name="every"),
        CheckConstraint("month_day BETWEEN 1 AND 31", name="month_day"),
        CheckConstraint("does IN ('send', 'draft')", name="does"),
        CheckConstraint("state IN ('active', 'paused', 'ended')", name="state"),
        CheckConstraint("(state = 'active') = (next_on IS NOT NULL)", name="next_on"),
        Index("ix_campaign_series_workspace_id", "workspace_id", "id"),
        Index("ix_campaign_series_next_on", "next_on", postgresql_where=text("state = 'active'")),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"), unique=True)
    """A draft that is never launched: letter, interests and segment that each issue begins with."""
    every: Mapped[str] = mapped_column(Text)
    weekdays: Mapped[list[int]] = mapped_column(JSONB)
    """0 is Monday."""
    month_day: Mapped[int] = mapped_column(SmallInteger)
    at_time: Mapped[str] = mapped_column(Text)
    """``10:00``, of the workspace's zone."""
    does: Mapped[str] = mapped_column(Text)
    """``send``: each issue leaves by itself; ``draft``: somebody writes on it and sends it."""
    only_new: Mapped[bool] = mapped_column(Boolean)
    """Dates at which its feeds hold nothing new are skipped."""
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, server_default="")
    """Why it was paused by itself; empty: a person did."""
    next_on: Mapped[date | None] = mapped_column(Date)
    """The next date, of the workspace's zone."""
    made_by: Mapped[UUID] = mapped_column(Uuid)
    """Who is told, and in whose name issues are launched: who made it, or has changed it or let it go on since."""
    made_at: Mapped[datetime] = mapped_column(Instant)


class CampaignIssue(Base):
    """A date of a series, and what became of it."""

    __tablename__ = "campaign_issues"
    __table_args__ = (
        CheckConstraint("state IN ('due', 'made', 'skipped', 'failed')", name="state"),
        CheckConstraint("(state = 'made') = (campaign_id IS NOT NULL)", name="campaign_id"),
        Index("ix_campaign_issues_due", "due_at", postgresql_where=text("state = 'due'")),
    )

    series_id: Mapped[UUID] = mapped_column(ForeignKey("campaign_series.id"), primary_key=True)
    due_on: Mapped[date] = mapped_column(Date, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    due_at: Mapped[datetime] = mapped_column(Instant)
    state: Mapped[str] = mapped_column(Text)
    campaign_id: Mapped[UUID | None] = mapped_column(ForeignKey("campaigns.id"), unique=True)
    note: Mapped[str] = mapped_column(Text, server_default="")
    """Why there is none, or what is special about it."""
    noted_at: Mapped[datetime] = mapped_column(Instant)


class CampaignSettings(Base):
    """How a workspace works with campaigns; without a row as usual."""

    __tablename__ = "campaign_settings"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    needs_approval: Mapped[bool] = mapped_column(Boolean)
    """Nothing leaves before a second person has said yes."""


class CampaignComment(Base):
    """What somebody of the staff said about a campaign."""

    __tablename__ = "campaign_comments"
    __table_args__ = (Index("ix_campaign_comments_campaign_id", "campaign_id", "id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)


class CampaignLook(Base):
    """What the last closer look at a campaign found (``closer``)."""

    __tablename__ = "campaign_looks"

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    revision: Mapped[int] = mapped_column(Integer)
    """The letter's, as it was looked at."""
    languages: Mapped[str] = mapped_column(Text, server_default="")
    """The signature of its translations then (``content.languages_of``)."""
    variants: Mapped[str] = mapped_column(Text, server_default="")
    """The signature of its variants then; empty: it had none."""
    links: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    spam: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    domain: Mapped[dict[str, str] | None] = mapped_column(JSONB(none_as_null=True))
    """The sender's ``name``, and what the DNS said of its records (``closer.look_at_domain``)."""
    looked_at: Mapped[datetime] = mapped_column(Instant)


class CampaignRehearsal(Base):
    """A campaign's letter made for everybody before it is sent: how far that is, and what was found (``rehearsing``)."""

    __tablename__ = "campaign_rehearsals"
    __table_args__ = (Index("ix_campaign_rehearsals_open", "asked_at", postgresql_where=text("ended_at IS NULL")),)

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    about: Mapped[str] = mapped_column(Text)
    """What is tried (``rehearsal.about_of``)."""
    revision: Mapped[int] = mapped_column(Integer)
    """The letter's."""
    asked_by: Mapped[UUID | None] = mapped_column(Uuid)
    asked_at: Mapped[datetime] = mapped_column(Instant)
    gathered_at: Mapped[datetime | None] = mapped_column(Instant)
    """When it was written down for whom; NULL: not yet."""
    people: Mapped[int] = mapped_column(BigInteger, server_default="0")
    tried: Mapped[int] = mapped_column(BigInteger, server_default="0")
    position: Mapped[UUID | None] = mapped_column(Uuid)
    """The last person who was tried."""
    found: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    """What was found so far (``rehearsal.Tally``)."""
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    fault: Mapped[str] = mapped_column(Text, server_default="")
    """Why it ended early, in words."""


class CampaignRehearsalPerson(Base):
    """Somebody for whom a letter is being tried, until that has ended."""

    __tablename__ = "campaign_rehearsal_people"
    __table_args__ = (Index("ix_campaign_rehearsal_people_contact_id", "contact_id"),)

    campaign_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    permission_id: Mapped[UUID] = mapped_column(Uuid)


class CampaignRehearsalCase(Base):
    """One of the people of whom something was found, to look at."""

    __tablename__ = "campaign_rehearsal_cases"
    __table_args__ = (Index("ix_campaign_rehearsal_cases_contact_id", "contact_id"),)

    campaign_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """Of the finding."""
    contact_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)


class CampaignShare(Base):
    """A part of a large mailing: the people of one receiver, language, country or device, as they were counted last."""

    __tablename__ = "campaign_shares"

    mailing_no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    by: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """From 1, the largest first; the last one holds all others."""
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    value: Mapped[str] = mapped_column(Text)
    """Empty: those of whom it is not known."""
    people: Mapped[int] = mapped_column(BigInteger)
    sent: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)
    opened: Mapped[int] = mapped_column(BigInteger)
    clicked: Mapped[int] = mapped_column(BigInteger)


class CampaignCounting(Base):
    """When the parts of a large mailing were counted last, how long that took, and how far it was then."""

    __tablename__ = "campaign_countings"

    mailing_no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    counted_at: Mapped[datetime] = mapped_column(Instant)
    seconds: Mapped[float] = mapped_column(Double)
    basis: Mapped[str] = mapped_column(Text)
    """The sums of that moment: as long as they are the same, so are the parts."""


class ReportLink(Base):
    """An address under which everybody may read a report, without its people, until a day."""

    __tablename__ = "report_links"
    __table_args__ = (Index("ix_report_links_campaign_id", "campaign_id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"))
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
