"""A command as it goes onto the log, with the hashes by which its answers are told from those of others."""

from __future__ import annotations

from dataclasses import dataclass

from commands.signed_content import content_digest
from schemas import canonical, wire
from schemas.commands import Command, InitiateOrder, TryOrder
from schemas.events.base import Event
from schemas.firm_commands import ApproveProposal, DeclineProposal, FirmCommand, ReportKey, TripBreaker, WithdrawProposal
from schemas.hash_chain import digest_of
from schemas.topics import FIRM_KEY, TOPIC_OF
from schemas.values import OrderId, Sha256, Uuid


@dataclass(frozen=True, slots=True)
class SentCommand:
    """A command to a desk."""

    command: Command
    value: bytes
    content: Sha256
    """Hex of the digest that the sender signed."""
    record_hash: Sha256
    """SHA-256 of `value`; a rejection names it."""

    topic = TOPIC_OF[Command].name

    @property
    def key(self) -> bytes:
        """Under which it stands on its topic."""
        return self.command.desk_id.encode()

    @property
    def order_id(self) -> OrderId:
        """The order that it is about, or that it would initiate."""
        body = self.command.body
        if isinstance(body, InitiateOrder | TryOrder):
            return canonical.order_id(self.command.desk_id, bytes.fromhex(self.content))
        return body.order_id

    def is_about(self, command: Command | FirmCommand) -> bool:
        """Return True if `command` has the same content."""
        return isinstance(command, Command) and content_digest(command).hex() == self.content

    def is_held_by(self, event: Event) -> bool:
        """Return True if `event` holds this command."""
        command = getattr(event, "command", None)
        return isinstance(command, Command) and self.is_about(command)


@dataclass(frozen=True, slots=True)
class SentFirmCommand:
    """A command to governance."""

    command: FirmCommand
    value: bytes
    content: Sha256
    """Hex of the digest that the sender signed."""
    record_hash: Sha256
    """SHA-256 of `value`; a rejection names it."""

    topic = TOPIC_OF[FirmCommand].name
    key = FIRM_KEY.encode()

    @property
    def proposal_id(self) -> Uuid | None:
        """The proposal that it is about, or that it would make; None: it makes none."""
        match self.command.body:
            case TripBreaker() | ReportKey():
                return None
            case ApproveProposal() | DeclineProposal() | WithdrawProposal() as about:
                return about.proposal_id
        return canonical.proposal_id(self.command)

    def is_about(self, command: Command | FirmCommand) -> bool:
        """Return True if `command` has the same content."""
        return isinstance(command, FirmCommand) and content_digest(command).hex() == self.content

    def is_held_by(self, event: Event) -> bool:
        """Return True if `event` holds this command."""
        command = getattr(event, "command", None)
        return isinstance(command, FirmCommand) and self.is_about(command)


Question = SentCommand | SentFirmCommand


def sent_command(command: Command) -> SentCommand:
    """Return `command` with its bytes and hashes."""
    value = wire.encode(command)
    return SentCommand(command, value, content_digest(command).hex(), digest_of(value))


def asked_of_firm(command: FirmCommand) -> SentFirmCommand:
    """Return a command to governance with its bytes and hashes."""
    value = wire.encode(command)
    return SentFirmCommand(command, value, content_digest(command).hex(), digest_of(value))
