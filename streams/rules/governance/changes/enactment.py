"""Enacts a proposal that a quorum approved, and finds the other proposals that it invalidates.

The change is read from the proposer's own command, so nothing comes from another source. It is checked again before it is
put in force, because the firm may have changed since the proposal.
"""

from __future__ import annotations

from typing import assert_never

from schemas.canonical import policy_hash
from schemas.events.base import FirmEvent
from schemas.events.governance import (
    AccessChanged,
    AccessProposed,
    BreakerReset,
    BreakerTripped,
    PolicyActivated,
    ProposalId,
    ResetProposed,
    WalletAssigned,
)
from schemas.events.keys import CosignerEnrolled, KeyOrdered, KeyProposed, KeyResumed, KeySuspended
from schemas.firm_commands import ProposeAccess, ProposeKey, ProposePolicy, ProposeReset
from schemas.keys import ActivateKey, RecoverShare, ResumeKey, SuspendKey
from streams.rules.firm.view import Governance
from streams.rules.governance.changes import review
from streams.rules.governance.changes.authority import Change
from streams.rules.governance.changes.keys.review import check_key
from streams.rules.governance.changes.state import Proposed

_UNHASHED = "0" * 64


def change_of(proposed: Proposed) -> Change:
    """Return the proposed change, as its proposer signed it."""
    body = proposed.command.body
    assert isinstance(body, (ProposeReset, ProposePolicy, ProposeAccess, ProposeKey))  # noqa: S101 - narrows: no other command proposes
    return body


def policy_after(firm: Governance, body: ProposePolicy) -> PolicyActivated:
    """Return the policy as it would be in force after the present one, before it is chained."""
    present = 0 if firm.policy is None else firm.policy.version
    unhashed = PolicyActivated(
        version=present + 1,
        cedar=body.cedar,
        cedar_schema=body.cedar_schema,
        limits=body.limits,
        settings=body.settings,
        policy_hash=_UNHASHED,
    )
    return unhashed.model_copy(update={"policy_hash": policy_hash(unhashed)})


def enacted(firm: Governance, proposed: Proposed) -> tuple[FirmEvent, ...]:
    """Return the events, before they are chained, that put the change in force, or order it.

    Raises:
        NothingChanges, ProposalUnusable: the change can no longer be put in force.
    """
    body, identity = change_of(proposed), proposed.proposal_id
    match body:
        case ProposePolicy():
            policy = policy_after(firm, body)
            review.check_policy(firm, policy)
            return (policy.model_copy(update={"proposal_id": identity}),)
        case ProposeAccess():
            review.check_access(firm, body.access)
            return (AccessChanged.model_validate(dict(body.access) | {"proposal_id": identity}),)
        case ProposeReset():
            return (BreakerReset(scope=body.scope, subject=body.subject, reason=body.reason, proposal_id=identity),)
        case ProposeKey():
            check_key(firm, body.change)
            return _of_key(firm, body, identity)
        case _ as unknown:
            assert_never(unknown)


def _of_key(firm: Governance, body: ProposeKey, identity: ProposalId) -> tuple[FirmEvent, ...]:
    """Return governance's own events about a key, or its order to the key's holders."""
    change, reason = body.change, body.reason
    match change:
        case ActivateKey():
            wallet = {name: said for name, said in change if name != "kind"}
            return (WalletAssigned.model_validate(wallet | {"proposal_id": identity}),)
        case SuspendKey():
            return (KeySuspended(key_id=change.key_id, reason=reason, proposal_id=identity),)
        case ResumeKey():
            return (KeyResumed(key_id=change.key_id, reason=reason, proposal_id=identity),)
        case _:
            ordered = KeyOrdered(key_id=change.key_id, change=change, proposal_id=identity)
    present = firm.cosigners.get(change.cosigner.cosigner) if isinstance(change, RecoverShare) else None
    if isinstance(change, RecoverShare) and (present is None or present.cosigner != change.cosigner):
        return (CosignerEnrolled(cosigner=change.cosigner, proposal_id=identity), ordered)
    return (ordered,)


def unsettles(change: FirmEvent, proposed: Proposed) -> str:
    """Return the reason that a proposal can no longer be approved after `change`, in words; empty if it can."""
    match change:
        case PolicyActivated():
            return f"policy {change.version} was put in force, and it was judged by an earlier one"
        case AccessChanged() if change.status == "revoked" and change.principal == proposed.proposer:
            return f"the access of {change.principal}, who proposed it, was revoked"
        case AccessChanged() if isinstance(proposed, AccessProposed) and proposed.principal == change.principal:
            return f"the rights of {change.principal} were changed since"
        case BreakerReset() | BreakerTripped() if isinstance(proposed, ResetProposed):
            same = (proposed.scope, proposed.subject) == (change.scope, change.subject)
            done = "reset" if isinstance(change, BreakerReset) else "tripped further"
            return f"the breaker of {change.scope} {change.subject} was {done} since" if same else ""
        case KeyOrdered() | KeySuspended() | KeyResumed() if isinstance(proposed, KeyProposed):
            return f"something else was done about key {change.key_id} since" if proposed.key_id == change.key_id else ""
        case _:
            return ""
