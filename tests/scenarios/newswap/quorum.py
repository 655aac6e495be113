"""One officer proposes a change of keys and two others agree; shows the read side's keys afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from commands.client import CommandRefused, wanted_agreement
from schemas.keys import KeyChange
from tests.scenarios.newswap.cast import Cast, wait
from tests.scenarios.newswap.steps import NotHeld, claim

PROPOSER: Final = "selma"
AGREEING: Final = ("carl", "cora")
CEREMONY_SECONDS_MAX: Final = 60.0
SHOWN_SECONDS_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Quorum:
    """The officers, and the keys that they decide about."""

    cast: Cast

    def agreed(self, change: KeyChange, reason: str) -> str:
        """Have it proposed by one and agreed to by two others; what it needed."""
        proposed = self.cast.person(PROPOSER).propose_key(change, reason)
        proposal_id = proposed.proposal_id or ""
        claim(wait(lambda: self._is_shown(proposal_id), SHOWN_SECONDS_MAX), f"proposal {proposal_id} is not shown")
        for name in AGREEING:
            self.cast.person(name).approve_proposal(wanted_agreement(self.cast.reader.proposal(proposal_id)))
        return ", ".join(proposed.requires)

    def await_state(self, key_id: str, state: str, otherwise: str) -> None:
        """Until the key is shown in `state`.

        Raises:
            NotHeld: it failed, or does not get there.
        """

        def arrived() -> bool:
            found = self.find(key_id)
            if found is not None and found["state"] == "failed":
                raise NotHeld(otherwise)
            return found is not None and found["state"] == state

        claim(wait(arrived, CEREMONY_SECONDS_MAX), otherwise)

    def key(self, key_id: str) -> dict[str, Any]:
        """The key as it is shown. Raises NotHeld when it is not."""
        found = self.find(key_id)
        if found is None:
            raise NotHeld(f"key {key_id} is not shown")
        return found

    def find(self, key_id: str) -> dict[str, Any] | None:
        """The key as it is shown; None when it is not."""
        keys: list[dict[str, Any]] = self.cast.reader.read("/v1/keys")["keys"]
        return next((key for key in keys if key["key_id"] == key_id), None)

    def unused(self, name: str) -> str:
        """An id that begins with `name` and that no key has had: the scenario can be told again."""
        taken = {key["key_id"].removeprefix(f"{name}-").partition("-")[0] for key in self._named(name)}
        return next(f"{name}-{number}" for number in range(1, len(taken) + 2) if str(number) not in taken)

    def _named(self, name: str) -> list[dict[str, Any]]:
        return [key for key in self.cast.reader.read("/v1/keys")["keys"] if key["key_id"].startswith(f"{name}-")]

    def _is_shown(self, proposal_id: str) -> bool:
        try:
            return bool(self.cast.reader.proposal(proposal_id).proposal_id)
        except CommandRefused:
            return False
