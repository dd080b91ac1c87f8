"""The manifest of a domain: what it adds to the house, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from werkzeug.utils import import_string

from app.kernel import events, jobs
from app.kernel.segment_fields import OwnFields, SegmentChoices, SegmentField

if TYPE_CHECKING:
    import click
    from flask import Blueprint, Flask


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One line of the main menu."""

    label: str
    endpoint: str
    icon: str
    permission: str
    order: int


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened with a person.

    ``permission_state`` is yes, asked, no or never where the entry is about permission, else None.
    """

    at: datetime
    icon: str
    title: str
    detail: str = ""
    permission_state: str | None = None
    reference: str = ""
    can_be_wrong: bool = False
    """Whether staff may enter that it says something wrong; ``reference`` is its event's id then."""
    page: Mapping[str, Any] = field(default_factory=dict)
    """Where staff may change it: ``endpoint`` and its arguments beside ``contact_id``; empty: nowhere."""


@dataclass(frozen=True, slots=True)
class TimelineSource:
    """Where entries of a person's timeline come from: ``read(workspace_id, contact_id, before, limit)``, newest first."""

    kind: str
    label: str
    read: Callable[[UUID, UUID, datetime | None, int], list[TimelineEntry]]


@dataclass(frozen=True, slots=True)
class PersonPanel:
    """A panel on a person's page: ``context(workspace_id, contact_id)`` feeds ``template``; column main or side.

    The page itself tells a template ``contact_id`` and ``is_erased``.
    """

    name: str
    template: str
    context: Callable[[UUID, UUID], Mapping[str, Any]]
    column: str = "side"
    order: int = 50


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Where a domain keeps what belongs to a person.

    ``export(workspace_id, contact_id)`` gives plain data; ``erase`` removes it. ``tables`` names every table
    with a contact in it, so that a forgotten one fails a test.
    """

    name: str
    tables: tuple[str, ...]
    export: Callable[[UUID, UUID], Any]
    erase: Callable[[UUID, UUID], None]


@dataclass(frozen=True, slots=True)
class Joining:
    """Two entries of one person become one: ``merged_id`` goes on as ``survivor_id``, both of one workspace.

    ``by``: kind and id of who does it, as ``consent.rules.By`` and the record of acts know them. ``takes``: what the
    survivor takes over from the other entry: ``first_name``, ``last_name``, ``language``, ``email``, ``postal``, or
    ``field:`` with the key of a custom field.
    """

    workspace_id: UUID
    survivor_id: UUID
    merged_id: UUID
    by: tuple[str, str]
    takes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Moves:
    """Rows of ``table`` that go over to the survivor by ``contact_id``, and back when a merge is taken back.

    Which rows went is kept by their ``key`` (the primary key without ``contact_id``), so that what came later stays. Where
    the person is part of the primary key, a row whose like the survivor has is put aside until then. ``settle(
    workspace_id, contact_id)`` puts right what else depends on whose they are, at whom they have arrived.
    ``hold(workspace_id, contact_ids)`` locks what must stand still before anything is read.
    """

    table: str
    key: tuple[str, ...] = ("id",)
    settle: Callable[[UUID, UUID], None] | None = None
    hold: Callable[[UUID, tuple[UUID, ...]], None] | None = None


@dataclass(frozen=True, slots=True)
class Blends:
    """Rows of which each person has one, or which mean more than whose they are.

    ``join(joining)`` makes one of two and gives what taking it back needs, as plain JSON; it is kept for as long.
    ``part(joining, memo)`` takes it back: what was changed since stays the survivor's.
    ``hold(workspace_id, contact_ids)`` as of ``Moves``.
    """

    tables: tuple[str, ...]
    join: Callable[[Joining], Any]
    part: Callable[[Joining, Any], None]
    hold: Callable[[UUID, tuple[UUID, ...]], None] | None = None


@dataclass(frozen=True, slots=True)
class Stays:
    """Rows that stay with the entry that made them, and ``why``; its page and its erasure find them by both ids."""

    tables: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Module:
    """All that a domain offers; every part is optional but the name."""

    name: str
    blueprints: tuple[str, ...] = ()
    """Pages and the API, as ``module:attribute``: only who serves people imports them."""
    cli: tuple[str, ...] = ()
    """Commands, in the same way."""
    handlers: Mapping[type, tuple[Callable[[Any], None], ...]] = field(default_factory=dict)
    jobs: tuple[jobs.Job, ...] = ()
    menu: tuple[MenuItem, ...] = ()
    timeline_sources: tuple[TimelineSource, ...] = ()
    person_panels: tuple[PersonPanel, ...] = ()
    personal_data: tuple[PersonalData, ...] = ()
    merging: tuple[Moves | Blends | Stays, ...] = ()
    """What becomes of each table with a contact in it when two entries are merged; a forgotten one fails a test."""
    system_mails: tuple[Any, ...] = ()
    """``delivery.service.SystemMail``; typed Any since the kernel knows no mail."""
    signal_kinds: tuple[Any, ...] = ()
    """``tracking.service.SignalKind``; typed Any since the kernel knows no signals."""
    segment_fields: tuple[SegmentField | OwnFields | SegmentChoices, ...] = ()
    """By what people can be chosen."""
    on_install: Callable[[Flask], None] | None = None


_installed: dict[str, Module] = {}


def install(app: Flask, modules: Iterable[Module], *, with_pages: bool = True) -> None:
    """Wire every module into the application, in the order of the registry."""
    for module in modules:
        _installed[module.name] = module
        if with_pages:
            _add_pages(app, module)
        for event_type, handlers in module.handlers.items():
            for handler in handlers:
                events.subscribe(event_type, handler)
        for job in module.jobs:
            jobs.register(job)
        if module.on_install:
            module.on_install(app)


def _add_pages(app: Flask, module: Module) -> None:
    for path in module.blueprints:
        blueprint: Blueprint = import_string(path)
        app.register_blueprint(blueprint)
    for path in module.cli:
        command: click.Command = import_string(path)
        app.cli.add_command(command)


def installed() -> tuple[Module, ...]:
    """The modules of this process, lowest first."""
    return tuple(_installed.values())
