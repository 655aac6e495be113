"""`python -m infra.kafka.rejoin NODE FOLDER COMMAND…`: start a broker; one that died waits first until the others replaced it.

A broker that comes back before the others have noticed that it died still finds itself the leader of what it led, and acts on
the end of its own log, of which the others need not have everything. As coordinator of a transaction whose commit only it had
written down, it tells partitions to commit; then its successor, who never heard of that, tells the rest to abort. Seen on
Kafka 4.3.0: one transaction, half committed and half aborted, for ever (docs/adr/0011). So it stays away until the others say
that it is gone and leads nothing.

Leaves out all of them dying at once: then nobody has replaced anybody, and it starts once nobody has answered for a while.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from infra.cluster.description import current
from infra.kafka import clients

NOBODY_ANSWERS_SECONDS_MAX: Final = 8.0
REPLACED_SECONDS_MAX: Final = 60.0
"""Longer than any election; a quorum that is not there for as long needs this broker."""
REQUEST_SECONDS_MAX: Final = 1.0
POLL_SECONDS: Final = 0.1


def main() -> None:
    """Wait if need be, then become the broker."""
    number, folder, command = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    if has_died(folder / "log"):
        await_replaced(number, clients.admin(current(), "admin"))
    os.execv(command[0], command)  # noqa: S606 - the broker's own command line


def has_died(log: Path) -> bool:
    """Whether a broker that ran on this storage did not end by itself: then Kafka's own mark of that is missing."""
    return (log / "__cluster_metadata-0").exists() and not (log / ".kafka_cleanshutdown").exists()


def await_replaced(number: int, admin: AdminClient) -> None:
    """Return once the others know broker `number` as gone and leaderless, or nobody answers, or it has been long enough."""
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
    """Whether the others take no broker of this number for alive, and nothing for led by it."""
    leaders = {partition.leader for topic in metadata.topics.values() for partition in topic.partitions.values()}
    return number not in metadata.brokers and number not in leaders


if __name__ == "__main__":
    main()
