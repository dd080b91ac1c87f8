"""Problems become answers here and nowhere else: a page for people, problem+json (RFC 9457) for programs."""

from __future__ import annotations

import logging

from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException

from app.kernel import i18n
from app.kernel.errors import BadRequest, NotFound, Problem, TooMany, Unavailable
from app.kernel.http.guards import guard_of

log = logging.getLogger(__name__)

_WORDS = {
    405: "This address does not take that kind of request.",
    413: "That is larger than this page takes.",
    415: "This address does not take that kind of content.",
}


def install(app: Flask) -> None:
    """Catch everything a view may raise."""
    app.register_error_handler(Problem, _on_problem)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(OperationalError, _on_database)
    app.register_error_handler(InterfaceError, _on_database)
    app.register_error_handler(DataError, _on_data)
    app.register_error_handler(Exception, _on_any)


def _on_problem(problem: Problem) -> Response:
    return answer(problem)


def _on_http(error: HTTPException) -> Response:
    if error.response is not None or (error.code or 500) < 400:
        return make_response(error.get_response())
    if error.code == 404:
        return answer(NotFound("The address may be mistyped, or the page is gone."))
    problem = BadRequest(_WORDS.get(error.code or 400, "The request could not be read."))
    problem.status = error.code or 400
    response = answer(problem)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _on_database(error: Exception) -> Response:
    log.error("the database does not answer: %s", error.__class__.__name__)
    return answer(
        Unavailable("Our database does not answer right now. Nothing was saved. Try again in a minute.")
    )


def _on_data(error: Exception) -> Response:
    # A NUL in a text, a number that no column holds: the database's last word on what slipped through our checks.
    log.warning("the database refuses a value: %s", error.__class__.__name__)
    return answer(BadRequest("It holds a character or a number that cannot be stored."))


def _on_any(error: Exception) -> Response:
    log.error("unexpected: %s", error.__class__.__name__, exc_info=error)
    return answer(
        Problem("It is our fault and has been written down. Nothing was saved. Try again in a minute.")
    )


def answer(problem: Problem) -> Response:
    """The answer that fits who asked."""
    if wants_json():
        body = {
            "type": "about:blank",
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
        }
        if problem.fields:
            body["errors"] = problem.fields
        response = jsonify(body)
        response.content_type = "application/problem+json"
    else:
        response = make_response(_page(problem))
    response.status_code = problem.status
    if isinstance(problem, TooMany):
        response.headers["Retry-After"] = str(problem.retry_after_seconds)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Nod"'
    return response


def wants_json() -> bool:
    """Whether the caller is a program."""
    if request.path.startswith("/api/"):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json", "application/problem+json"])
    return best in {"application/json", "application/problem+json"} and (
        request.accept_mimetypes[best] > request.accept_mimetypes["text/html"]
    )


def _page(problem: Problem) -> str:
    side = "app" if g.get("actor") is not None and _is_inside() else "public"
    if side == "public" and i18n.current() == i18n.DEFAULT:
        i18n.use(i18n.best(request.headers.get("Accept-Language", "")))
    try:
        return render_template(f"errors/{side}.html", problem=problem, lang=i18n.current())
    except Exception:
        log.exception("the error page failed")
        return f"<!doctype html><title>{problem.status}</title><h1>{problem.title}</h1>"


def _is_inside() -> bool:
    if request.endpoint is None:
        return True
    guard = guard_of(current_app, request.endpoint)
    return guard is not None and guard.kind == "member"
