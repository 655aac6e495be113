"""How programs send commands: over HTTP (`ProofdeskClient`) or straight onto Kafka (`commands.client.kafka.KafkaCommander`)."""

from commands.client.approvals import WantedApproval, wanted
from commands.client.errors import ApprovalMismatch, CommandRefused, NotDecidedYet, SystemFault
from commands.client.http import ProofdeskClient
from commands.client.shapes import ShownLink, ShownOrder
from commands.client.signing import AuthenticatorFile, Ed25519KeyFile, Signer

__all__ = [
    "ApprovalMismatch",
    "AuthenticatorFile",
    "CommandRefused",
    "Ed25519KeyFile",
    "NotDecidedYet",
    "ProofdeskClient",
    "ShownLink",
    "ShownOrder",
    "Signer",
    "SystemFault",
    "WantedApproval",
    "wanted",
]
