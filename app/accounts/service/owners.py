"""The first owner, and the way back in for somebody at the server's shell."""

from __future__ import annotations

import base64
import hmac

from sqlalchemy import delete, func, select

from app.accounts import queries
from app.accounts.models import KnownDevice, User
from app.accounts.rules import acts, emails
from app.accounts.rules.acts import By
from app.accounts.service import passwords
from app.accounts.service.audit import record
from app.kernel import clock, ids, tokens
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, NotFound

_FIRST_OWNER_LOCK = 0x4E6F640001
_CODE_BYTES = 10


def create_owner(email: str, name: str, password: str, *, by: By = acts.VISITOR) -> User:
    """Make the first user, once in the life of an installation.

    Safe against two at once: the second waits for the first one's commit and then finds it.

    Raises:
        Conflict: there is an owner already.
        BadInput: the address or the password does not do.
    """
    session().execute(select(func.pg_advisory_xact_lock(_FIRST_OWNER_LOCK)))
    if queries.has_owner():
        raise Conflict("Nod has its owner already. Sign in instead.")
    user = make_user(email, name, password)
    record("owner.created", by=by, of=f"user:{user.id}")
    return user


def make_user(email: str, name: str, password: str) -> User:
    """A new user without a role anywhere.

    Raises:
        BadInput: the address or the password does not do, or the address is taken.
    """
    try:
        folded = emails.fold(email)
    except ValueError:
        raise BadInput(fields={"email": "Write the whole address, like name@example.org."}) from None
    passwords.require_good(password, email=folded, name=name)
    if queries.find_user(folded) is not None:
        raise BadInput(fields={"email": "Somebody signs in with this address already."})
    now = clock.now()
    user = User(
        id=ids.uuid7(),
        email=folded,
        name=name,
        password_hash=passwords.hashed(password),
        password_changed_at=now,
        created_at=now,
    )
    session().add(user)
    session().flush()
    return user


def reset_password(email: str, password: str, *, by: By = acts.COMMAND) -> User:
    """Set a password for somebody who has lost theirs: all sessions end and no browser is known any more.

    Raises:
        NotFound: nobody signs in with this address.
        BadInput: the password is easy to guess.
    """
    user = queries.find_user(email.strip().lower())
    if user is None:
        raise NotFound("Nobody signs in with this address.")
    passwords.require_good(password, email=user.email, name=user.name)
    passwords.set_password(user, password, "password reset")
    session().execute(delete(KnownDevice).where(KnownDevice.user_id == user.id))
    record("password.reset", by=by, of=f"user:{user.id}")
    return user


def set_up_code() -> str:
    """The code that a first owner of a public server must know, from its log or its shell.

    It follows from the secret key, so every process says the same and nothing is stored; once there is an
    owner it opens nothing.
    """
    raw = base64.b32encode(tokens.mac("set-up code", b"first owner", _CODE_BYTES)).decode()
    return "-".join(raw[index : index + 4] for index in range(0, len(raw), 4))


def check_set_up_code(given: str) -> None:
    """Let only somebody pass who can read this server's log.

    Raises:
        BadInput: another code.
    """
    wanted = set_up_code().replace("-", "")
    typed = "".join(character for character in given.upper() if character.isascii() and character.isalnum())
    if not hmac.compare_digest(typed, wanted):
        raise BadInput(
            fields={
                "code": "That is not the code. It stands in the server's log; 'flask accounts setup-code' shows it too."
            }
        )
