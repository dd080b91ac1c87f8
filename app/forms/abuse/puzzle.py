"""A small puzzle that a browser solves while somebody types: the protocol of ALTCHA, version 1.

Its own check, because the known library trusts the types of what is posted, compares signatures in a time that
depends on them, and takes a solution as often as it comes. A solution counts for one form, once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from datetime import datetime, timedelta

from app.kernel import once, tokens

PURPOSE = "form puzzle"
ALGORITHM = "SHA-256"
MAX_NUMBER = 50_000
"""A phone tries some hundred thousand a second; whoever posts by the thousand pays for each."""
GOOD_FOR = timedelta(minutes=30)
_SALT = re.compile(r"[0-9a-f]{24}\?expires=([0-9]{1,12})&form=([A-Za-z0-9_-]{1,64})&")
_LONGEST = 1000


def make(form: str, now: datetime) -> dict[str, str | int]:
    """A new puzzle for one form (its public id), as the protocol writes it."""
    expires = int((now + GOOD_FOR).timestamp())
    salt = f"{secrets.token_hex(12)}?expires={expires}&form={form}&"
    challenge = _digest(salt, secrets.randbelow(MAX_NUMBER + 1))
    return {
        "algorithm": ALGORITHM,
        "challenge": challenge,
        "maxnumber": MAX_NUMBER,
        "salt": salt,
        "signature": _sign(challenge),
    }


def solve(puzzle: dict[str, str | int]) -> str:
    """The answer as a browser posts it; for programs and tests."""
    salt = str(puzzle["salt"])
    for number in range(int(puzzle["maxnumber"]) + 1):
        if _digest(salt, number) == puzzle["challenge"]:
            answer = {name: puzzle[name] for name in ("algorithm", "challenge", "salt", "signature")}
            return base64.b64encode(json.dumps({**answer, "number": number}).encode()).decode()
    raise ValueError("This puzzle has no solution.")


def is_solved(answer: str, form: str, now: datetime) -> bool:
    """Whether this is a solution of a puzzle of ours for this form that has not been used; it is used from now on."""
    found = _read(answer)
    if found is None:
        return False
    salt, number, signature = found
    match = _SALT.fullmatch(salt)
    if match is None or match[2] != form or int(match[1]) < now.timestamp():
        return False
    challenge = _digest(salt, number)
    if not hmac.compare_digest(_sign(challenge), signature):
        return False
    return once.first("form puzzle", challenge, datetime.fromtimestamp(int(match[1]), now.tzinfo))


def _read(answer: str) -> tuple[str, int, str] | None:
    if len(answer) > _LONGEST:
        return None
    try:
        plain = json.loads(base64.b64decode(answer, validate=True))
        salt, number, signature = plain["salt"], plain["number"], plain["signature"]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        return None
    fits = isinstance(salt, str) and isinstance(signature, str) and signature.isascii()
    if not fits or not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_NUMBER:
        return None
    return salt, number, signature


def _digest(salt: str, number: int) -> str:
    return hashlib.sha256(f"{salt}{number}".encode()).hexdigest()


def _sign(challenge: str) -> str:
    return tokens.mac(PURPOSE, challenge.encode(), 32).hex()
