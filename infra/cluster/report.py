"""What a cluster says about itself: where everything is, which processes run, how far they are behind.

The JSON form's names are fixed: scripts rely on them. It holds the passwords of the read-only principal and role, which is
what it is for; it is printed on request and never logged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.cluster.description import ClusterDescription
from infra.cluster.local import Cluster
from infra.cluster.processes import PROCESSES
from infra.cluster.runtime import Runtime, is_broker
from infra.cluster.supervision import Running
from infra.kafka import clients
from schemas.topics import TOPICS

REQUEST_SECONDS_MAX: Final = 5
CLIENT: Final = "client"
READER: Final = "reader"


def facts(description: ClusterDescription, running: Iterable[Running]) -> dict[str, Any]:
    """The whole report as JSON values. Raises OSError.

    `lag` of a process is None when Kafka could not be asked; `why` says why it is not started again, None when it is.
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
    """Records of its inputs that each consuming principal has still to commit, by principal."""
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
            console.print(f"[red]{each['name']} is not started again.[/red] {escape(each['why'])}")
    if any(each["why"] for each in report["processes"]):
        console.print("Mend that, then make up: nothing else starts it.")


def of(cluster: Cluster, runtime: Runtime) -> dict[str, Any]:
    """The report of a cluster that has been started at least once; its processes are empty when it is down."""
    runtime.prepare()
    return facts(cluster.description, cluster.running())


def _lag(consumer: Consumer) -> int | None:
    """Sum over what the consumer's group has committed; None when that is nothing."""
    places = [TopicPartition(topic.name, number) for topic in TOPICS.values() for number in range(topic.partitions)]
    committed = [each for each in consumer.committed(places, timeout=REQUEST_SECONDS_MAX) if each.offset >= 0]
    ends = [consumer.get_watermark_offsets(each, timeout=REQUEST_SECONDS_MAX)[1] for each in committed]
    return sum(max(end - each.offset, 0) for end, each in zip(ends, committed, strict=True)) if committed else None


def _reader_url(description: ClusterDescription) -> str:
    password = Runtime(description.runtime).password(f"postgres-{READER}.json")
    host = description.postgres.removeprefix("postgresql://")
    return f"postgresql://{READER}:{password}@{host}"
