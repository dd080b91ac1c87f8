"""Keys of a sending domain: made, seen in the DNS, switched on, replaced.

A pair signs only while it is switched on, and it can be switched on only after its records stand: a signature whose
key nobody finds looks like a forged one.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from typing import Final, Literal
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from app.accounts import service as accounts
from app.accounts.rules.acts import By
from app.contacts.addresses import AddressError, normalise
from app.delivery import lookup, queries, vault
from app.delivery.dkim_records import Verdict, dmarc_names, key_verdict, policy_verdict
from app.delivery.editions import BOUNCES
from app.delivery.models import DkimKeys
from app.delivery.queries import KeyPair
from app.delivery.rules import DkimState
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.ids import uuid7

RSA_BITS: Final = 2048
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_RANDOM: Final = 8


def make_keys(workspace_id: UUID, domain: str, *, by: By) -> KeyPair:
    """Make a pair of keys for a domain; it signs nothing yet. One that waits for its records is given back instead.

    Raises:
        BadInput: with ``fields`` domain.
    """
    domain = _domain(domain)
    rsa_key, ed_key = generate_private_key(65537, RSA_BITS), Ed25519PrivateKey.generate()
    values = {
        "id": uuid7(), "workspace_id": workspace_id, "domain": domain, "state": DkimState.MADE.value,
        "selector": "nod" + "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM)),
        "rsa_secret": _locked(rsa_key), "ed_secret": _locked(ed_key), "created_at": clock.now(),
        "rsa_public": _base64(rsa_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
        "ed_public": _base64(ed_key.public_key().public_bytes_raw()),
    }  # fmt: skip
    made = session().execute(
        insert(DkimKeys)
        .values(values)
        .on_conflict_do_nothing(index_elements=["workspace_id", "domain"], index_where=text("state = 'made'"))
        .returning(DkimKeys.id)
    )
    pair_id = made.scalar_one_or_none()
    if pair_id is None:
        return next(
            pair for pair in queries.list_key_pairs(workspace_id, domain) if pair.state is DkimState.MADE
        )
    _record("dkim.made", workspace_id, pair_id, domain, by)
    return queries.get_key_pair(workspace_id, pair_id)


def check_domain(domain: str, pairs: Sequence[KeyPair] = ()) -> dict[str, Verdict]:
    """What the DNS says, by ``Record.name``: about the records of these pairs, return paths (SPF) and DMARC.

    Outside any transaction; takes at most a few seconds.
    """
    records = [record for pair in pairs for record in pair.records]
    bounces, policies = f"{BOUNCES}.{domain}", dmarc_names(domain)
    found = lookup.texts_of([*(record.name for record in records), bounces, *policies])
    verdicts = {record.name: key_verdict(record, found[record.name]) for record in records}
    verdicts[bounces] = policy_verdict("v=spf1", found[bounces])
    told = [policy_verdict("v=DMARC1", found[name]) for name in policies]
    verdicts[policies[0]] = next(
        (verdict for verdict in told if verdict is not Verdict.MISSING), Verdict.MISSING
    )
    return verdicts


def stand(pair: KeyPair, verdicts: Mapping[str, Verdict]) -> bool:
    """Whether both records of a pair stand."""
    return all(verdicts[record.name] is Verdict.STANDS for record in pair.records)


def set_published(workspace_id: UUID, pair_id: UUID, told_by: Literal["dns", "owner"], *, by: By) -> None:
    """Note that a pair's records stand: seen in the DNS, or said by somebody who knows. Twice changes nothing.

    Raises:
        NotFound: not of this workspace.
        Conflict: it is retired.
    """
    row = _held(workspace_id, pair_id)
    if row.state == DkimState.RETIRED:
        raise Conflict("These keys are retired. Make new ones.")
    if row.state != DkimState.MADE:
        return
    row.state, row.told_by, row.published_at = DkimState.PUBLISHED, told_by, clock.now()
    session().flush()
    _record("dkim.published", workspace_id, pair_id, row.domain, by)


def switch_on(workspace_id: UUID, pair_id: UUID, *, by: By) -> None:
    """Sign the domain's mails with this pair from now on, within seconds; the pair before it is retired.

    The private keys of a retired pair are forgotten. Its records should stand for a week more, for mails on their way.

    Raises:
        NotFound: not of this workspace.
        Conflict: nobody knows that its records stand, or it is retired.
    """
    row = _held(workspace_id, pair_id)
    if row.state == DkimState.ACTIVE:
        return
    if row.state != DkimState.PUBLISHED:
        raise Conflict(
            "These keys are retired. Make new ones."
            if row.state == DkimState.RETIRED
            else "The records of these keys do not stand yet. Publish them first."
        )
    before = session().execute(
        select(DkimKeys).where(
            DkimKeys.workspace_id == workspace_id,
            DkimKeys.domain == row.domain,
            DkimKeys.state == DkimState.ACTIVE,
        )
    )
    for old in before.scalars():
        old.state, old.retired_at, old.rsa_secret, old.ed_secret = DkimState.RETIRED, clock.now(), None, None
        _record("dkim.retired", workspace_id, old.id, row.domain, by)
    session().flush()
    row.state, row.active_at = DkimState.ACTIVE, clock.now()
    session().flush()
    _record("dkim.on", workspace_id, pair_id, row.domain, by)


def switch_off(workspace_id: UUID, pair_id: UUID, *, by: By) -> None:
    """Sign no more with this pair, within seconds; it can be switched on again. Twice changes nothing.

    Raises:
        NotFound: not of this workspace.
    """
    row = _held(workspace_id, pair_id)
    if row.state != DkimState.ACTIVE:
        return
    row.state = DkimState.PUBLISHED
    session().flush()
    _record("dkim.off", workspace_id, pair_id, row.domain, by)


def remove_keys(workspace_id: UUID, pair_id: UUID, *, by: By) -> None:
    """Forget a pair that does not sign.

    Raises:
        NotFound: not of this workspace.
        Conflict: it signs.
    """
    row = _held(workspace_id, pair_id)
    if row.state == DkimState.ACTIVE:
        raise Conflict("These keys sign your mails. Switch them off first.")
    session().execute(delete(DkimKeys).where(DkimKeys.id == pair_id, DkimKeys.workspace_id == workspace_id))
    _record("dkim.removed", workspace_id, pair_id, row.domain, by)


def _held(workspace_id: UUID, pair_id: UUID) -> DkimKeys:
    """The row, with all pairs of its domain locked: two people who switch at once do so one after the other."""
    domain = queries.get_key_pair(workspace_id, pair_id).domain
    rows = session().execute(
        select(DkimKeys)
        .where(DkimKeys.workspace_id == workspace_id, DkimKeys.domain == domain)
        .order_by(DkimKeys.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for row in rows.scalars():
        if row.id == pair_id:
            return row
    raise NotFound


def _domain(raw: str) -> str:
    try:
        return normalise(f"postmaster@{raw.strip()}").domain
    except AddressError:
        raise BadInput(fields={"domain": "Write the domain of your sender, such as example.org."}) from None


def _locked(key: RSAPrivateKey | Ed25519PrivateKey) -> bytes:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return vault.lock(pem.decode(), vault.SIGNING)


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _record(act: str, workspace_id: UUID, pair_id: UUID, domain: str, by: By) -> None:
    accounts.record(
        act, by=by, workspace_id=workspace_id, of=f"dkim_keys:{pair_id}", detail={"domain": domain}
    )
