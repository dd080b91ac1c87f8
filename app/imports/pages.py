"""The pages of imports: a file, its columns, what would happen, how far it is, what became of it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, make_response, redirect, render_template, request, stream_with_context, url_for
from flask import Response as FlaskResponse
from werkzeug.wrappers import Response

from app.accounts import queries as accounts
from app.consent import queries as consent
from app.contacts import queries as contacts
from app.contacts.rules import FieldKind
from app.imports import permitting, queries, rules, schemas, service, taking
from app.imports.dialects import DELIMITERS, QUOTES, label_of
from app.imports.models import Import
from app.imports.numerals import COMMA, DOT, EITHER
from app.imports.reading import ENCODINGS, Layout
from app.imports.rules import AT_WORK, DONE_WORDS, FIELD, LABELS, NOES, UNDO_DAYS, ImportState, Known
from app.kernel import clock, csvs, outgoing
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Problem
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted
from app.kernel.http.uploads import take_files

blueprint = Blueprint("imports", __name__, template_folder="templates")
MOST_FETCHED: Final = 64 * 1024 * 1024
"""Octets of a file that is fetched while somebody waits."""
_KNOWN = [
    (Known.UPDATE.value, "Take what the file says", "An empty cell takes nothing away."),
    (Known.FILL.value, "Only fill in what we do not know", ""),
    (Known.SKIP.value, "Leave them as they are", ""),
]  # fmt: skip
_STEPS = ("File", "Columns", "Check", "Import")
_STEP_OF = {
    ImportState.UPLOADED: 2, ImportState.READING: 3, ImportState.FAILED: 3, ImportState.CHECKED: 3,
    ImportState.TAKING: 4, ImportState.DONE: 4, ImportState.UNDOING: 4, ImportState.UNDONE: 4,
}  # fmt: skip
_AT = {"reading": "Reading and checking", "taking": "Bringing people in", "undoing": "Taking it back"}
STATES = {
    "uploaded": "waits for its columns", "reading": "is being read", "checked": "is checked, not taken yet",
    "taking": "is being taken", "done": "done", "undoing": "is being taken back", "undone": "taken back",
    "failed": "could not be read",
}  # fmt: skip


@blueprint.before_request
def _take_files() -> None:
    if request.endpoint == "imports.upload":
        take_files(service.MOST_OCTETS)


@blueprint.get("/people/import")
@guards.member("people.write")
def index() -> str:
    """Give a file; and the files that were given."""
    return _index({})


@blueprint.post("/people/import")
@guards.member("people.write", in_slices=True)
def upload() -> Response:
    """Keep the file, given or fetched; next are its columns."""
    actor = current_actor()
    try:
        name, file = _given() or _fetched()
        with file, transaction():
            import_id = service.upload(actor.workspace_id, name, file, by=actor.id)
    except BadInput as problem:
        with transaction():
            return make_response(_index(problem.fields), problem.status)
    return redirect(url_for("imports.show", import_id=import_id), 303)


def _given() -> tuple[str, IO[bytes]] | None:
    file = request.files.get("file")
    return (file.filename, file.stream) if file is not None and file.filename else None


def _fetched() -> tuple[str, IO[bytes]]:
    """From a public web server; no transaction is open meanwhile."""
    url = request.form.get("url", "").strip()
    if not url:
        raise BadInput(fields={"file": "Choose a file, or say where it is on the web."})
    try:
        answer = outgoing.get(url, most=MOST_FETCHED)
    except outgoing.NotSent as fault:
        raise BadInput(fields={"url": str(fault)}) from None
    if answer.status != 200:
        raise BadInput(fields={"url": f"Its server answered {answer.status}. Ask for a link that needs no sign-in."})
    return urlsplit(url).path, io.BytesIO(answer.body)


@blueprint.get("/people/import/<uuid:import_id>")
@guards.member("people.write")
def show(import_id: UUID) -> str:
    """Where this file is."""
    return _page(_import(import_id))


@blueprint.post("/people/import/<uuid:import_id>/layout")
@guards.member("people.write")
def layout(import_id: UUID) -> Response:
    """Read it by another encoding, delimiter or quote."""
    return _act(import_id, lambda: service.read_anew(_workspace(), import_id, **posted(schemas.LayoutForm())))


@blueprint.post("/people/import/<uuid:import_id>/columns")
@guards.member("people.write")
def read(import_id: UUID) -> Response:
    """Read it by these columns, and check."""

    def start() -> None:
        service.start_reading(_workspace(), import_id, schemas.plan_of(posted(schemas.PlanForm())))

    return _act(import_id, start)


@blueprint.post("/people/import/<uuid:import_id>/back")
@guards.member("people.write")
def back(import_id: UUID) -> Response:
    """Back to its columns."""
    return _act(import_id, lambda: service.change_plan(_workspace(), import_id))


@blueprint.post("/people/import/<uuid:import_id>/take")
@guards.member("people.write")
def take(import_id: UUID) -> Response:
    """Bring its people in."""
    return _act(import_id, lambda: service.take(_workspace(), import_id, by=current_actor().id))


@blueprint.post("/people/import/<uuid:import_id>/undo")
@guards.member("people.write")
def undo(import_id: UUID) -> Response:
    """Take it back."""
    return _act(import_id, lambda: service.undo(_workspace(), import_id, by=current_actor().id))


@blueprint.post("/people/import/<uuid:import_id>/discard")
@guards.member("people.write")
def discard(import_id: UUID) -> Response:
    """Forget a file that was not taken."""
    service.discard(_workspace(), import_id)
    return redirect(url_for("imports.index"), 303)


@blueprint.get("/people/import/<uuid:import_id>/left-out.csv")
@guards.member("people.write")
def left_out(import_id: UUID) -> FlaskResponse:
    """The rows that were left out, with why, to mend and give again."""
    found = _import(import_id)
    body = stream_with_context(csvs.write(_left_out(found)))
    response = FlaskResponse(body, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="left-out.csv"'
    return response


def _left_out(found: Import) -> Iterator[list[str]]:
    yield [*found.layout["columns"], "row", "why it was left out"]
    width = len(found.layout["columns"])
    for n, fault, cells in queries.iter_left_out(found.id):
        yield [*(cells + [""] * width)[:width], str(n), fault]


def _workspace() -> UUID:
    return current_actor().workspace_id


def _import(import_id: UUID) -> Import:
    return queries.get_import(_workspace(), import_id)


def _act(import_id: UUID, verb: Any) -> Response:
    try:
        verb()
    except Problem as problem:
        found = _import(import_id)
        faults = problem.fields if isinstance(problem, BadInput) else {"": problem.detail}
        return make_response(_page(found, faults, request.form), problem.status)
    return redirect(url_for("imports.show", import_id=import_id), 303)


# --- Pages -------------------------------------------------------------------------------------------------------


def _index(errors: Mapping[str, str]) -> str:
    zone = accounts.brand(_workspace()).time_zone
    rows = [
        {
            "name": found.name, "url": url_for("imports.show", import_id=found.id), "at": found.created_at,
            "state": STATES[found.state], "rows": found.rows, "is_done": found.state == ImportState.DONE,
        }
        for found in queries.list_imports(_workspace())
    ]  # fmt: skip
    return render_template(
        "imports/index.html",
        rows=rows,
        errors=errors,
        zone=zone,
        people_url=url_for("people.index"),
        url=request.form.get("url", ""),
        most=service.MOST_OCTETS // 1024 // 1024,
    )


def _page(found: Import, errors: Mapping[str, str] | None = None, form: Any = None) -> str:
    state = ImportState(found.state)
    context: dict[str, Any] = {
        "file": found,
        "state": state.value,
        "steps": _STEPS,
        "step": _STEP_OF[state],
        "errors": errors or {},
        "people_url": url_for("people.index"),
        "index_url": url_for("imports.index"),
        "zone": accounts.brand(found.workspace_id).time_zone,
        "undo_days": UNDO_DAYS,
    }
    if state is ImportState.UPLOADED:
        context |= _columns(found, form)
    if state in AT_WORK:
        context |= _progress(found)
    if found.checked is not None:
        context["sums"] = _sums(found.checked)
    if state in {ImportState.TAKING, ImportState.DONE}:
        left_out = {word: n for word, n in (found.checked or {}).items() if _is_fault(word)}
        context["done"] = _sums(_added(left_out, taking.counts_of(found.id)))
    context["may_undo"] = service.may_undo(found)
    return render_template("imports/show.html", **context)


def _columns(found: Import, form: Any) -> dict[str, Any]:
    layout = Layout.from_json(found.layout)
    own = contacts.list_fields(found.workspace_id)
    guessed = rules.guess(layout.columns, layout.sample, {field.key: field.label for field in own})
    # What was posted of how the file is written says nothing of its columns; and another delimiter makes others of them.
    written, form = (form, None) if form and "column" not in form else (layout.by_hand, form)
    before = list((found.plan or {}).get("targets", ()))
    chosen = form.getlist("column") if form else before if len(before) == len(layout.columns) else list(guessed)
    told = (found.plan or {}).get("permission") or {}
    values = form or {
        "known": (found.plan or {}).get("known", Known.UPDATE.value),
        "month_first": (found.plan or {}).get("month_first", False),
        "has_permission": "claimed" if told else "no",
        **{name: told.get(name, "") for name in ("words", "source", "said_on", "declaration", "is_doubly")},
    }
    targets = [("", "Leave out")]
    targets += [(target.value, label) for target, label in LABELS.items()]
    targets += [(f"{FIELD}{field.key}", field.label) for field in own]
    numbers = {f"{FIELD}{field.key}" for field in own if field.kind == FieldKind.NUMBER}
    signs = form.getlist("decimal") if form else (found.plan or {}).get("decimals", ()) if chosen == before else ()
    columns = [
        {
            "name": name, "chosen": _at(chosen, number), "sample": _shown(layout, number), "decimal": _at(signs, number),
            "decimals": _decimals(_at(layout.decimals, number), is_number=_at(chosen, number) in numbers) if numbers else [],
        }
        for number, name in enumerate(layout.columns)
    ]  # fmt: skip
    return {
        "columns": columns, "targets": targets, "known": _KNOWN, "values": values, "written": written,
        "choices": _choices(layout), "summary": _summary(layout),
        "interests": [(str(one.id), one.name) for one in consent.list_interests(found.workspace_id)],
        "chosen_interests": form.getlist("interest") if form else list(told.get("interests", [])),
    }  # fmt: skip


def _at(values: Sequence[str], number: int) -> str:
    return values[number] if number < len(values) else ""


def _decimals(shown: str, *, is_number: bool) -> list[tuple[str, str]]:
    """What can be chosen of the sign that begins a column's decimals; nothing where it has no numbers with one."""
    if not shown and not is_number:
        return []
    first = {
        DOT: "Decimals after a dot, as its cells show", COMMA: "Decimals after a comma, as its cells show",
        EITHER: "If it holds numbers: decimals after …",
    }  # fmt: skip
    return [("", first.get(shown, "Decimals as each cell shows")), (DOT, "Decimals after a dot: 1,234.5"), (COMMA, "Decimals after a comma: 1.234,5")]


def _choices(layout: Layout) -> dict[str, list[tuple[str, str]]]:
    """Of each thing that can be chosen of how a file is written, values with labels; the first is as it was guessed."""
    known = {
        "encoding": list(ENCODINGS.items()),
        "delimiter": [(name, label) for name, (_, label) in DELIMITERS.items()],
        "quotes": [(name, label) for name, (*_, label) in QUOTES.items()],
    }
    now = _labels(layout)
    return {
        name: [("", "As guessed" if name in layout.by_hand or not now[name] else f"As guessed: {now[name]}"), *options]
        for name, options in known.items()
    }


def _labels(layout: Layout) -> dict[str, str]:
    delimiter, quotes = label_of(layout.dialect) if layout.kind == "csv" else ("", "")
    return {"encoding": ENCODINGS[layout.encoding], "delimiter": delimiter, "quotes": quotes}


def _summary(layout: Layout) -> str:
    """How a file was read, in a few words."""
    if layout.kind != "csv":
        return f"JSON Lines, {ENCODINGS[layout.encoding]}"
    now = _labels(layout)
    kind, _, more = now["quotes"].partition(":")[0].lower().partition(", ")
    quotes = f"{'no' if kind == 'none' else kind} quotes"
    return f"{now['encoding']}, {now['delimiter'].lower()}, {quotes} {more}".rstrip()


def _shown(layout: Layout, number: int) -> list[str]:
    return [row[number][:60] for row in layout.sample if number < len(row) and row[number]][:3]


def _progress(found: Import) -> dict[str, Any]:
    done, whole = queries.progress(found)
    seconds = (clock.now() - found.began_at).total_seconds() if found.began_at else 0.0
    share = min(done / whole, 1.0)
    left = seconds / share * (1 - share) if share > 0.02 and seconds > 1 else None
    rows = found.rows if found.state == "reading" else done
    return {
        "at": _AT[found.state],
        "percent": int(share * 100),
        "bar": [{"tone": "yes", "x": 0, "width": round(share * 100, 1)}],
        "rows": rows,
        "per_second": int(rows / seconds) if seconds > 1 else None,
        "left": _lasting(left) if left is not None else "",
    }


def _lasting(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 1), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(one) + Counter(other))


def _is_fault(word: str) -> bool:
    """Whether a count is of rows that are left out."""
    return word not in (*DONE_WORDS, permitting.YES) and not word.startswith(permitting.NO_YES)


def _sums(counts: Mapping[str, int]) -> dict[str, Any]:
    """What a page says of counts: sums of what is done, and reasons of what is left out, the most frequent first."""
    apart = {word: counts.get(word, 0) for word in DONE_WORDS}
    before = permitting.NO_YES
    no_yes = {word.removeprefix(before): n for word, n in counts.items() if word.startswith(before)}
    reasons = {word: n for word, n in counts.items() if _is_fault(word)}
    return {
        **apart,
        "yes": counts.get(permitting.YES, 0),
        "no_yes": sorted(no_yes.items(), key=lambda pair: (-pair[1], pair[0])),
        "noes": sum(n for word, n in reasons.items() if word in NOES.values()),
        "left_out": sum(reasons.values()),
        "reasons": sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:20],
    }
