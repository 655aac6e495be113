"""A custodian without keys: it writes a real custodian's reports to the log; governance decides whether to believe them."""

from __future__ import annotations

import time
import uuid
from typing import Any, Final

from coincurve import PrivateKey

from commands.client.signing import signed_for_firm
from commands.log import publishing
from commands.log.publishing import Publisher
from infra.ethereum.recovery import address_of
from infra.kafka import clients
from schemas import wire
from schemas.firm_commands import FirmCommand, ReportKey
from schemas.topics import FIRM_KEY, TOPIC_OF
from tests.commands.conftest import Door
from tests.world.firm.door import CUSTODIAN

WRITTEN_SECONDS_MAX: Final = 10


def new_key() -> dict[str, str]:
    """The address and public half of a key of secp256k1 that nobody has."""
    point = PrivateKey().public_key.format(compressed=False)
    return {"address": address_of(point), "public_key": f"0x{point.hex()}"}


def report(door: Door, ordered_position: int, outcome: str, **said: Any) -> None:
    """Report on an order about a key, as the custodian."""
    body = ReportKey.model_validate({"ordered_position": ordered_position, "outcome": outcome, **said})
    command = signed_for_firm(
        door.firm.custodian(),
        command_id=str(uuid.uuid4()),
        principal=CUSTODIAN,
        issued_at=time.time_ns() // 1_000,
        body=body,
    )
    publisher = Publisher(clients.producer(door.description, CUSTODIAN, publishing.SETTINGS))
    try:
        written = publisher.write(TOPIC_OF[FirmCommand].name, wire.encode(command), FIRM_KEY.encode())
        written.result(WRITTEN_SECONDS_MAX)
    finally:
        publisher.close()
