"""Defines governance's own refusals beside the common ones (`streams.rules.refusals.base`): one tree, stable check names."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.events.base import Refusal
from streams.rules.refusals.base import Refused

# Breakers -------------------------------------------------------------------------------------------------------


class BreakerSubjectUnknown(Refused):
    """The breaker would stop nothing, so people must not rely on it."""

    check = "breaker-subject-unknown"
    says = "there is no {scope} {subject} that a breaker could stop"
    remedy = "name a {scope} that governance knows, or * for all of them; the only subject of the firm is *"


class BreakerTrippedAlready(Refused):
    """The breaker is tripped as far already; going back is a reset."""

    check = "breaker-tripped-already"
    says = "the breaker of {scope} {subject} is {present} already"
    remedy = "nothing needs to be done to stop it; to let anything pass again, propose to reset it"


class BreakerNotTripped(Refused):
    """The breaker to be reset is not tripped."""

    check = "breaker-not-tripped"
    says = "the breaker of {scope} {subject} is not tripped"
    remedy = "list the tripped breakers (`proofdesk breaker list`), and name one of them"


# What policy and people must agree to ---------------------------------------------------------------------------


class PolicyRefuses(Refused):
    """The policy in force does not let this person or system do this."""

    check = "policy-refuses"
    says = "policy refuses it: {reasons}"
    remedy = "{remedies}"

    @classmethod
    def of(cls, found: Iterable[Refusal]) -> PolicyRefuses:
        """Return one refusal with all of policy's refusals, named by rule."""
        each = list(found)
        remedies = dict.fromkeys(refusal.remedy for refusal in each)
        return cls(reasons="; ".join(f"{r.check}: {r.message}" for r in each), remedies="; ".join(remedies))


class NotAtOnce(Refused):
    """Policy asks for a quorum, but tripping a breaker never waits."""

    check = "not-at-once"
    says = "policy asks for {requires} before {principal} may trip this breaker, and tripping does not wait"
    remedy = "have a person or system trip it whom policy lets do so alone"


class QuorumMissing(Refused):
    """Policy asks for no quorum, but no person changes the firm alone."""

    check = "quorum-missing"
    says = "policy would let {principal} make this change alone, and every change needs a quorum"
    remedy = "propose a policy that asks for a quorum (@requires) for this change"


class QuorumUnmeetable(Refused):
    """The quorum that policy asks for cannot be met, so the proposal could only expire."""

    check = "quorum-unmeetable"
    says = "it requires {requires}: {excluded} never count, and too few other people have these roles"
    remedy = "have another person propose it, or first have the roles granted to more people"


# What is proposed -----------------------------------------------------------------------------------------------


class ProposalUnusable(Refused):
    """The change, once in force, would stop the firm or open it."""

    check = "proposal-unusable"
    says = "the change cannot be put in force: {problems}"
    remedy = "correct each of these, and propose it again"


class NothingChanges(Refused):
    """The change is in force already, so a quorum would approve nothing."""

    check = "nothing-changes"
    says = "the change is in force already"
    remedy = "nothing needs to be done; to change anything, propose other values"


class ProposalsTooMany(Refused):
    """More proposals are open than people can review."""

    check = "proposals-too-many"
    says = "{most} proposals are open already"
    remedy = "have some of them approved, declined or withdrawn first"


# Proposals that are there ---------------------------------------------------------------------------------------


class ProposalUnknown(Refused):
    """No open or recent proposal has this id."""

    check = "proposal-unknown"
    says = "there is no open proposal {proposal_id}"
    remedy = "check the proposal's id; it may have closed long ago"


class ProposalEnded(Refused):
    """The proposal has closed."""

    check = "proposal-closed"
    says = "proposal {proposal_id} is closed: {reason}"
    remedy = "if it is still wanted, have it proposed again"


class ProposalExpired(Refused):
    """The decision came after the proposal's time limit."""

    check = "proposal-expired"
    says = "proposal {proposal_id} expired"
    remedy = "if it is still wanted, have it proposed again"


class ApprovalOfOther(Refused):
    """The approval names the hash of something else."""

    check = "approval-of-other"
    says = "the approval names the hash {given}, and proposal {proposal_id} has {asked}"
    remedy = "read the proposal as it is now, then approve it again"


class ProposerDecides(Refused):
    """The proposer cannot decide their own proposal (separation of duties)."""

    check = "proposer-decides"
    says = "{principal} made proposal {proposal_id} and may not decide it"
    remedy = "have another person decide; its proposer may withdraw it"


class SubjectDecides(Refused):
    """The proposal is about the person's own rights, which they cannot decide."""

    check = "subject-decides"
    says = "proposal {proposal_id} is about the rights of {principal}, who may not decide it"
    remedy = "have another person decide"


class RoleNotAsked(Refused):
    """The person has no role that counts in this proposal's quorum."""

    check = "role-not-asked"
    says = "proposal {proposal_id} needs {requires}, and {principal} has no such role"
    remedy = "have a person with that role decide"


class ApprovedAlready(Refused):
    """The person approved the proposal before; a quorum counts distinct people."""

    check = "approved-already"
    says = "{principal} has approved proposal {proposal_id} already"
    remedy = "have another person approve"


class NotYourProposal(Refused):
    """The sender is not the proposer, who alone can withdraw a proposal."""

    check = "not-your-proposal"
    says = "proposal {proposal_id} was made by {proposer}, and {principal} may not withdraw it"
    remedy = "ask {proposer} to withdraw it, or decline it"
