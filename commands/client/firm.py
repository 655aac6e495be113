"""Commands to governance, and what it has said.

Each command raises CommandRefused, SystemFault, or ValidationError for what cannot even be said.
"""

from __future__ import annotations

from commands.answers import FirmAnswer
from commands.client.approvals import WantedAgreement
from commands.client.connection import Connection
from commands.client.shapes import PolicyDraft, ShownProposal
from schemas.firm import Access, BreakerScope, BreakerState, Subject
from schemas.firm_commands import (
    ApproveProposal,
    DeclineProposal,
    FirmBody,
    FirmCommand,
    ProposeAccess,
    ProposeKey,
    ProposePolicy,
    ProposeReset,
    TripBreaker,
    WithdrawProposal,
)
from schemas.keys import KeyChange
from schemas.values import Uuid


class FirmCommands(Connection):
    """Sends commands to governance."""

    def trip(self, scope: BreakerScope, subject: Subject, state: BreakerState, reason: str) -> FirmAnswer:
        """Stop something at once."""
        return self._of_firm(TripBreaker(scope=scope, subject=subject, state=state, reason=reason))

    def propose_reset(self, scope: BreakerScope, subject: Subject, reason: str) -> FirmAnswer:
        """Propose to reset a breaker."""
        return self._of_firm(ProposeReset(scope=scope, subject=subject, reason=reason))

    def propose_policy(self, draft: PolicyDraft, reason: str) -> FirmAnswer:
        """Propose policies, limits and settings, whole."""
        return self._of_firm(
            ProposePolicy(
                cedar=draft.cedar,
                cedar_schema=draft.cedar_schema,
                limits=draft.limits,
                settings=draft.settings,
                reason=reason,
            )
        )

    def propose_access(self, access: Access, reason: str) -> FirmAnswer:
        """Propose the rights of a person or a system, whole."""
        return self._of_firm(ProposeAccess(access=access, reason=reason))

    def propose_key(self, change: KeyChange, reason: str) -> FirmAnswer:
        """Propose to make, use, change or destroy a key."""
        return self._of_firm(ProposeKey(change=change, reason=reason))

    def approve_proposal(self, agreement: WantedAgreement) -> FirmAnswer:
        """Agree to exactly that, with this principal's key. See `commands.client.approvals.wanted_agreement`."""
        return self._of_firm(ApproveProposal(proposal_id=agreement.proposal_id, proposal_hash=agreement.proposal_hash))

    def decline_proposal(self, proposal_id: Uuid, reason: str) -> FirmAnswer:
        """Say no to a proposal; it is closed."""
        return self._of_firm(DeclineProposal(proposal_id=proposal_id, reason=reason))

    def withdraw_proposal(self, proposal_id: Uuid, reason: str = "") -> FirmAnswer:
        """Take one's own proposal back."""
        return self._of_firm(WithdrawProposal(proposal_id=proposal_id, reason=reason))

    def send_to_firm(self, command: FirmCommand) -> FirmAnswer:
        """Send a signed command; resend it while a service is unreachable or no decision has come."""
        return FirmAnswer.model_validate_json(self._sent(command))

    # Reading -----------------------------------------------------------------------------------------------------------

    def proposal(self, proposal_id: Uuid) -> ShownProposal:
        """A proposal as it is. Raises CommandRefused when it is not known (yet), SystemFault."""
        return ShownProposal.model_validate(self.read(f"/v1/proposals/{proposal_id}"))

    def policy_in_force(self) -> PolicyDraft:
        """The policy, limits and settings in force, as a draft of the next. Raises CommandRefused, SystemFault."""
        return PolicyDraft.model_validate(self.read("/v1/policies/active"))

    def _of_firm(self, body: FirmBody) -> FirmAnswer:
        return self.send_to_firm(self.firm_command(body))
