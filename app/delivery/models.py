"""Tables of sending: the outbox is the truth, Redis is only a bell.

A message is (mailing_no, n): that pair is also the identity in its Message-ID and return path. Every unique key
begins with mailing_no, so the table can be partitioned by it.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    SmallInteger,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.delivery.rules import MAY_LEAVE, Again, DkimState, Kind, Lane, Leaving, MailingState, MessageState
from app.kernel.db import Base

Instant = DateTime(timezone=True)
system_message_n = Sequence("system_message_n", metadata=Base.metadata)
"""``n`` of system messages, over all mailings."""


LAUNCHED = "dedupe_key IS NOT NULL AND (state <> 'cancelled' OR frozen_at IS NOT NULL)"
"""Which mailings keep others from being launched under the same key."""

LEAST_SERVED = (
    "(SELECT min(o.vtime) FROM mailings o WHERE o.lane = 'bulk' AND o.state = 'running' AND EXISTS"  # noqa: S608  no input in it
    " (SELECT FROM messages om WHERE om.mailing_no = o.no AND om.state = 'pending' AND om.due_at <= :now"
    f"{MAY_LEAVE.replace('m.', 'om.')}))"
)
"""Where a mailing that joins the others begins: small ones overtake, nobody starves, nobody has turns saved up."""


def one_of(column: str, words: type[Again | DkimState | Kind | Lane | Leaving | MailingState | MessageState]) -> str:
    """The text of a CHECK that allows an enumeration's values."""
    return f"{column} IN ({', '.join(repr(word.value) for word in words)})"


class Transport(Base):
    """A way out of the house that a workspace has set up."""

    __tablename__ = "transports"
    __table_args__ = (
        CheckConstraint("kind IN ('smtp')", name="kind"),
        CheckConstraint("security IN ('opportunistic', 'starttls', 'implicit', 'none')", name="security"),
        CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
        Index("ix_transports_workspace_id", "workspace_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    kind: Mapped[str] = mapped_column(Text(collation="C"))
    host: Mapped[str] = mapped_column(Text)
    port: Mapped[int] = mapped_column(Integer)
    security: Mapped[str] = mapped_column(Text(collation="C"))
    username: Mapped[str] = mapped_column(Text, server_default="")
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The password, encrypted with a key that is not in the database."""
    created_at: Mapped[datetime] = mapped_column(Instant)


class SenderRow(Base):
    """Who mails come from. Without a transport the installation's own mail server takes them."""

    __tablename__ = "senders"
    __table_args__ = (
        Index("uq_senders_default", "workspace_id", unique=True, postgresql_where=text("is_default")),
        Index("ix_senders_transport_id", "transport_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    is_default: Mapped[bool] = mapped_column(Boolean)
    name: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text(collation="C"))
    reply_to: Mapped[str] = mapped_column(Text, server_default="")
    transport_id: Mapped[UUID | None] = mapped_column(ForeignKey("transports.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)


class DkimKeys(Base):
    """A pair of keys that signs the mails of one domain of one workspace: RSA and Ed25519."""

    __tablename__ = "dkim_keys"
    __table_args__ = (
        CheckConstraint(one_of("state", DkimState), name="state"),
        CheckConstraint("told_by IN ('dns', 'owner')", name="told_by"),
        # What is retired signs nothing more, so its private halves are forgotten.
        CheckConstraint(
            "(state = 'retired') = (rsa_secret IS NULL) AND (state = 'retired') = (ed_secret IS NULL)",
            name="secrets",
        ),
        # Two workspaces with one domain share its DNS, so their selectors differ.
        UniqueConstraint("domain", "selector", name="uq_dkim_keys_selector"),
        Index(
            "uq_dkim_keys_active",
            "workspace_id",
            "domain",
            unique=True,
            postgresql_where=text("state = 'active'"),
        ),
        Index(
            "uq_dkim_keys_made",
            "workspace_id",
            "domain",
            unique=True,
            postgresql_where=text("state = 'made'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    domain: Mapped[str] = mapped_column(Text(collation="C"))
    selector: Mapped[str] = mapped_column(Text(collation="C"))
    """What both selectors begin with; the records stand at ``<selector>-rsa`` and ``<selector>-ed``."""
    state: Mapped[str] = mapped_column(Text(collation="C"))
    rsa_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """PEM, encrypted with a key that is not in the database; like the next."""
    ed_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    rsa_public: Mapped[str] = mapped_column(Text(collation="C"))
    """Base64 as it stands in the record's p=; like the next."""
    ed_public: Mapped[str] = mapped_column(Text(collation="C"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    published_at: Mapped[datetime | None] = mapped_column(Instant)
    told_by: Mapped[str | None] = mapped_column(Text(collation="C"))
    """How we know that the records stand: ``dns``: seen there, ``owner``: somebody said so."""
    active_at: Mapped[datetime | None] = mapped_column(Instant)
    retired_at: Mapped[datetime | None] = mapped_column(Instant)


class Mailing(Base):
    """An immutable snapshot of what is sent; a workspace has one standing mailing per kind of system mail."""

    __tablename__ = "mailings"
    __table_args__ = (
        CheckConstraint(one_of("kind", Kind), name="kind"),
        CheckConstraint(one_of("lane", Lane), name="lane"),
        CheckConstraint(one_of("state", MailingState), name="state"),
        CheckConstraint("weight > 0", name="weight"),
        CheckConstraint(one_of("again", Again), name="again"),
        CheckConstraint("(again IS NULL) = (again_at IS NULL)", name="again_at"),
        # Marketing stands on a purpose; a system mail stands on none and is never counted as marketing.
        CheckConstraint("(kind = 'bulk') = (purpose IS NOT NULL)", name="purpose"),
        UniqueConstraint("no", name="uq_mailings_no"),
        Index(
            "uq_mailings_system",
            "workspace_id",
            "name",
            unique=True,
            postgresql_where=text("kind = 'system'"),
        ),
        Index("ix_mailings_running", "lane", "vtime", postgresql_where=text("state = 'running'")),
        # One audience for one launch, however often it is asked for. Cancelled before its audience was made, it
        # may be launched again.
        Index(
            "uq_mailings_dedupe", "workspace_id", "dedupe_key", unique=True, postgresql_where=text(LAUNCHED)
        ),
        Index("ix_mailings_open", "send_at", postgresql_where=text("kind = 'bulk' AND ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    no: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    kind: Mapped[str] = mapped_column(Text(collation="C"))
    name: Mapped[str] = mapped_column(Text(collation="C"))
    """Which entry of the mail registry writes its content; for system mail also its identity."""
    lane: Mapped[str] = mapped_column(Text(collation="C"))
    purpose: Mapped[str | None] = mapped_column(Text(collation="C"))
    channel: Mapped[str] = mapped_column(Text(collation="C"))
    sender: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Snapshot of the sender; NULL for system mail, which comes from whoever is the sender now."""
    content_version_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The letter, for a mailing to many."""
    title: Mapped[str] = mapped_column(Text, server_default="")
    """What people call it; system mail has the title of its registry entry."""
    dedupe_key: Mapped[UUID | None] = mapped_column(Uuid)
    """What was launched: a second launch under the same key gives this mailing."""
    interests: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    """Whom it is for: ids of interests, the most fitting first."""
    narrowing: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Who of them only (``narrowing``); NULL: all of them."""
    timing: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """When each of its messages leaves (``hours.Timing``); NULL: all at one moment."""
    state: Mapped[str] = mapped_column(Text(collation="C"))
    pause_reason: Mapped[str | None] = mapped_column(Text)
    """Why it stands still, in words for people."""
    again: Mapped[str | None] = mapped_column(Text(collation="C"))
    """Which of its messages a person wished to go once more, while some of them do not wait yet."""
    again_at: Mapped[datetime | None] = mapped_column(Instant)
    """When that was wished: what ended later is not meant."""
    weight: Mapped[float] = mapped_column(Double, server_default="1")
    vtime: Mapped[float] = mapped_column(Double, server_default="0")
    """Messages taken so far by weight, on the scale of all running mailings: the smallest is next."""
    audience: Mapped[int | None] = mapped_column(BigInteger)
    """How many messages its freezing made."""
    launched_by: Mapped[UUID | None] = mapped_column(Uuid)
    send_at: Mapped[datetime | None] = mapped_column(Instant)
    """When its audience is made."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    frozen_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)


class Message(Base):
    """One mail to one person, from the wish to its end.

    What it names is there: every row is made from those very rows, and triggers of theirs (``message_keeps``) refuse
    to delete or renumber what a message names. Foreign keys promise no more and lock each of those rows for each
    message: of the 34 s of CPU that froze an audience of 1,000,000 they took 19.5 (mailing and workspace 3 each,
    contact, permission and reach 4 to 5 each), and left the people's own tables rewritten.
    """

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint(one_of("state", MessageState), name="state"),
        CheckConstraint("contact_id IS NULL OR user_id IS NULL", name="recipient"),
        CheckConstraint("contact_id IS NULL OR reach_id IS NOT NULL", name="reach"),
        UniqueConstraint("mailing_no", "dedupe_key", name="uq_messages_dedupe"),
        Index(
            "ix_messages_due",
            "mailing_no",
            "due_at",
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_messages_leases",
            "lease_until",
            postgresql_where=text("state IN ('claimed', 'attempting')"),
        ),
        Index("ix_messages_unknown", "began_at", postgresql_where=text("state = 'unknown'")),
        Index(
            "ix_messages_again",
            "mailing_no",
            "n",
            postgresql_where=text("state IN ('unknown', 'failed', 'expired', 'poison', 'cancelled')"),
        ),
        Index("ix_messages_contact", "contact_id", "created_at"),
        Index(
            "ix_messages_closing", "closes_at", postgresql_where=text("state = 'pending' AND closes_at IS NOT NULL")
        ),
    )

    mailing_no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    """Its mailing's."""
    contact_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Neither a contact nor a user: it goes to an address of which only the room that wished for it knows."""
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    permission_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Which permission allows it; NULL for system mail."""
    reach_id: Mapped[UUID | None] = mapped_column(Uuid)
    dedupe_key: Mapped[UUID] = mapped_column(Uuid)
    domain_group: Mapped[str | None] = mapped_column(Text(collation="C"))
    """Domain of the recipient, for pacing."""
    data: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    state: Mapped[str] = mapped_column(Text(collation="C"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    due_at: Mapped[datetime] = mapped_column(Instant)
    closes_at: Mapped[datetime | None] = mapped_column(Instant)
    """From then on it waits for the next hours in which it may leave; NULL: it may at any time."""
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """How often a server was asked to take it; faults of the host do not count."""
    host_faults: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    render_faults: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    doubts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """How often it became unknown."""
    crash_count: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    fence: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Counts claims; a result with an older number is stale."""
    lease_owner: Mapped[str | None] = mapped_column(Text(collation="C"))
    lease_until: Mapped[datetime | None] = mapped_column(Instant)
    first_at: Mapped[datetime | None] = mapped_column(Instant)
    """When its first attempt began; from then on it may grow too old."""
    began_at: Mapped[datetime | None] = mapped_column(Instant)
    done_at: Mapped[datetime | None] = mapped_column(Instant)
    from_domain: Mapped[str | None] = mapped_column(Text(collation="C"))
    """Domain of Message-ID and return path, kept since the first attempt."""
    reply_code: Mapped[int | None] = mapped_column(SmallInteger)
    reply_status: Mapped[str | None] = mapped_column(Text(collation="C"))
    reply_text: Mapped[str | None] = mapped_column(Text)
    """The server's last answer with addresses masked, or the reason in our words."""


class ContactLimits(Base):
    """When and how often a workspace writes to people at all; without a row at any hour and as often as it likes."""

    __tablename__ = "contact_limits"
    __table_args__ = (
        CheckConstraint("(quiet_since IS NULL) = (quiet_until IS NULL)", name="quiet"),
        CheckConstraint("quiet_since <> quiet_until", name="quiet_hours"),
        CheckConstraint("weekly BETWEEN 1 AND 50", name="weekly"),
    )

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    quiet_since: Mapped[time | None] = mapped_column(Time)
    """Nobody gets mails to many from this time on, by their own clock."""
    quiet_until: Mapped[time | None] = mapped_column(Time)
    weekly: Mapped[int | None] = mapped_column(SmallInteger)
    """So many mails to many at most within seven days."""


class MailingCount(Base):
    """How many messages of a mailing ended so: the sum of ``number`` over its rows. What is in none of them waits.

    Rows are only added by those who end messages, in the statement that does so; ``counting`` puts them together.
    """

    __tablename__ = "mailing_counts"
    __table_args__ = (Index("ix_mailing_counts_mailing_no", "mailing_no"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    mailing_no: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text(collation="C"))
    code: Mapped[int | None] = mapped_column(SmallInteger)
    """With ``status`` the server's answer, where that is why."""
    status: Mapped[str | None] = mapped_column(Text(collation="C"))
    words: Mapped[str | None] = mapped_column(Text)
    """Why in our words, where that is why."""
    at: Mapped[datetime] = mapped_column(Instant)
    """When they ended; ``-infinity`` for what was put together."""
    number: Mapped[int] = mapped_column(BigInteger)


class MailingRecount(Base):
    """That messages of a mailing were moved by other ways than by ending: its counts hold once it is counted anew."""

    __tablename__ = "mailing_recounts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    mailing_no: Mapped[int] = mapped_column(BigInteger)


class MailingLeaving(Base):
    """That the person of a message left within a week after it, or complained. Whose it is only the message says."""

    __tablename__ = "mailing_leavings"
    __table_args__ = (CheckConstraint(one_of("kind", Leaving), name="kind"),)

    mailing_no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    at: Mapped[datetime] = mapped_column(Instant)


class Installation(Base):
    """How far this installation has come; one row, which a backup takes along and the world outside does not."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("is_only", name="is_only"),)

    is_only: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default="true")
    id: Mapped[UUID] = mapped_column(Uuid)
    beat: Mapped[int] = mapped_column(BigInteger)
    """Counts up every few seconds while workers live; also kept outside (``highwater``)."""
    beaten_at: Mapped[datetime] = mapped_column(Instant)


class Restore(Base):
    """That this database was found to be older than what the installation had already done."""

    __tablename__ = "restores"

    no: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    noticed_at: Mapped[datetime] = mapped_column(Instant)
    backup_at: Mapped[datetime] = mapped_column(Instant)
    """The last sign of life in the backup."""
    known_until: Mapped[datetime | None] = mapped_column(Instant)
    """The last one outside of it; NULL: nothing outside knew this database."""
    mailings: Mapped[int] = mapped_column(Integer)
    """How many were paused."""
