"""Makes orders ready for the enclave, once: tests do not change a log, forgeries are new logs."""

from __future__ import annotations

import pytest

from tests.world.line.line import Line
from tests.world.line.scenery import STRANGER, pay, swap


def before_the_enclave(line: Line) -> Line:
    line.run("desk", "execution")
    return line


@pytest.fixture(scope="session")
def paid() -> Line:
    """`o1` pays a listed account and needs no approval; `o2` waits for one; `o3` was cancelled. Nothing is signed yet."""
    line = Line()
    line.send("o1", pay("1000"))
    line.send("o2", pay("30000", wallet_id="treasury-2"))
    return before_the_enclave(line)


@pytest.fixture(scope="session")
def agreed() -> Line:
    """`o1` pays two millions to a stranger, and three people approved it; `o2` is the same over three millions."""
    line = Line()
    for name, amount, wallet_id in (("o1", "2000000", "treasury-1"), ("o2", "3000000", "treasury-2")):
        line.send(name, pay(amount, to=STRANGER, wallet_id=wallet_id))
        line.run("desk")
        for approver in ("sven", "carl", "cora"):
            line.approve(name, approver)
            line.run("desk")
    return before_the_enclave(line)


@pytest.fixture(scope="session")
def swapped() -> Line:
    """`o1` swaps at an observed price."""
    line = Line()
    line.send("o1", swap("20000"))
    return before_the_enclave(line)


@pytest.fixture(scope="session")
def parted() -> Line:
    """`o1` was split while it waited; its parts need no approval."""
    line = Line()
    line.send("o1", pay("40000"))
    line.run("desk")
    line.split("o1", "15000", "25000")
    line.run("desk")
    return before_the_enclave(line)
