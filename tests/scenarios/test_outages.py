"""Any process may die and any service be away: requests get a clear error or wait; no work is lost or done twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from commands.client.kafka import KafkaCommander
from infra.local_cluster.processes import PROCESSES
from streams.samples.institution import SYSTEM
from tests.world.systems import within
from tests.world.whole_system import RECOVERY_SECONDS_MAX, WholeSystem, Written, nonces, order_of, transfer, verified

pytestmark = pytest.mark.cluster

Record = Callable[[str, object], None]

ANSWER_SECONDS_MAX = 5.0
"""Until a caller is told that something is away."""
OUTAGE_SECONDS = 2.0
KILL_PAUSE_SECONDS = 0.7
EXPORT_SECONDS_MAX = 15.0
LIFE = ["order-initiated", "limit-reserved", "policy-evaluated", "approved", "simulated", "signed", "broadcast", "confirmed"]


class Stopwatch:
    def __init__(self) -> None:
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._begun, 1)


def spans_of(system: WholeSystem, trace_id: str, name: str) -> list[object]:
    return [span for _, span in system.collector.spans(trace_id) if span.name == name]


def assert_says_what_is_away(answer: httpx.Response, check: str) -> None:
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert problem["check"] == check
    assert problem["remedy"]


def assert_each_confirmed_once(logs: Collection[list[Written]], first_nonce: int) -> None:
    """Every order's chain holds, ends confirmed and posted, each step once; the wallet's nonces are gapless."""
    for links in logs:
        assert Counter(verified(links)) == Counter([*LIFE, "limit-posted"])
    assert nonces(logs) == list(range(first_nonce, first_nonce + len(logs)))


def await_posted(system: WholeSystem, order_ids: Collection[str]) -> Collection[list[Written]]:
    """The orders' events, once each has been posted to its limits."""
    logs: dict[str, list[Written]] = {}

    def posted() -> bool:
        logs.update(system.order_log(order_ids))
        return all("limit-posted" in [link.topic for link in links] for links in logs.values())

    assert within(RECOVERY_SECONDS_MAX, posted), {order_id: [each.topic for each in links] for order_id, links in logs.items()}
    return logs.values()


def test_without_kafka_a_command_is_refused_in_time_and_its_key_is_good_when_kafka_is_back(
    whole_system: WholeSystem, record_property: Record
) -> None:
    command, nonce = whole_system.payment("101.25"), whole_system.cast.nonce()
    with whole_system.without("kafka", killed=True):
        refusal = Stopwatch()
        assert_says_what_is_away(whole_system.post(command), "log-away")
        assert refusal.seconds < ANSWER_SECONDS_MAX
        record_property("kafka away: seconds to the refusal", refusal.seconds)
        assert whole_system.get("/readyz").status_code == 503
        assert whole_system.get("/v1/orders").status_code == 200
        time.sleep(OUTAGE_SECONDS)
        recovery = Stopwatch()
    whole_system.cluster.await_service("kafka")
    record_property("kafka back: seconds until the broker answers", recovery.seconds)
    assert whole_system.client(RECOVERY_SECONDS_MAX).send(command).outcome == "allowed"
    record_property("kafka back: seconds to the decision", recovery.seconds)
    whole_system.await_state([order_of(command)], "confirmed")
    record_property("kafka back: seconds to confirmed", recovery.seconds)
    assert_each_confirmed_once(await_posted(whole_system, [order_of(command)]), nonce)
    whole_system.await_running()
    whole_system.await_ready()


def test_without_postgresql_reading_is_refused_and_orders_over_kafka_are_carried_out(
    whole_system: WholeSystem, record_property: Record
) -> None:
    nonce = whole_system.cast.nonce()
    with KafkaCommander.of(whole_system.description, SYSTEM, whole_system.signer) as commander:
        commands = [whole_system.payment(amount) for amount in ("201.5", "202.5")]
        order_ids = [order_of(command) for command in commands]
        with whole_system.without("postgres", killed=True):
            refusal = Stopwatch()
            assert_says_what_is_away(whole_system.get("/v1/orders"), "not-available")
            assert_says_what_is_away(whole_system.post(whole_system.payment("203")), "database-away")
            assert refusal.seconds < 2 * ANSWER_SECONDS_MAX
            record_property("postgres away: seconds to two refusals", refusal.seconds)
            assert [commander.send(command).outcome for command in commands] == ["allowed", "allowed"]
            assert_each_confirmed_once(await_posted(whole_system, order_ids), nonce)
            recovery = Stopwatch()
    whole_system.await_state(order_ids, "confirmed")
    record_property("postgres back: seconds until the read side has caught up", recovery.seconds)
    for order_id, links in whole_system.order_log(order_ids).items():
        shown = [(link.sequence, link.topic, link.verified) for link in whole_system.cast.reader.events(order_id)]
        assert shown == [(sequence, topic, True) for sequence, topic in enumerate(verified(links), start=1)]
    whole_system.await_ready()
    later = whole_system.client(RECOVERY_SECONDS_MAX).send(whole_system.payment("204"))
    assert later.outcome == "allowed"
    whole_system.await_state([later.order_id], "confirmed")


def test_without_the_node_an_approved_order_waits_and_is_confirmed_when_the_node_is_back(
    whole_system: WholeSystem, record_property: Record
) -> None:
    nonce, command = whole_system.cast.nonce(), whole_system.payment("301")
    order_id = order_of(command)
    with whole_system.without("node", killed=False):
        answer = whole_system.post(command)
        assert (answer.status_code, answer.json()["outcome"]) == (201, "allowed")
        time.sleep(OUTAGE_SECONDS)
        assert [each.topic for each in whole_system.order_log([order_id])[order_id]] == LIFE[: LIFE.index("simulated")]
        whole_system.await_state([order_id], "approved")
        recovery = Stopwatch()
    whole_system.await_state([order_id], "confirmed")
    record_property("node back: seconds to confirmed", recovery.seconds)
    (links,) = await_posted(whole_system, [order_id])
    assert_each_confirmed_once([links], nonce)
    assert whole_system.cast.nonce() == nonce + 1
    trace_id = links[0].headers["traceparent"].decode().split("-")[1]
    assert within(EXPORT_SECONDS_MAX, lambda: len(spans_of(whole_system, trace_id, "execution approved")) == 2)


def test_every_process_killed_in_turn_while_orders_are_in_flight_loses_and_repeats_nothing(
    whole_system: WholeSystem, record_property: Record
) -> None:
    cast, before = whole_system.cast, whole_system.pids()
    nonce, usdc = cast.nonce(), cast.balances()[cast.world.usdc.address]
    commands = [whole_system.payment(str(400 + number)) for number in range(len(PROCESSES) + 1)]
    order_ids = [order_of(command) for command in commands]
    client = whole_system.client(RECOVERY_SECONDS_MAX)
    with ThreadPoolExecutor(len(commands)) as pool:
        sending = [pool.submit(client.send, commands[0])]
        for process, command in zip(PROCESSES, commands[1:], strict=True):
            sending.append(pool.submit(client.send, command))
            whole_system.cluster.kill(process.name)
            time.sleep(KILL_PAUSE_SECONDS)
        recovery = Stopwatch()
        assert {each.result().outcome for each in sending} == {"allowed"}
    whole_system.await_state(order_ids, "confirmed")
    record_property("last process killed: seconds until all orders are confirmed", recovery.seconds)
    assert_each_confirmed_once(await_posted(whole_system, order_ids), nonce)
    assert cast.nonce() == nonce + len(commands)
    paid = sum(transfer(str(400 + number)).amount for number in range(len(commands)))
    assert usdc - cast.balances()[cast.world.usdc.address] == int(paid * 10**6)
    whole_system.await_running()
    assert all(whole_system.pids()[process.name] != before[process.name] for process in PROCESSES)
    whole_system.await_ready()
