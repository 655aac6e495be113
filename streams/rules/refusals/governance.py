"""Defines governance's own refusals beside the common ones (`streams.rules.refusals.base`): one tree, stable check names."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.events.base import Refusal
from streams.rules.refusals.base import Refused

# Breakers -------------------------------------------------------------------------------------------------------


class BreakerSubjectUnknown(Refused):
    """A breaker that would stop nothing: somebody would believe that it does."""

    check = "breaker-subject-unknown"
    says = "there is no {scope} {subject} that a breaker could stop"
    remedy = "name a {scope} that governance knows, or * for all of them; the only subject of the firm is *"


class BreakerTrippedAlready(Refused):
    """Only a further step is worth an event; a step back is a reset."""

    check = "breaker-tripped-already"
    says = "the breaker of {scope} {subject} is {present} already"
    remedy = "nothing to stop what is stopped; to let anything pass again, propose to reset it"


class BreakerNotTripped(Refused):
    """There is nothing to reset."""

    check = "breaker-not-tripped"
    says = "the breaker of {scope} {subject} is not tripped"
    remedy = "look at the breakers that are tripped, and name one of them"


# What policy and people must agree to ---------------------------------------------------------------------------


class PolicyRefuses(Refused):
    """The policy in force does not let this person or system do this."""

    check = "policy-refuses"
    says = "policy refuses it: {reasons}"
    remedy = "{remedies}"

    @classmethod
    def of(cls, found: Iterable[Refusal]) -> PolicyRefuses:
        """All that policy refused with, named by rule."""
        each = list(found)
        remedies = dict.fromkeys(refusal.remedy for refusal in each)
        return cls(reasons="; ".join(f"{r.check}: {r.message}" for r in each), remedies="; ".join(remedies))


class NotAtOnce(Refused):
    """Tripping cannot wait for a quorum."""

    check = "not-at-once"
    says = "policy asks for {requires} before {principal} may trip this breaker, and tripping does not wait"
    remedy = "let somebody trip it whom policy permits to do so alone"


class QuorumMissing(Refused):
    """Whatever policy says, nobody changes the firm alone."""

    check = "quorum-missing"
    says = "policy would let {principal} do this without any quorum, and nothing is changed on one person's word"
    remedy = "have the policy ask for a quorum (@requires) for this change"


class QuorumUnmeetable(Refused):
    """A proposal that can only expire."""

    check = "quorum-unmeetable"
    says = "it requires {requires}, which nobody could meet: {excluded} never count, and the rest do not fill it"
    remedy = "let somebody else propose it, or first have more people given the roles that are asked for"


# What is proposed -----------------------------------------------------------------------------------------------


class ProposalUnusable(Refused):
    """In force, it would stop the firm or open it."""

    check = "proposal-unusable"
    says = "what is proposed cannot be put in force: {problems}"
    remedy = "correct what is named, and propose it again"


class NothingChanges(Refused):
    """People would be asked to agree to what is so already."""

    check = "nothing-changes"
    says = "what is proposed is in force already"
    remedy = "propose something else, or nothing"


class ProposalsTooMany(Refused):
    """More than people can look at."""

    check = "proposals-too-many"
    says = "{most} proposals are open already"
    remedy = "have some of them decided, declined or withdrawn first"


# Proposals that are there ---------------------------------------------------------------------------------------


class ProposalUnknown(Refused):
    """Nothing by that id."""

    check = "proposal-unknown"
    says = "there is no open proposal {proposal_id}"
    remedy = "check the proposal's id; it may have closed long ago"


class ProposalEnded(Refused):
    """It is over."""

    check = "proposal-closed"
    says = "proposal {proposal_id} is closed: {reason}"
    remedy = "if it is still wanted, have it proposed again"


class ProposalExpired(Refused):
    """Too late by the proposal's own clock."""

    check = "proposal-expired"
    says = "proposal {proposal_id} expired"
    remedy = "if it is still wanted, have it proposed again"


class ApprovalOfOther(Refused):
    """Agreed to something, but not to this."""

    check = "approval-of-other"
    says = "the approval is of {given}, proposal {proposal_id} has the hash {asked}"
    remedy = "look at the proposal as it stands, and approve that"


class ProposerDecides(Refused):
    """Separation of duties."""

    check = "proposer-decides"
    says = "{principal} made proposal {proposal_id} and has no say in it"
    remedy = "let somebody else decide; its proposer may withdraw it"


class SubjectDecides(Refused):
    """Nobody has a say in their own rights."""

    check = "subject-decides"
    says = "proposal {proposal_id} is about the rights of {principal}, who has no say in it"
    remedy = "let somebody else decide"


class RoleNotAsked(Refused):
    """A word that counts for nothing."""

    check = "role-not-asked"
    says = "proposal {proposal_id} needs {requires}, and {principal} has no such role"
    remedy = "let somebody with that role decide"


class ApprovedAlready(Refused):
    """A quorum is of distinct people."""

    check = "approved-already"
    says = "{principal} has approved proposal {proposal_id} already"
    remedy = "let another person approve"


class NotYourProposal(Refused):
    """Only who proposed may take it back."""

    check = "not-your-proposal"
    says = "proposal {proposal_id} was made by {proposer}, and {principal} may not withdraw it"
    remedy = "let {proposer} withdraw it, or decline it"
