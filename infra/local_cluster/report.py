"""Reports a cluster's addresses, its running processes and their lag.

The JSON form's names are fixed: scripts rely on them. It holds the passwords of the read-only principal and role, so that
scripts can connect; it is printed on request and never logged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.kafka import clients
from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import PROCESSES
from infra.local_cluster.runtime import Runtime, is_broker
from infra.local_cluster.supervision import Running
from infra.settings.description import ClusterDescription
from schemas.topics import TOPICS

REQUEST_SECONDS_MAX: Final = 5
CLIENT: Final = "client"
READER: Final = "reader"


def facts(description: ClusterDescription, running: Iterable[Running]) -> dict[str, Any]:
    """Return the whole report as JSON values. Raises OSError.

    `lag` of a process is None when Kafka does not answer; `why` is the reason that it is not restarted, None when it is.
    """
    programs = list(running)
    up = {each.name for each in programs if each.state == "running"}
    behind = lags(description) if any(map(is_broker, up)) else {}
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
                "why": each.why or None,
            }
            for each in programs
        ],
    }


def lags(description: ClusterDescription) -> dict[str, int]:
    """Return the number of input records that each consuming principal has still to commit."""
    found: dict[str, int] = {}
    for principal in sorted({process.principal for process in PROCESSES}):
        consumer = clients.consumer(description, "admin", {"group.id": f"proofdesk-{principal}"})
        try:
            lag = _lag(consumer)
        except KafkaException:  # the broker is on its way down or up
            continue
        finally:
            consumer.close()
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
    for each in report["processes"]:
        if each["why"]:
            console.print(f"[red]{each['name']} stopped and is not restarted.[/red] {escape(each['why'])}")
    if any(each["why"] for each in report["processes"]):
        console.print("Fix the cause, then run make up: it starts these processes again.")


def of(cluster: Cluster, runtime: Runtime) -> dict[str, Any]:
    """Return the report of a cluster that was started at least once; it lists no processes when the cluster is down."""
    runtime.prepare()
    return facts(cluster.description, cluster.running())


def _lag(consumer: Consumer) -> int | None:
    """Return the group's lag over its committed partitions; None when it has committed nothing."""
    places = [TopicPartition(topic.name, number) for topic in TOPICS.values() for number in range(topic.partitions)]
    committed = [each for each in consumer.committed(places, timeout=REQUEST_SECONDS_MAX) if each.offset >= 0]
    ends = [consumer.get_watermark_offsets(each, timeout=REQUEST_SECONDS_MAX)[1] for each in committed]
    return sum(max(end - each.offset, 0) for end, each in zip(ends, committed, strict=True)) if committed else None


def _reader_url(description: ClusterDescription) -> str:
    password = Runtime(description.runtime).password(f"postgres-{READER}.json")
    host = description.postgres.removeprefix("postgresql://")
    return f"postgresql://{READER}:{password}@{host}"
