"""Small payments while signers die: from a wallet in the enclave's token and from one in shares, in turn, at a steady rate."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from commands.client.signing import Ed25519KeyFile, signed
from infra.kafka import clients
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.canonical import command_digest, order_id
from schemas.commands import InitiateOrder
from schemas.orders import Transfer
from schemas.values import OrderId, WalletId
from streams.samples.institution import DESK, PAYEE, SYSTEM, SYSTEM_KEY, institution_of

ORDERS_A_SECOND: Final = 1.0
"""Little: recovery is to be that of the signers, not of a queue before them."""
DUPLICATE_RATE: Final = 0.05
AMOUNT_USD_MAX: Final = 50
DELIVERY_SECONDS_MAX: Final = 120


@dataclass(frozen=True, slots=True)
class SentOrder:
    """One order."""

    command_id: str
    wallet_id: WalletId
    at: float


@dataclass
class Load:
    """Orders of the treasury's system. `sent` holds each order by its id."""

    description: ClusterDescription
    wallets: Sequence[WalletId]
    random: Random
    begun: float = field(default_factory=time.monotonic)
    sent: dict[OrderId, SentOrder] = field(default_factory=dict)

    @cached_property
    def _producer(self) -> Producer:
        return clients.producer(self.description, "system")

    @cached_property
    def _key(self) -> Ed25519KeyFile:
        return Ed25519KeyFile(institution_of(self.description).system_key_file, SYSTEM_KEY)

    def tend(self) -> None:
        """Send what is due by now."""
        while len(self.sent) < int((time.monotonic() - self.begun) * ORDERS_A_SECOND):
            self._pay(self.wallets[len(self.sent) % len(self.wallets)])
        self._producer.poll(0)

    def finish(self) -> None:
        """Wait until the log has all that was sent. Raises TimeoutError."""
        if self._producer.flush(DELIVERY_SECONDS_MAX):
            raise TimeoutError(f"the broker did not take all commands within {DELIVERY_SECONDS_MAX} s")

    def _pay(self, wallet_id: WalletId) -> None:
        amount = Decimal(self.random.randrange(1, AMOUNT_USD_MAX * 100)) / 100
        command = signed(
            self._key,
            command_id=str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
            desk_id=DESK,
            principal=SYSTEM,
            issued_at=time.time_ns() // 1_000,
            body=InitiateOrder(wallet_id=wallet_id, action=Transfer(asset_id="USDC", amount=amount, destination=PAYEE)),
        )
        self.sent[order_id(DESK, command_digest(command))] = SentOrder(command.command_id, wallet_id, time.monotonic())
        for _ in range(2 if self.random.random() < DUPLICATE_RATE else 1):
            self._producer.produce("commands", wire.encode(command), DESK.encode(), on_delivery=_delivered)


def _delivered(error: KafkaError | None, _: Message) -> None:
    if error is not None:
        raise KafkaException(error)
