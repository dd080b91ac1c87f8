"""The verbs of accounts. Each runs inside the caller's transaction."""

from app.accounts.service.audit import record
from app.accounts.service.keys import (
    IssuedKey,
    create_api_key,
    hash_of_key,
    is_key,
    revoke_api_key,
    touch_api_key,
)
from app.accounts.service.owners import check_set_up_code, create_owner, reset_password, set_up_code
from app.accounts.service.passwords import change_password
from app.accounts.service.sessions import (
    Browser,
    OpenedSession,
    end_session,
    end_sessions,
    enter_workspace,
    forget_old,
    hash_of_token,
    open_session,
    touch_session,
)
from app.accounts.service.signing_in import SignedIn, remember_device, sign_in
from app.accounts.service.team import add_member, change_role, disable_user, enable_user
from app.accounts.service.workspaces import change_look, change_workspace, create_workspace, set_up_brand

__all__ = [
    "Browser",
    "IssuedKey",
    "OpenedSession",
    "SignedIn",
    "add_member",
    "change_look",
    "change_password",
    "change_role",
    "change_workspace",
    "check_set_up_code",
    "create_api_key",
    "create_owner",
    "create_workspace",
    "disable_user",
    "enable_user",
    "end_session",
    "end_sessions",
    "enter_workspace",
    "forget_old",
    "hash_of_key",
    "hash_of_token",
    "is_key",
    "open_session",
    "record",
    "remember_device",
    "reset_password",
    "revoke_api_key",
    "set_up_brand",
    "set_up_code",
    "sign_in",
    "touch_api_key",
    "touch_session",
]
