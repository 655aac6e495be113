"""Officers change keys: one proposes and two others agree, at different sites; follows the change to its end.

Straight onto the log, so that a system without its gateway can be given keys, too. What comes of it is waited for: an event
of governance's, after which the key is there, or is used.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeVar

from confluent_kafka import Consumer, Producer, TopicPartition

from commands.client.signing import AuthenticatorFile, signed_for_firm
from infra.chain.node import Node
from infra.chain.world.accounts import WorldAccounts
from infra.chain.world.description import load as load_world
from infra.chain.world.market import Market
from infra.identity.private_file import read_private
from infra.kafka import clients
from infra.local_cluster.deadline import Deadline
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.events.base import FirmEvent
from schemas.events.governance import FirmCommandRejected, ProposalClosed, WalletAssigned
from schemas.events.keys import KeyFailed, KeyGenerated, KeyProposed, KeyRotated
from schemas.firm_commands import ApproveProposal, FirmBody, ProposeKey
from schemas.keys import ActivateKey, GenerateKey, KeyChange, RotateKey
from schemas.topics import COSIGNERS, FIRM_KEY, GOVERNANCE_TOPICS
from schemas.values import Slug
from streams.engine.reading import check
from streams.samples.institution import DESK, FUNDS_USDC, FUNDS_WEI, HOLDING, institution_of

PROPOSER: Final = "selma"
AGREEING: Final = ("rosa", "cora")
"""A risk officer in Zurich and a compliance officer in London."""
THRESHOLD: Final = 3
ANSWER_SECONDS_MAX: Final = 60.0
LOOK_SECONDS: Final = 0.1

E = TypeVar("E", bound=FirmEvent)


class CeremonyFailed(Exception):
    """The ceremony was refused, failed, or did not end in time."""


@dataclass
class Ceremony:
    """The officers of one institution, with one reader of what governance says."""

    description: ClusterDescription
    arrived: dict[type, float] = field(default_factory=dict)
    """When the last event of each kind was read, in seconds of `time.perf_counter`."""

    def shared_wallet(self, key_id: str, wallet_id: str, backend: str = "mpc", sites_min: int = 2) -> WalletAssigned:
        """Make a key of three in five, fund its account, and give it to the treasury desk as a wallet.

        Raises:
            CeremonyFailed: any step of it.
        """
        made = self.change(
            GenerateKey.model_validate(
                {
                    "key_id": key_id,
                    "backend": backend,
                    "threshold": THRESHOLD,
                    "cosigners": list[Slug](COSIGNERS),
                    "sites_min": sites_min,
                }
            ),
            KeyGenerated,
        )
        world = load_world(self.description.world_file)
        accounts = WorldAccounts.from_mnemonic(read_private(self.description.mnemonic_file).decode().strip())
        with Node(self.description.node) as node:
            Market(node, world, accounts).fund(made.address, usdc=FUNDS_USDC, wei=FUNDS_WEI)
        activation = ActivateKey.model_validate(
            {
                "key_id": key_id,
                "key_backend": backend,
                "wallet_id": wallet_id,
                "desk_id": DESK,
                "chain_id": world.chain_id,
                "address": made.address,
                "holding": HOLDING,
            }
        )
        return self.change(activation, WalletAssigned)

    def refresh(self, key_id: str) -> KeyRotated:
        """Make new shares of the same key. Raises CeremonyFailed."""
        return self.change(RotateKey(key_id=key_id), KeyRotated)

    def change(self, change: KeyChange, outcome: type[E]) -> E:
        """Propose a change, agree to it, and wait for what it is to end in. Raises CeremonyFailed."""
        self._send(ProposeKey(change=change, reason="a ceremony"), PROPOSER)
        proposed = self._await(KeyProposed)
        for officer in AGREEING:
            self._send(ApproveProposal(proposal_id=proposed.proposal_id, proposal_hash=proposed.proposal_hash), officer)
        return self._await(outcome)

    @cached_property
    def _producer(self) -> Producer:
        return clients.producer(self.description, "gateway")

    @cached_property
    def _events(self) -> Consumer:
        consumer = clients.consumer(self.description, "client")
        places = [TopicPartition(topic, 0) for topic in GOVERNANCE_TOPICS]
        for place in places:
            place.offset = consumer.get_watermark_offsets(place, timeout=ANSWER_SECONDS_MAX)[1]
        consumer.assign(places)
        return consumer

    def _send(self, body: FirmBody, by: str) -> None:
        assert self._events is not None, "who reads begins before anything is sent"
        command = signed_for_firm(
            AuthenticatorFile(institution_of(self.description).authenticator_file(by)),
            command_id=str(uuid.uuid4()),
            principal=by,
            issued_at=time.time_ns() // 1_000,
            body=body,
        )
        self._producer.produce("firm-commands", wire.encode(command), FIRM_KEY.encode())
        self._producer.flush(ANSWER_SECONDS_MAX)

    def _await(self, kind: type[E]) -> E:
        for event in self._arriving():
            if isinstance(event, kind):
                return event
            if isinstance(event, KeyFailed | FirmCommandRejected) or (
                isinstance(event, ProposalClosed) and event.reason != "enacted"
            ):
                raise CeremonyFailed(f"{type(event).__name__}: {event}")
        raise CeremonyFailed(f"no {kind.__name__} within {ANSWER_SECONDS_MAX:g} s")

    def _arriving(self) -> Iterator[FirmEvent]:
        deadline = Deadline(ANSWER_SECONDS_MAX)
        while not deadline.passed:
            message = self._events.poll(LOOK_SECONDS)
            if message is not None and check(message) is not None:
                event = wire.decode(str(message.topic()), message.value() or b"")
                assert isinstance(event, FirmEvent), "these topics hold what governance says"
                self.arrived[type(event)] = time.perf_counter()
                yield event
