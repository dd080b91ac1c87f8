"""Nod: email marketing that can prove why it may write to a person.

The rooms, in the order of the flow (each may use those named after it, never those before it):

``home`` first run and overview · ``people`` the list and a person's page · ``imports`` files of people, in and out ·
``campaigns`` from the draft to the report · ``transactional`` one mail to one person, as programs ask for it ·
``segments`` people chosen by rules · ``forms`` signup · ``preferences``
confirm, choose, leave · ``groups`` companies and households · ``evidence`` files that prove a permission ·
``engagement`` scores · ``delivery`` the outbox and its senders · ``content`` MJML and merging · ``tracking`` opens and
clicks · ``consent`` interests, the ledger, permissions: may we write? · ``notes`` and ``tags`` what staff write down
about a person · ``contacts`` who a person is · ``accounts`` workspaces, users, sessions · ``kernel`` what all stand on.

A signup flows: forms (one row) → a worker: consent (asked) → delivery (one system mail) → preferences (confirm) →
consent (yes) → ``gate_sql`` → delivery again, whose workers ask the gate at the last moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings


def create_app(settings: Settings, *, for_workers: bool = False) -> Flask:
    """As ``app.factory.create_app``; imported at the call, so that set-up and supervisor start without the rooms."""
    from app import factory

    return factory.create_app(settings, for_workers=for_workers)
