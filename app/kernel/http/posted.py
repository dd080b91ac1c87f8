"""Reading what was posted: known fields only, plain text without hidden characters."""

from __future__ import annotations

import unicodedata
from typing import Any
from urllib.parse import urlsplit

from flask import request
from marshmallow import RAISE, Schema, ValidationError, fields
from werkzeug.exceptions import BadRequest as HttpBadRequest

from app.kernel.errors import BadInput, BadRequest
from app.kernel.http import csrf

_UNKNOWN = "This field is not known here."


class Input(Schema):
    """A form or JSON body; a field that it does not declare is refused."""

    class Meta:
        """Nothing slips through."""

        unknown = RAISE

    error_messages = {"unknown": _UNKNOWN}  # noqa: RUF012  read by marshmallow


class Line(fields.Field[str]):
    """One line of text: NFC, trimmed, without control characters or line separators.

    Args:
        longest: characters allowed.
        empty: whether nothing is an answer too.
        message: what to say where something is missing.
    """

    def __init__(
        self, *, longest: int = 200, empty: bool = False, message: str = "Write something here.", **more: Any
    ) -> None:
        self.longest, self.empty, self.message = longest, empty, message
        if empty:
            more.setdefault("load_default", "")
        else:
            more.setdefault("required", True)
        super().__init__(**more)
        self.error_messages = {**self.error_messages, "required": message, "null": message}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Write text here.")
        text = self.clean(unicodedata.normalize("NFC", value)).strip()
        if any(not is_writable(character) and character not in self.allowed for character in text):
            raise ValidationError("This holds a character that cannot be shown. Write it anew by hand.")
        if len(text) > self.longest:
            raise ValidationError(f"Keep this to {self.longest} characters.")
        if not text and not self.empty:
            raise ValidationError(self.message)
        return self.check(text) if text else text

    allowed = ""

    def clean(self, text: str) -> str:
        """The text before its characters are looked at."""
        return text

    def check(self, text: str) -> str:
        """The value of a text that is not empty, or a ValidationError."""
        return text


class Lines(Line):
    """Several lines of text, all ended alike: by one line feed."""

    allowed = "\n"

    def clean(self, text: str) -> str:
        """One kind of line end, no spaces before it."""
        return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


class WebAddress(Line):
    """An absolute http or https address without a password in it; ``example.org`` becomes ``https://example.org``."""

    def check(self, text: str) -> str:
        """The whole address."""
        whole = text if "://" in text else f"https://{text}"
        try:
            parts = urlsplit(whole)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if (
            not host
            or parts.scheme.lower() not in {"http", "https"}
            or "@" in parts.netloc
            or any(character in whole for character in ' "<>\\^`{|}')
        ):
            raise ValidationError("Write an address like https://example.org.")
        return whole


class Secret(fields.Field[str]):
    """A password, exactly as typed: nothing is trimmed."""

    def __init__(self, *, message: str = "Write your password.", longest: int = 256, **more: Any) -> None:
        self.longest, self.message = longest, message
        more.setdefault("required", True)
        super().__init__(**more)
        self.error_messages = {**self.error_messages, "required": message, "null": message}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or (not value and self.required):
            raise ValidationError(self.message)
        if len(value) > self.longest:
            raise ValidationError(f"Keep this to {self.longest} characters.")
        return value


class Tick(fields.Field[bool]):
    """A checkbox: sent means yes, not sent means no."""

    def __init__(self, **more: Any) -> None:
        more.setdefault("load_default", False)
        super().__init__(**more)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        return value in {"1", "on", "true", True}


def is_writable(character: str) -> bool:
    """Whether a character may stand in a line of text: no control, no line separator, no lone surrogate.

    Joiners (ZWJ, ZWNJ) are allowed: names in several scripts need them. Marks that turn the writing
    direction around are not: they make a text look like another one.
    """
    category = unicodedata.category(character)
    if category in {"Cc", "Cs", "Zl", "Zp", "Cn"}:
        return False
    return character not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"


def posted(schema: Schema) -> dict[str, Any]:
    """The fields of the form that was sent, without its CSRF token.

    Raises:
        BadInput: names each field that is missing, wrong or unknown.
    """
    several = {name for name, field in schema.fields.items() if isinstance(field, fields.List)}
    values = {
        name: given if name in several else given[0]
        for name, given in request.form.lists()
        if name != csrf.FIELD
    }
    return load(schema, values)


def posted_json(schema: Schema) -> dict[str, Any]:
    """The fields of the JSON object that was sent.

    Raises:
        BadRequest: no JSON, or no object.
        BadInput: names each field that is missing, wrong or unknown.
    """
    try:
        values = request.get_json()
    except HttpBadRequest:
        raise BadRequest("Send a JSON object.") from None
    if not isinstance(values, dict):
        raise BadRequest("Send a JSON object.")
    return load(schema, values)


def load(schema: Schema, values: dict[str, Any]) -> dict[str, Any]:
    """The values after the schema has checked them.

    Raises:
        BadInput: names each field that is missing, wrong or unknown.
    """
    try:
        loaded: dict[str, Any] = schema.load(values)
    except ValidationError as error:
        faults = error.messages if isinstance(error.messages, dict) else {"": error.messages}
        raise BadInput(fields={str(name): _first(messages) for name, messages in faults.items()}) from None
    return loaded


def _first(messages: Any) -> str:
    while isinstance(messages, list | dict):
        messages = next(iter(messages.values() if isinstance(messages, dict) else messages), "")
    return str(messages)
