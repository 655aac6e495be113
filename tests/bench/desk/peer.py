"""Runs our pure desk in another library: decider, chaining and Avro are ours; the loop and the transactions are theirs.

The peers are spared what our engine does besides: their state lies in memory and is written nowhere, they take no
snapshots, write no headers, and would have to fold their own events again by themselves after a crash.
"""

from __future__ import annotations

import json
import time

from infra.identity.private_file import read_private
from infra.settings.description import current
from schemas import wire
from schemas.hash_chain import digest_of
from streams.desk.observer import REFERENCE_TOPICS, DeskObserver, processor
from streams.engine.partition import Partition
from streams.engine.references import References
from streams.rules.chaining import ChainedEvent
from streams.rules.decider import Received
from streams.rules.orders.decider import Message
from streams.rules.orders.state import DeskState

PRINCIPAL = "admin"
"""The peers choose names of groups, transactions and topics that no access list of ours foresees."""


class Peer:
    """All partitions of the desk."""

    def __init__(self) -> None:
        self.description = current()
        references = References(self.description, PRINCIPAL, REFERENCE_TOPICS)
        observer = DeskObserver(references)
        observer.refresh()
        self._processor = processor(observer)
        self._partitions: dict[int, Partition[DeskState, Message]] = {}

    def credentials(self) -> tuple[str, str]:
        """User name and password."""
        found = json.loads(read_private(self.description.secret(f"kafka-{PRINCIPAL}.json")))
        return found["username"], found["password"]

    def answer(self, number: int, offset: int, key: bytes, value: bytes) -> list[ChainedEvent]:
        """Decides a record of `commands`."""
        record = wire.decode("commands", value)
        received = Received("commands", number, offset, key, value, digest_of(value), record)
        partition = self._partitions.get(number)
        if partition is None:
            partition = self._partitions[number] = Partition(self._processor, number)
        return partition.offer(received, time.time_ns() // 1_000)
