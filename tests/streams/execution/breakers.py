"""Breakers of the scene's firm: tripped, reset, and a wallet that has somewhere to evacuate to."""

from __future__ import annotations

from schemas.events.base import FirmEvent
from schemas.events.governance import BreakerReset, BreakerTripped, WalletAssigned
from schemas.examples import example
from schemas.firm import BreakerScope, BreakerState
from tests.world.chain.firm import CHAIN, DESK, NOW, PLACES, WALLET_ID, Places


def tripped(scope: BreakerScope = "desk", subject: str = DESK, state: BreakerState = "open") -> BreakerTripped:
    said = {"scope": scope, "subject": subject, "state": state, "decided_at": NOW}
    return example(BreakerTripped).model_copy(update=said)


def reset(scope: BreakerScope = "desk", subject: str = DESK) -> BreakerReset:
    return example(BreakerReset).model_copy(update={"scope": scope, "subject": subject, "decided_at": NOW})


def with_a_holding(places: Places = PLACES) -> WalletAssigned:
    """The wallet's funds are evacuated to the friend's account."""
    return WalletAssigned(
        wallet_id=WALLET_ID,
        desk_id=DESK,
        chain_id=CHAIN,
        address=places.wallet,
        key_backend="hsm",
        key_id="1",
        holding=places.friend,
    )


def numbered(events: list[FirmEvent]) -> list[FirmEvent]:
    """The events as governance's first."""
    return [event.model_copy(update={"position": position}) for position, event in enumerate(events, 1)]
