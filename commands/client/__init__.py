"""Sends programs' commands over HTTP (`ProofdeskClient`) or straight to Kafka (`commands.client.kafka.KafkaCommander`)."""

from commands.client.approvals import WantedAgreement, WantedApproval, wanted, wanted_agreement
from commands.client.errors import ApprovalMismatch, CommandRefused, NotDecidedYet, SystemFault
from commands.client.http import ProofdeskClient
from commands.client.shapes import PolicyDraft, ShownLink, ShownOrder, ShownProposal
from commands.client.signing import AuthenticatorFile, Ed25519KeyFile, Signer

__all__ = [
    "ApprovalMismatch",
    "AuthenticatorFile",
    "CommandRefused",
    "Ed25519KeyFile",
    "NotDecidedYet",
    "PolicyDraft",
    "ProofdeskClient",
    "ShownLink",
    "ShownOrder",
    "ShownProposal",
    "Signer",
    "SystemFault",
    "WantedAgreement",
    "WantedApproval",
    "wanted",
    "wanted_agreement",
]
