"""The front page, and the sheet of components."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.accounts.rules.roles import Role
from app.consent import queries as consent
from app.consent.queries import ending
from app.contacts.rules import mask
from app.delivery import queries as delivery
from app.delivery.rules import DkimState
from app.forms import queries as forms
from app.home import queries, rules
from app.home.pages.first_run import reached, who
from app.kernel import clock, i18n
from app.kernel.charts import LineChart, Series, bar_chart, line_chart, share_bar, sparkline
from app.kernel.health import seconds_since_beat
from app.kernel.http import guards
from app.kernel.module import TimelineEntry, installed

blueprint = Blueprint("home", __name__, template_folder="../templates")


@blueprint.get("/")
@guards.visitor
def index() -> Response | str:
    """The overview; whoever is not that far yet is shown the way: first run, sign-in, the step that is missing."""
    found, step = who(), reached()
    if found is None:
        return redirect(url_for("accounts.first_owner" if step is rules.Step.ACCOUNT else "accounts.sign_in"))
    if found.workspace_id is None or (step is rules.Step.SENDER and found.role is Role.OWNER):
        return redirect(f"/setup/{step}")
    return render_template("home/overview.html", current="Overview", **_figures(found.workspace_id))


def _figures(workspace_id: UUID) -> dict[str, Any]:
    now = clock.now()
    counts = consent.counts_by_word(workspace_id, now)
    days = queries.count_by_day(workspace_id)
    totals = {"asked": sum(asked for _, asked, _ in days), "yes": sum(yes for *_, yes in days)}
    worker_seconds = seconds_since_beat("worker")
    alive, text = rules.alive_text(worker_seconds)
    listed = [found for found in forms.list_forms(workspace_id) if found.form.archived_at is None]
    return {
        "today": now,
        "counts": counts,
        "chart": _chart(days) if totals["asked"] or totals["yes"] else None,
        "chart_rows": [(i18n.day(_noon(now, ago)), asked, yes) for ago, (_, asked, yes) in _numbered(days)],
        "totals": totals,
        "forms": [
            {
                "name": found.form.name,
                "url": f"/forms/{found.form.id}",
                "asked": f"{found.counts.submits:,}",
                "yes": f"{found.counts.confirms:,}",
                "rate": rules.share(found.counts.confirms, found.counts.submits),
            }
            for found in listed
        ],
        "attention": rules.attention(
            has_sender=delivery.sender_of(workspace_id) is not None,
            has_privacy_notice=bool(accounts.get_workspace(workspace_id).privacy_url),
            unknown=delivery.count_unknown(workspace_id),
            waiting_seconds=delivery.oldest_due_seconds(),
            asked=counts["asked"],
            worker_alive=alive,
            unsigned_domain=_unsigned_domain(workspace_id),
            ends_soon=ending.count_ending(workspace_id, now + ending.SOON, now)[0],
        ),
        "sender": {"alive": alive, "text": text},
        "mails": [_mail_row(found) for found in queries.list_recent_mails(workspace_id)],
        "new_form_url": "/forms/new",
        "form_url": f"/f/{listed[0].form.public_id}" if listed else None,
    }


def _unsigned_domain(workspace_id: UUID) -> str:
    """The sender's domain while nothing signs for it; on a machine for development nobody minds."""
    sender = delivery.sender_of(workspace_id)
    if sender is None or current_app.config["NOD"].mailbox_dir:
        return ""
    pairs = delivery.list_key_pairs(workspace_id, sender.domain)
    return "" if any(pair.state is DkimState.ACTIVE for pair in pairs) else sender.domain


def _numbered(days: list[Any]) -> list[tuple[int, Any]]:
    """Days with something on them, newest first, each with how long ago it was."""
    last = len(days) - 1
    return [(last - index, day) for index, day in reversed(list(enumerate(days))) if day[1] or day[2]]


def _noon(now: Any, ago: int) -> Any:
    return now.replace(hour=12) - timedelta(days=ago)


def _chart(days: list[Any]) -> LineChart:
    labels = [f"{day:%-d %b}" for day, _, _ in (days[0], days[len(days) // 2], days[-1])]
    return line_chart(
        [
            Series([asked for _, asked, _ in days], "ask"),
            Series([yes for *_, yes in days], "yes", filled=True),
        ],
        labels,
    )


def _mail_row(found: queries.RecentMail) -> dict[str, Any]:
    state, tone = rules.badge(found.mail.state)
    return {
        "kind": mail_title(found.mail.name),
        "to": mask(found.address) if found.contact_id else found.address,
        "state": state,
        "tone": tone,
        "at": found.mail.done_at or found.mail.created_at,
        "url": f"/people/{found.contact_id}" if found.contact_id else None,
    }


def mail_title(name: str) -> str:
    """What people call a system mail: the title in its manifest."""
    for module in installed():
        for mail in module.system_mails:
            if mail.name == name and mail.title:
                return str(mail.title)
    return name.replace("-", " ").replace("_", " ").capitalize()


@blueprint.get("/components")
@guards.member("me")
def components() -> str:
    """Every part of the pages once, in each of its states: for those who build them."""
    now = clock.now()
    months = ("May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov")
    return render_template(
        "components.html",
        line=line_chart(
            [
                Series([48, 52, 61, 58, 70, 79, 88], "yes", filled=True),
                Series([44, 46, 49, 53, 55, 57, 60], "no", dash=True),
            ],
            ["May", "Aug", "Nov"],
        ),
        bars=bar_chart(
            [Series([31, 34, 37, 41, 47, 49, 52], "yes"), Series([8, 9, 11, 10, 11, 10, 9], "no")], months
        ),
        spark=sparkline([3, 4, 4, 6, 5, 8, 9]),
        shares=share_bar([(5371, "yes"), (118, "no"), (39, "stop"), (6, "ask"), (3412, "wait")]),
        days=[
            {
                "day": "Today",
                "entries": [
                    TimelineEntry(now, "yes", "Said yes", "Coffee letters, by the button in our mail", "yes"),
                    TimelineEntry(now - timedelta(minutes=2), "mail", "Question sent", "250 2.0.0 queued"),
                    TimelineEntry(
                        now - timedelta(minutes=3), "asked", "Asked", "Form “Shop footer”", "asked"
                    ),
                ],
            }
        ],
        icons=_icons(),
    )


def _icons() -> list[str]:
    sprite = Path(current_app.root_path) / "static" / "icons.svg"
    names = re.findall(r'<symbol id="([a-z-]+)"', sprite.read_text(encoding="utf-8"))
    return [name for name in names if name not in {"mark", "wordmark"}]
