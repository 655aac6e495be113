"""The observer waits for its facts before it asks a node, and reports orders that cannot be simulated."""

from __future__ import annotations

import pytest
import structlog.testing

from infra.chain.node import Node
from schemas.events.base import FirmEvent
from schemas.events.governance import PolicyActivated
from schemas.events.lifecycle import Broadcast
from schemas.examples import example
from schemas.values import AssetId
from streams.execution.observer import ExecutionObserver
from streams.rules.decider import Later
from tests.world.chain.firm import CHAIN, NOW, SECOND, approved, firm_events, pay, swap
from tests.world.chain.scene import ChainScene, Execution, References, received


def execution(events: list[FirmEvent], nodes: dict[int, Node] | None = None) -> Execution:
    references = References([received(event) for event in events])
    return Execution(ExecutionObserver(references, nodes or {}), references)


def reason(execution: Execution, asset_id: AssetId | None = None) -> str:
    waiting = execution.offer(approved(pay("1") if asset_id is None else swap("1")))
    assert isinstance(waiting, Later)
    return waiting.reason


def test_governance_must_be_as_far_as_the_desk_was() -> None:
    behind = [event for event in firm_events() if not isinstance(event, PolicyActivated)]
    assert reason(execution(behind)) == f"governance is at {len(behind)}, the approval at {len(behind) + 1}"
    assert reason(execution([])) == f"governance is at 0, the approval at {len(firm_events())}"


def test_a_swap_needs_a_price_of_what_it_takes() -> None:
    assert reason(execution(firm_events()), "WETH") == "there is no independent price of WETH"


def test_a_swap_of_an_asset_that_is_no_longer_listed_waits() -> None:
    listing = firm_events()
    listing[1] = listing[0].model_copy(update={"position": 2})
    assert reason(execution(listing), "WETH") == "there is no independent price of WETH"


def test_a_chain_without_a_node_waits() -> None:
    assert reason(execution(firm_events())) == f"no node of chain {CHAIN} is configured"


@pytest.mark.chain
def test_a_refusal_to_trace_is_told_and_waited_for(scene: ChainScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node without the debug namespace: nothing that time alone mends."""
    rpc = scene.node.rpc
    ask = rpc.request

    def without_debug(method: str, *params: object, timeout_ms: int = 2_000) -> object:
        return ask("nonsense_" + method if method.startswith("debug_") else method, *params, timeout_ms=timeout_ms)  # type: ignore[arg-type]

    monkeypatch.setattr(rpc, "request", without_debug)
    at_work = scene.execution()
    order = approved(pay("1", places=scene.places), scene.governance)
    with structlog.testing.capture_logs() as lines:
        waiting = at_work.offer(order)
    assert isinstance(waiting, Later)
    assert [(line["log_level"], line["order_id"]) for line in lines] == [("warning", order.order_id)]
    monkeypatch.undo()
    assert at_work.simulate(order, NOW + SECOND).verdict == "passed"


def test_what_is_no_input_stops_the_processor() -> None:
    with pytest.raises(TypeError, match="no input of execution"):
        execution(firm_events()).offer(example(Broadcast))


def test_reference_records_of_others_are_passed_over() -> None:
    at_work = execution([])
    at_work.observer.accept(received(example(Broadcast)))
    assert reason(at_work) == f"governance is at 0, the approval at {len(firm_events())}"
