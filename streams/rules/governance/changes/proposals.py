"""Changes the firm: one person proposes, a quorum of others approves, the change is immediate (architecture, rules 8 and 9).

An approval signs one hash: of the change itself, its proposer and its id. It counts if its approver is a person, is neither
the proposer nor the subject, has not approved before, used their own FIDO2 key, and has a role that policy asks for. Then
policy is evaluated with all approvals that still stand. An agreed change follows in the same decision, if it is still valid.
A proposal ends by a quorum, a decline, its proposer, time, or a change of the rules it was judged by (`outdated`).
"""

from __future__ import annotations

from typing import Literal, assert_never

from schemas.canonical import proposal_digest, proposal_id
from schemas.events.base import FirmEvent
from schemas.events.facts import ApprovalFact
from schemas.events.governance import (
    AccessProposed,
    PolicyProposed,
    ProposalApproved,
    ProposalClosed,
    ResetProposed,
)
from schemas.events.keys import KeyProposed
from schemas.firm_commands import (
    ApproveProposal,
    DeclineProposal,
    FirmCommand,
    ProposeAccess,
    ProposeKey,
    ProposePolicy,
    ProposeReset,
    WithdrawProposal,
)
from schemas.values import MICROS_PER_SECOND, TEXT_CHARACTERS_MAX, Instant
from streams.rules.access.sender import Given, Sender, VerifiedAssertion
from streams.rules.firm.view import Governance
from streams.rules.governance.changes import authority, enactment, review
from streams.rules.governance.changes.breakers import check_tripped
from streams.rules.governance.changes.intake import Accepted
from streams.rules.governance.changes.keys.review import check_key
from streams.rules.governance.changes.state import PROPOSALS_OPEN_MAX, GovernanceState, OpenProposal, Proposed, standing
from streams.rules.refusals import governance as refusals
from streams.rules.refusals.base import PersonNeeded
from streams.rules.versions import Rules

Reason = Literal["enacted", "declined", "withdrawn", "expired", "outdated"]


def propose(state: GovernanceState, accepted: Accepted, body: authority.Change) -> Proposed:
    """Return the proposal, if people could put it in force.

    Raises:
        Refused: the change may not be proposed.
    """
    if len(state.proposals) >= PROPOSALS_OPEN_MAX:
        raise refusals.ProposalsTooMany(most=PROPOSALS_OPEN_MAX)
    proposer, firm = accepted.sender.access.principal, accepted.firm
    subject = body.access.principal if isinstance(body, ProposeAccess) else proposer
    requires = authority.required(accepted, body, {proposer, subject})
    identity = proposal_id(accepted.command)
    common = {
        "proposal_id": identity,
        "proposer": proposer,
        "proposal_hash": proposal_digest(identity, proposer, body).hex(),
        "requires": requires,
        "expires_at": accepted.now + accepted.policy.settings.proposal_ttl_seconds * MICROS_PER_SECOND,
        "command": accepted.command,
    }
    match body:
        case ProposeReset():
            check_tripped(firm, body.scope, body.subject)
            return ResetProposed.model_validate(common | {"scope": body.scope, "subject": body.subject})
        case ProposePolicy():
            policy = enactment.policy_after(firm, body)
            review.check_policy(firm, policy)
            changed = {"version": policy.version, "policy_hash": policy.policy_hash}
            return PolicyProposed.model_validate(common | changed)
        case ProposeAccess():
            review.check_access(firm, body.access)
            return AccessProposed.model_validate(common | {"principal": subject})
        case ProposeKey():
            check_key(firm, body.change)
            return KeyProposed.model_validate(common | {"key_id": body.change.key_id, "operation": body.change.kind})
        case _ as unknown:
            assert_never(unknown)


def approve(state: GovernanceState, accepted: Accepted, body: ApproveProposal) -> tuple[FirmEvent, ...]:
    """Return an approval's events: the approval and, with a quorum, the change itself.

    Raises:
        Refused: the approval does not count.
    """
    found = _open(state, body.proposal_id, accepted.now)
    proposed, sender, firm = found.proposed, accepted.sender, accepted.firm
    if body.proposal_hash != proposed.proposal_hash:
        raise refusals.ApprovalOfOther(proposal_id=body.proposal_id, given=body.proposal_hash, asked=proposed.proposal_hash)
    shown = _check_may_decide(found, sender, firm)
    if any(given.principal == sender.access.principal for given in found.approvals):
        raise refusals.ApprovedAlready(principal=sender.access.principal, proposal_id=body.proposal_id)
    given = [*found.approvals, Given(sender.access.principal, sender.key_id, sender.access.roles)]
    approvals = list(standing(given, firm))
    answer = authority.asked(firm, firm.principals[proposed.proposer], enactment.change_of(proposed), approvals, accepted.now)
    if answer.outcome == "refused":
        raise refusals.PolicyRefuses.of(answer.refusals)
    approved = ProposalApproved(
        proposal_id=body.proposal_id,
        approver=sender.access.principal,
        roles=sender.access.roles,
        counter=shown.counter,
        requires=list(answer.requires),
        command=accepted.command,
    )
    return (approved, *(_agreed(state, found, approvals) if answer.outcome == "allowed" else ()))


def decline(state: GovernanceState, accepted: Accepted, body: DeclineProposal) -> ProposalClosed:
    """Return the end of a proposal that one of its possible approvers declined.

    Raises:
        Refused: the sender may not decline it.
    """
    found = _open(state, body.proposal_id, accepted.now)
    _check_may_decide(found, accepted.sender, accepted.firm)
    who = accepted.sender.access.principal
    return closed(state, found, "declined", f"{who}: {body.reason}", command=accepted.command)


def withdraw(state: GovernanceState, accepted: Accepted, body: WithdrawProposal) -> ProposalClosed:
    """Return the end of a proposal that its proposer withdrew.

    Raises:
        Refused: the proposal is another person's.
    """
    found = _open(state, body.proposal_id, accepted.now)
    who, proposer = accepted.sender.access.principal, found.proposed.proposer
    if who != proposer:
        raise refusals.NotYourProposal(proposal_id=body.proposal_id, principal=who, proposer=proposer)
    return closed(state, found, "withdrawn", f"{who}: {body.reason}" if body.reason else who, command=accepted.command)


def expired(state: GovernanceState, now: Instant) -> tuple[ProposalClosed, ...]:
    """Return the ends of all expired proposals."""
    over = [found for found in state.proposals.values() if found.proposed.expires_at <= now]
    return tuple(closed(state, found, "expired", _expiry(state.firm)) for found in over)


def _expiry(firm: Governance) -> str:
    """Return why a proposal expired, by the rules in force."""
    if firm.policy is None or firm.rules < Rules.EXPIRY_NAMES_REMEDY:
        return "no quorum agreed to it in time"
    ttl_seconds = firm.policy.settings.proposal_ttl_seconds
    return f"no quorum agreed to it within {ttl_seconds} s; propose it again if it is still wanted"


def outdated(state: GovernanceState, *changes: FirmEvent, but: OpenProposal | None = None) -> tuple[ProposalClosed, ...]:
    """Return the ends of all proposals that an enacted change of their rules made outdated."""
    return tuple(
        closed(state, found, "outdated", why)
        for found in state.proposals.values()
        if found is not but and (why := next(filter(None, (enactment.unsettles(each, found.proposed) for each in changes)), ""))
    )


def closed(
    state: GovernanceState, found: OpenProposal, reason: Reason, message: str, *, command: FirmCommand | None = None
) -> ProposalClosed:
    """Return a proposal's end, with the approvals that stood."""
    return ProposalClosed(
        proposal_id=found.proposed.proposal_id,
        reason=reason,
        message=message[:TEXT_CHARACTERS_MAX],
        approvals=list(standing(found.approvals, state.firm)),
        command=command,
    )


def _agreed(state: GovernanceState, found: OpenProposal, approvals: list[ApprovalFact]) -> tuple[FirmEvent, ...]:
    """Return the approved change's events, or the end of a proposal that is no longer valid."""
    proposed = found.proposed
    end = {"proposal_id": proposed.proposal_id, "approvals": approvals}
    try:
        changes = enactment.enacted(state.firm, proposed)
    except (refusals.NothingChanges, refusals.ProposalUnusable) as unusable:
        return (ProposalClosed.model_validate(end | {"reason": "outdated", "message": str(unusable)[:TEXT_CHARACTERS_MAX]}),)
    agreed = f"agreed to by {', '.join(approval.principal for approval in approvals)}"[:TEXT_CHARACTERS_MAX]
    enacted = ProposalClosed.model_validate(end | {"reason": "enacted", "message": agreed})
    return (enacted, *changes, *outdated(state, *changes, but=found))


def _open(state: GovernanceState, identity: str, now: Instant) -> OpenProposal:
    found = state.proposals.get(identity)
    if found is None:
        if identity in state.closed:
            raise refusals.ProposalEnded(proposal_id=identity, reason=state.closed[identity])
        raise refusals.ProposalUnknown(proposal_id=identity)
    if found.proposed.expires_at <= now:
        raise refusals.ProposalExpired(proposal_id=identity)
    return found


def _check_may_decide(found: OpenProposal, sender: Sender, firm: Governance) -> VerifiedAssertion:
    """Return the assertion of a possible approver who is neither the proposer nor the subject."""
    principal, proposed = sender.access.principal, found.proposed
    if sender.shown is None or sender.access.kind != "person":
        raise PersonNeeded(principal=principal)
    if principal == proposed.proposer:
        raise refusals.ProposerDecides(principal=principal, proposal_id=proposed.proposal_id)
    if principal in found.excluded:
        raise refusals.SubjectDecides(principal=principal, proposal_id=proposed.proposal_id)
    if not authority.may_count(firm, enactment.change_of(proposed), proposed.requires, sender.access):
        requires = ", ".join(proposed.requires)
        raise refusals.RoleNotAsked(principal=principal, proposal_id=proposed.proposal_id, requires=requires)
    return sender.shown
