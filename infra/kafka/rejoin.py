"""`python -m infra.kafka.rejoin NODE FOLDER COMMAND…`: starts a broker; one that died first waits until others replaced it.

A broker that returns before the others noticed its death still leads its partitions and acts on the end of its own log,
which the others may lack. As coordinator of a transaction whose commit only it has written, it tells partitions to commit;
its successor, which lacks that record, tells the rest to abort. Seen on Kafka 4.3.0: one transaction, half committed and
half aborted, for ever (docs/adr/0011). So the broker waits until the others report it gone and leading nothing.

Leaves out the death of all brokers at once: then a broker starts when no other has answered for a while.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from infra.kafka import clients
from infra.settings.description import current

NOBODY_ANSWERS_SECONDS_MAX: Final = 8.0
REPLACED_SECONDS_MAX: Final = 60.0
"""Longer than any election; a quorum that is absent for as long needs this broker."""
REQUEST_SECONDS_MAX: Final = 1.0
POLL_SECONDS: Final = 0.1


def main() -> None:
    """Wait if the broker died before, then become the broker."""
    number, folder, command = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    if has_died(folder / "log"):
        await_replaced(number, clients.admin(current(), "admin"))
    os.execv(command[0], command)  # noqa: S606 - the broker's own command line


def has_died(log: Path) -> bool:
    """Return True if the last broker on this storage did not stop cleanly: Kafka's mark of a clean stop is missing."""
    return (log / "__cluster_metadata-0").exists() and not (log / ".kafka_cleanshutdown").exists()


def await_replaced(number: int, admin: AdminClient) -> None:
    """Return once the others report broker `number` gone and leading nothing, none of them answers, or the time is over."""
    begun = heard = time.monotonic()
    while time.monotonic() < min(begun + REPLACED_SECONDS_MAX, heard + NOBODY_ANSWERS_SECONDS_MAX):
        try:
            metadata = admin.list_topics(timeout=REQUEST_SECONDS_MAX)
        except KafkaException:
            time.sleep(POLL_SECONDS)
            continue
        if is_replaced(number, metadata):
            return
        heard = time.monotonic()
        time.sleep(POLL_SECONDS)


def is_replaced(number: int, metadata: ClusterMetadata) -> bool:
    """Return True if the others list no live broker of this number and no partition that it leads."""
    leaders = {partition.leader for topic in metadata.topics.values() for partition in topic.partitions.values()}
    return number not in metadata.brokers and number not in leaders


if __name__ == "__main__":
    main()
