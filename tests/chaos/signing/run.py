"""One run with signing on: a key in shares, load throughout, faults from a seed, then silence until all has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any, Final

from infra.chain.node import Node
from infra.local_cluster.deadline import Deadline
from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import PROCESSES
from infra.settings.description import ClusterDescription
from schemas.events.lifecycle import Signed
from streams.samples.institution import WALLET, establish
from tests.chaos.findings import spread
from tests.chaos.run import NotReady, Plan
from tests.chaos.signing.faults import Faults
from tests.chaos.signing.load import Load
from tests.chaos.signing.verdict import BROKEN, verdict
from tests.chaos.signing.watch import Watch
from tests.scenarios.newswap.ceremony import Ceremony

ASIDE: Final = frozenset({"prices", "detectors", "projector", "gateway"})
"""Nobody between a command and its end waits for these."""
SHARED: Final = "treasury-shared"
"""A wallet whose key is in shares, each sealed by its cosigner's token: all that can die is needed for it."""
READY_SECONDS_MAX: Final = 120.0
RECOVERED_SECONDS_MAX: Final = 60.0
DRAIN_SECONDS_MAX: Final = 180.0
LOOK_SECONDS: Final = 0.05


def chaos(runtime: Path, plan: Plan, say: Callable[[str], None], *, keep: bool = False) -> dict[str, Any]:
    """One run on a cluster that is made for it and deleted after it."""
    processes = [each for each in PROCESSES if each.name not in ASIDE]
    cluster = Cluster(runtime, ("kafka", "node", "token", "world"), processes, say, establish)
    try:
        description = cluster.start()
        Ceremony(description).shared_wallet(SHARED, SHARED, "hybrid")
        say("a key in shares is made")
        return _findings(plan, *_run(cluster, plan, say), description)
    finally:
        cluster.stop(delete=not keep)


def is_sound(findings: dict[str, Any]) -> bool:
    """True if both wallets' keys signed orders and no fault was found."""
    return len(findings["signed_by"]) > 1 and not any(findings[name] for name in BROKEN)


def _run(cluster: Cluster, plan: Plan, say: Callable[[str], None]) -> tuple[Load, Watch, Faults]:
    load = Load(cluster.description, (WALLET, SHARED), Random(plan.seed))
    watch, faults = Watch(cluster.description, load.sent), Faults(cluster, Random(plan.seed + 1))
    try:
        _await_both(load, watch)
        _under_faults(plan, load, watch, faults, say)
    finally:
        faults.end()
    _await_recovery(load, watch)
    load.finish()
    deadline = Deadline(DRAIN_SECONDS_MAX)
    while not watch.is_done and not deadline.passed:
        watch.look(LOOK_SECONDS)
    return load, watch, faults


def _await_both(load: Load, watch: Watch) -> None:
    """Until each wallet has signed something."""
    deadline = Deadline(READY_SECONDS_MAX)
    while {load.sent[each].wallet_id for each in watch.signed} != set(load.wallets):
        if deadline.passed:
            raise NotReady(f"not every wallet has signed after {READY_SECONDS_MAX:g} s")
        load.tend()
        watch.look(LOOK_SECONDS)


def _await_recovery(load: Load, watch: Watch) -> None:
    """Go on sending, without new faults, until every wallet has signed what was sent after the last one."""
    deadline = Deadline(RECOVERED_SECONDS_MAX)
    while any(each.seconds is None for each in watch.recoveries) and not deadline.passed:
        load.tend()
        watch.look(LOOK_SECONDS)


def _under_faults(plan: Plan, load: Load, watch: Watch, faults: Faults, say: Callable[[str], None]) -> None:
    begun = time.monotonic()
    due = begun + plan.gap(faults.random)
    while (now := time.monotonic()) < begun + plan.seconds or len(faults.struck) < plan.faults_min:
        load.tend()
        watch.look(LOOK_SECONDS)
        faults.tend()
        if now >= due:
            due = now + plan.gap(faults.random)
            fault = faults.strike()
            if fault is not None:
                watch.struck(fault)
                told = f"sent {len(load.sent)}, signed {len(watch.signed)}, ended {len(watch.ended)}"
                say(f"{now - begun:6.1f} s  {fault.kind:14} {fault.victim:10} {told}")


def _findings(plan: Plan, load: Load, watch: Watch, faults: Faults, description: ClusterDescription) -> dict[str, Any]:
    wallets = {each.event.wallet for each in watch.stored if isinstance(each.event, Signed)}
    with Node(description.node) as node:
        on_chain = {wallet: node.transaction_count(wallet) for wallet in wallets}
    kinds = sorted({each.fault.kind for each in watch.recoveries})
    return {
        "seed": plan.seed,
        "commands": len(load.sent),
        "faults": faults.counts(),
        **asdict(verdict(watch.stored, load.sent, on_chain)),
        "events": len(watch.stored),
        "recovery_ms": {
            **spread(each.seconds for each in watch.recoveries),
            "by_kind": {kind: spread(each.seconds for each in watch.recoveries if each.fault.kind == kind) for kind in kinds},
        },
    }
