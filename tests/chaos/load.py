"""Load while faults strike: signed commands at a steady rate, a few of them twice, and prices that move."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.identity import keyfile
from infra.kafka import clients
from infra.proofs import base64url, ed25519
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.canonical import command_digest
from schemas.commands import Command, Ed25519Signature, InitiateOrder
from schemas.events.observations import PriceObserved
from schemas.orders import Transfer
from tests.chaos.firm import DESKS, PAYEE, PEGGED, PRICED, SYSTEM, key_file

COMMANDS_A_SECOND: Final = 50
CATCH_UP_COMMANDS_MAX: Final = 50
DUPLICATE_RATE: Final = 0.05
PRICED_RATE: Final = 0.2
AMOUNT_USD_MAX: Final = 200
PRICE_USD: Final = Decimal(3_000)
PRICE_SECONDS: Final = 1.0
DELIVERY_SECONDS_MAX: Final = 120


@dataclass(slots=True)
class _Clients:
    commands: Producer
    prices: Producer


@dataclass
class Load:
    """Commands of upstream systems and prices of sources. `sent` holds every command's id with the moment it was first sent."""

    description: ClusterDescription
    random: Random
    begun: float = field(default_factory=time.monotonic)
    sent: dict[str, float] = field(default_factory=dict)
    written: int = 0
    """Of what was sent, repetitions counted: how much is on the log."""
    _price_due: float = 0.0

    @cached_property
    def _clients(self) -> _Clients:
        return _Clients(clients.producer(self.description, "system"), clients.producer(self.description, "prices"))

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        return keyfile.load(key_file(self.description.runtime))

    def tend(self) -> None:
        """Send what is due by now, whatever else took time."""
        now = time.monotonic()
        if now >= self._price_due:
            self._price_due = now + PRICE_SECONDS
            self._observe_price()
        due = int((now - self.begun) * COMMANDS_A_SECOND) - len(self.sent)
        for _ in range(max(0, min(due, CATCH_UP_COMMANDS_MAX))):
            command = self._command()
            self._put(command)
            if self.random.random() < DUPLICATE_RATE:
                self._put(command)
        self._clients.commands.poll(0)
        self._clients.prices.poll(0)

    def finish(self) -> None:
        """Wait until the log has all that was sent. Raises TimeoutError."""
        left = self._clients.commands.flush(DELIVERY_SECONDS_MAX) + self._clients.prices.flush(DELIVERY_SECONDS_MAX)
        if left:
            raise TimeoutError(f"{left} records could not be written within {DELIVERY_SECONDS_MAX} s")

    def unanswered(self, answered: Mapping[str, object]) -> bool:
        """True while a command waits for its answer."""
        return not self.sent.keys() <= answered.keys()

    def _put(self, command: Command) -> None:
        self.sent.setdefault(command.command_id, time.monotonic())
        value, key = wire.encode(command), command.desk_id.encode()
        self._clients.commands.produce("commands", value, key, on_delivery=self._delivered)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            raise KafkaException(error)
        self.written += 1

    def _command(self) -> Command:
        """A signed transfer on any desk, of a size that reaches the desk's limit in time."""
        desk, usd = self.random.choice(DESKS), self.random.randrange(1, AMOUNT_USD_MAX)
        priced = self.random.random() < PRICED_RATE
        amount = (Decimal(usd) / PRICE_USD).quantize(Decimal("0.000001")) if priced else Decimal(usd)
        unsigned = Command(
            command_id=str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
            desk_id=desk,
            principal=SYSTEM,
            issued_at=time.time_ns() // 1_000,
            body=InitiateOrder(
                wallet_id=f"wallet-{desk}",
                action=Transfer(asset_id=PRICED if priced else PEGGED, amount=amount, destination=PAYEE),
            ),
            authorization=Ed25519Signature(key_id=SYSTEM, signature=""),
        )
        signature = base64url.encode(ed25519.sign(self._key, command_digest(unsigned)))
        return unsigned.model_copy(update={"authorization": Ed25519Signature(key_id=SYSTEM, signature=signature)})

    def _observe_price(self) -> None:
        moved = PRICE_USD * Decimal(self.random.randrange(9_900, 10_100)) / 10_000
        observed = PriceObserved(
            asset_id=PRICED,
            usd=moved,
            source="chaos",
            observed_at=time.time_ns() // 1_000,
            block_number=0,
            block_hash=f"0x{'0' * 64}",
        )
        self._clients.prices.produce("price-observed", wire.encode(observed), PRICED.encode())
