"""What mails ask for: a picture and links. Most are answered before they come so far (``front``)."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

from app.kernel.http import guards
from app.tracking import answers
from app.tracking.answers import Answer, Answers

blueprint = Blueprint("tracking", __name__)


@blueprint.get("/o/<token>.gif")
@guards.untouched
def pixel(token: str) -> Response:
    """The picture."""
    return _response(_answers().picture(token, request.environ))


@blueprint.get("/r/<code>")
@guards.untouched
def follow(code: str) -> Response:
    """Where the link leads."""
    return _response(_answers().way(code, request.environ))


def _answers() -> Answers:
    found: Answers = current_app.extensions[answers.EXTENSION]
    return found


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, headers=list(answer.headers))
