"""Tables of companies and households, and of who belongs to them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.kernel.db import Base


class Group(Base):
    """A company or a household."""

    __tablename__ = "groups"
    __table_args__ = (
        CheckConstraint("kind IN ('company', 'household')", name="kind"),
        UniqueConstraint("id", "kind"),
        Index(
            "uq_groups_name", "workspace_id", "name_folded", unique=True,
            postgresql_where=text("kind = 'company'"),
        ),
        Index("ix_groups_list", "workspace_id", "kind", "name_folded", "id"),
        Index(
            "ix_groups_search", "name_folded", postgresql_using="gin",
            postgresql_ops={"name_folded": "gin_trgm_ops"},
        ),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    kind: Mapped[str] = mapped_column(Text(collation="C"))
    name: Mapped[str] = mapped_column(Text)
    name_folded: Mapped[str] = mapped_column(Text(collation="C"))
    """As ``rules.fold`` writes it."""
    website: Mapped[str] = mapped_column(Text, server_default="")
    country: Mapped[str] = mapped_column(Text(collation="C"), server_default="")
    size: Mapped[str] = mapped_column(Text, server_default="")
    about: Mapped[str] = mapped_column(Text, server_default="")
    import_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The file that brought it: taken back, it goes again where nobody uses it."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class GroupDomain(Base):
    """Addresses of this domain are a company's; no other company has it."""

    __tablename__ = "group_domains"
    __table_args__ = (Index("ix_group_domains_group_id", "group_id"),)

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    domain: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    group_id: Mapped[UUID] = mapped_column(ForeignKey("groups.id"))


class GroupMember(Base):
    """A person belongs to a group; one of each kind at most."""

    __tablename__ = "group_members"
    __table_args__ = (
        ForeignKeyConstraint(["group_id", "kind"], ["groups.id", "groups.kind"]),
        Index("ix_group_members_group_id", "group_id", "joined_at", "contact_id"),
    )

    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    group_id: Mapped[UUID] = mapped_column(Uuid)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    role: Mapped[str] = mapped_column(Text, server_default="")
    """What they are in a company."""
    joined_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
