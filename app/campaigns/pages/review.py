"""The last look: who gets it, what was checked, when it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import make_response, render_template, request, url_for
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.campaigns import approval, closer, measuring, queries, rules, service, timing
from app.campaigns.measuring import Measured
from app.campaigns.models import Campaign
from app.campaigns.pages import STEPS, blueprint, standing_of, to, topics_of, zone_of
from app.campaigns.pages.drafts import reckoned_values
from app.campaigns.pages.tried import tried_values
from app.campaigns.pages.variants import panel_of
from app.campaigns.queries import Standing
from app.campaigns.rules import DELAYS, State
from app.campaigns.schemas import Nothing, Sent, Tested
from app.campaigns.specimen import specimen_of
from app.consent import queries as consent
from app.content import service as content
from app.delivery import queries as outbox
from app.delivery.rules import DkimState
from app.kernel import clock, languages, shared
from app.kernel.charts import share_bar
from app.kernel.db import session, transaction
from app.kernel.errors import BadInput, Conflict
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.kernel.i18n import NAMES

if TYPE_CHECKING:
    from app.content.models import Letter


@blueprint.get("/campaigns/<uuid:campaign_id>/review")
@guards.member("campaigns.read")
def review(campaign_id: UUID) -> Response:
    """Everything about a draft on one page, with the button that sends it."""
    standing = standing_of(campaign_id)
    if standing.state is not State.DRAFT or standing.series_of is not None:
        return to("show", campaign_id)
    return make_response(review_page(standing))


@blueprint.post("/campaigns/<uuid:campaign_id>/test")
@guards.member("campaigns.write")
def test(campaign_id: UUID) -> Response:
    """A test mail to whoever asks."""
    standing_of(campaign_id)
    values = posted(Tested())
    actor = current_actor()
    try:
        with session().begin_nested():  # refused for one language, no other one has gone
            service.send_test(
                actor.workspace_id,
                campaign_id,
                user_id=actor.id,
                mark=values["mark"],
                label=values["label"],
                language=values["language"],
            )
    except BadInput as fault:
        return make_response(review_page(standing_of(campaign_id), notice=fault.detail), fault.status)
    return to("review", campaign_id, tested="1")


@blueprint.post("/campaigns/<uuid:campaign_id>/send")
@guards.member("campaigns.write")
def send(campaign_id: UUID) -> Response:
    """Let it go: now, or at a time."""
    standing = standing_of(campaign_id)
    actor = current_actor()
    if standing.state is not State.DRAFT:
        return to("show", campaign_id)
    try:
        values = posted(Sent())
        at = None
        if values["when"] == "at":
            at = rules.due_at(values["day"], values["time"], zone_of(), clock.now())
        when = timing.read(values, at)
        with session().begin_nested():  # what refuses it may come late, and then nothing of it has left
            service.launch(
                actor.workspace_id,
                campaign_id,
                revision=values["revision"],
                send_at=at,
                delay_seconds=values["delay"],
                by=actor.id,
                variants=values["variants"],
                timing=when,
                languages=values["languages"],
            )
    except (BadInput, Conflict) as fault:
        page = review_page(standing_of(campaign_id), notice=fault.detail, errors=fault.fields)
        return make_response(page, fault.status)
    return to("sending", campaign_id)


@blueprint.post("/campaigns/<uuid:campaign_id>/closer")
@guards.member("campaigns.write", in_slices=True)
def look_closer(campaign_id: UUID) -> Response:
    """Follow its links once, ask the DNS and a spam filter where there is one; no connection waits for any of them."""
    actor = current_actor()
    with transaction():
        standing = standing_of(campaign_id)
        posted(Nothing())
        draft = specimen_of(actor.workspace_id, campaign_id)
        pairs = outbox.list_key_pairs(actor.workspace_id, draft.sender.domain) if draft.sender else []
    if standing.state is not State.DRAFT:
        return to("show", campaign_id)
    signing = [pair for pair in pairs if pair.state is DkimState.ACTIVE]
    domain = closer.look_at_domain(draft.sender.domain, signing) if draft.sender else None
    try:
        links, spam = closer.look_at_links(draft.links()), closer.look_for_spam_in(draft.mails())
    except BadInput as fault:
        with transaction():
            return make_response(review_page(standing, notice=fault.detail), fault.status)
    with transaction():
        campaign = queries.get_campaign(actor.workspace_id, campaign_id)
        closer.keep(campaign, draft.edition, links, spam, draft.languages, draft.signature, domain)
    return to("review", campaign_id, _anchor="checks")


@blueprint.get("/campaigns/<uuid:campaign_id>/source")
@guards.member("campaigns.read", in_slices=True)
def source(campaign_id: UUID) -> Response:
    """The draft as it goes over the wire, to a made-up reader; ``language``: of a translation."""
    with transaction():
        standing_of(campaign_id)
        draft = specimen_of(current_actor().workspace_id, campaign_id)
    response = make_response(draft.mail(request.args.get("language", "")))
    response.content_type = "text/plain; charset=utf-8"
    return response


def review_page(standing: Standing, *, notice: str = "", errors: Mapping[str, str] | None = None) -> str:
    """The review of a draft, with a word on top where something was refused."""
    actor = current_actor()
    campaign = queries.get_campaign(actor.workspace_id, standing.id)
    seen = service.look(actor.workspace_id, campaign, actor.id)
    subject, preheader = _lines(seen, seen.written)
    names = [found.name for found in consent.get_interests(actor.workspace_id, standing.interests)]
    # Of many people it is not counted what they read: a page should not wait for it.
    few = seen.reckoned.reached <= shared.ALWAYS
    measured = measuring.measure(actor.workspace_id, standing.interests, standing.segment_id, with_languages=few)
    local = clock.now().astimezone(ZoneInfo(seen.brand.time_zone))
    return render_template(
        "campaigns/review.html",
        campaign=standing,
        letter=seen.letter,
        trial=panel_of(seen.seen, standing) if seen.seen else None,
        subject=subject,
        preheader=preheader,
        topics=topics_of(standing, names),
        sender=seen.sender,
        blocked=rules.blocks(seen.checks),
        errors=errors or {},
        notice=notice,
        tested=bool(request.args.get("tested")),
        given={name: request.form.get(name, "") for name in ("when", "day", "time", "delay")},
        timing=timing.given(request.form if "when" in request.form else {}, request.form.getlist("days")),
        bys=timing.BYS,
        pasts=timing.PASTS,
        weekdays=timing.DAYS,
        limits=outbox.contact_limits(actor.workspace_id),
        default_day=f"{_tomorrow(local):%Y-%m-%d}",
        delays=DELAYS,
        zone=seen.brand.time_zone,
        may_write=actor.may("campaigns.write"),
        steps=STEPS,
        **_languages(standing, seen, measured),
        **checks_values(standing, seen),
        **tried_values(standing, seen.tried),
        **_measured_values(measured),
        **_talk(campaign, seen),
        **reckoned_values(standing.id, seen.reckoned, linked=True),
    )


def _lines(seen: service.Look, written: content.Written) -> tuple[str, str]:
    """Subject and preview line as a made-up reader gets them."""
    return content.header_lines(written, content.sample_values(seen.brand, {}, content.named_by(written.needs)))


def _languages(standing: Standing, seen: service.Look, measured: Measured | None) -> dict[str, Any]:
    """The letter's languages with what they say, and which of them stands in the preview's frame (``language``)."""
    texts = [(content.InLanguage(seen.letter, content.Stage.WRITTEN), seen.written)]
    texts += [(found.one, found.written) for found in seen.translations]
    codes = [one.letter.language for one, _ in texts]
    asked = request.args.get("language", "")
    shown = texts[codes.index(asked)][0] if asked in codes else texts[0][0]
    people, others = _readers(measured.languages if measured else {}, codes)
    rows = [
        {
            "name": one.name,
            "code": one.letter.language,
            "is_main": one.is_main,
            "is_shown": one.letter.id == shown.letter.id,
            "subject": _lines(seen, written)[0],
            "state": _state(one, written),
            "people": people.get(one.letter.language),
            "edit_url": _edit_url(one.letter, standing),
            "see_url": url_for("campaigns.review", campaign_id=standing.id, language=one.letter.language, _anchor="preview"),
        }
        for one, written in texts
    ]
    return {
        "languages": rows,
        "other_readers": others,
        "languages_seen": seen.languages,
        "test_languages": [("", f"All {len(rows)}, a mail each"), *((row["code"], row["name"]) for row in rows)],
        "more_languages": [(code, name) for code, name in NAMES.items() if code not in codes],
        "add_language_url": url_for("content.add_language", letter_id=seen.letter.id),
        "frame_url": url_for("content.preview", letter_id=shown.letter.id),
        "source_url": url_for("campaigns.source", campaign_id=standing.id, language=shown.letter.language),
    }


def _readers(spoken: Mapping[str, int], codes: Sequence[str]) -> tuple[dict[str, int], list[tuple[str, int]]]:
    """How many get which text, and which languages those read who get the main one for want of theirs, the most first."""
    if not spoken:
        return {}, []
    people, others = dict.fromkeys(codes, 0), dict[str, int]()
    for language, count in spoken.items():
        people[languages.pick(language, codes, codes[0])] += count
        if not languages.pick(language, codes, ""):
            name = NAMES.get(languages.pick(language, NAMES, ""), "another language")
            others[name] = others.get(name, 0) + count
    return people, sorted(others.items(), key=lambda pair: (-pair[1], pair[0]))


def _state(one: content.InLanguage, written: content.Written) -> tuple[str, str]:
    """Words and tone of how far a text is."""
    faults = sum(problem.severity == "error" for problem in written.problems)
    if faults:
        return ("1 fault" if faults == 1 else f"{faults} faults", "stop")
    return content.STAGES.get(one.stage, ("can be sent", "yes"))


def _edit_url(letter: Letter, standing: Standing) -> str:
    back = url_for("campaigns.review", campaign_id=standing.id)
    return url_for("content.edit", letter_id=letter.id, back=back)


def checks_values(standing: Standing, seen: service.Look) -> dict[str, Any]:
    """The checks, each with where it is put right."""
    steps = {
        "write": (url_for("campaigns.write", campaign_id=standing.id), "Edit"),
        "audience": (url_for("campaigns.audience", campaign_id=standing.id), "Choose"),
        "variants": (url_for("campaigns.vary", campaign_id=standing.id), "Change"),
        "sender": ("/settings/sending", "Set up"),
        "brand": ("/settings", "Set up"),
        "test": ("#test", "Test"),
        "approval": ("#approval", "See"),
        "rehearsal": ("#tried", "See"),
        "domain": ("/settings/domain", "Set up"),
        **{found.step: (_edit_url(found.one.letter, standing), "Edit") for found in seen.translations},
    }
    checks = seen.checks
    return {
        "checks": [(check, *steps.get(check.step, ("", ""))) for check in checks if check.severity != "pass"],
        "passed": [check.title for check in checks if check.severity == "pass"],
        "counts": {word: sum(check.severity == word for check in checks) for word in ("stop", "warn", "pass")},
        "is_aside": False,
    }


def _measured_values(found: Measured | None) -> dict[str, Any]:
    """How far the audience lets itself be seen, as a bar with words; and where the rules behind it are set."""
    if found is None or not found.total:
        return {"measured": None}
    parts = [(*measuring.WORDS[level], found.counts[level]) for level in measuring.WORDS]
    return {
        "measured": found,
        "measured_parts": parts,
        "measured_legend": [(f"{words}: {number:,}", tone, "") for words, _, tone, number in parts],
        "measured_sentence": ", ".join(f"{words}: {number:,}" for words, _, _, number in parts),
        "measured_bar": share_bar([(float(number), tone) for _, _, tone, number in parts]),
        "measured_url": "/settings/permission" if current_actor().may("settings.read") else "",
    }


def _tomorrow(local: datetime) -> datetime:
    return datetime.fromordinal(local.toordinal() + 1)


def _talk(campaign: Campaign, seen: service.Look) -> dict[str, Any]:
    """A second person's yes, and what colleagues say."""
    comments = approval.list_comments(campaign)
    members = accounts.list_members(campaign.workspace_id) if comments or campaign.approved_by else []
    names = {one.user_id: one.name for one in members}
    return {
        "needs_approval": seen.needs_approval,
        "approval_of": seen.approval_of,
        "is_approved": campaign.approved_of == seen.approval_of,
        "approved_by": names.get(campaign.approved_by, "") if campaign.approved_by else "",
        "may_rule": current_actor().may("settings.write"),
        "comments": [
            {"who": names.get(one.user_id, "Somebody who left"), "body": one.body, "at": one.created_at}
            for one in comments
        ],
        "longest_comment": approval.MAX_BODY,
        "comment_action": url_for("campaigns.comment", campaign_id=campaign.id),
    }
