"""What a cluster says about itself: where everything is, which processes run, how far they are behind.

The JSON form's names are fixed: scripts rely on them. It holds the passwords of the read-only principal and role, which is
what it is for; it is printed on request and never logged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from rich.console import Console
from rich.table import Table

from infra.cluster.description import ClusterDescription
from infra.cluster.local import Cluster
from infra.cluster.processes import PROCESSES
from infra.cluster.runtime import Runtime
from infra.cluster.supervision import Running
from infra.kafka import clients

REQUEST_SECONDS_MAX: Final = 5
CLIENT: Final = "client"
READER: Final = "reader"


def facts(description: ClusterDescription, running: Iterable[Running]) -> dict[str, Any]:
    """The whole report as JSON values; `lag` of a process is None when Kafka could not be asked. Raises OSError."""
    programs = list(running)
    up = {each.name for each in programs if each.state == "running"}
    behind = lags(description) if "kafka" in up else {}
    principals = {name: process.principal for process in PROCESSES for name in process.instances}
    return {
        "http": description.http,
        "registry": description.registry,
        "node": description.node,
        "postgres": _reader_url(description),
        "kafka": {"bootstrap": description.kafka_bootstrap, "client": clients.settings(description, CLIENT)},
        "runtime": str(description.runtime),
        "processes": [
            {
                "name": each.name,
                "state": each.state,
                "pid": each.pid or None,
                "seconds": each.seconds,
                "lag": behind.get(principals.get(each.name, "")),
            }
            for each in programs
        ],
    }


def lags(description: ClusterDescription) -> dict[str, int]:
    """Records of its inputs that each consuming principal has still to commit, by principal."""
    admin = clients.admin(description, "admin")
    found = {}
    for principal in {process.principal for process in PROCESSES}:
        try:
            lag = _lag(admin, f"proofdesk-{principal}")
        except KafkaException:
            continue
        if lag is not None:
            found[principal] = lag
    return found


def show(report: dict[str, Any], console: Console) -> None:
    """Print the report for people; passwords are left out."""
    console.print(f"[bold]{report['http']}[/bold]  gateway and dashboards")
    for name in ("registry", "node"):
        console.print(f"{report[name]}  {name}")
    console.print(f"{report['kafka']['bootstrap']}  kafka")
    console.print(f"{report['runtime']}  runtime folder: logs, secrets")
    table = Table("process", "state", "pid", "up, s", "behind")
    for each in report["processes"]:
        lag = "" if each["lag"] is None else str(each["lag"])
        table.add_row(each["name"], each["state"], str(each["pid"] or ""), str(each["seconds"]), lag)
    console.print(table)


def of(cluster: Cluster, runtime: Runtime) -> dict[str, Any]:
    """The report of a cluster that has been started at least once; its processes are empty when it is down."""
    runtime.prepare()
    return facts(cluster.description, cluster.running())


def _lag(admin: AdminClient, group: str) -> int | None:
    """Sum over the group's committed partitions; None when it has committed nothing."""
    (future,) = admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group)], request_timeout=REQUEST_SECONDS_MAX
    ).values()
    committed = future.result(REQUEST_SECONDS_MAX).topic_partitions or []
    if not committed:
        return None
    places = {TopicPartition(each.topic, each.partition): each.offset for each in committed}
    asked = admin.list_offsets({place: OffsetSpec.latest() for place in places}, request_timeout=REQUEST_SECONDS_MAX)
    ends = {place: each.result(REQUEST_SECONDS_MAX).offset for place, each in asked.items()}
    return sum(max(ends[place] - max(offset, 0), 0) for place, offset in places.items())


def _reader_url(description: ClusterDescription) -> str:
    password = Runtime(description.runtime).password(f"postgres-{READER}.json")
    host = description.postgres.removeprefix("postgresql://")
    return f"postgresql://{READER}:{password}@{host}"
