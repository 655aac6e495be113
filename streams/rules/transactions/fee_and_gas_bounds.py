"""Bounds a transaction's fee for gas: execution builds within them, the signer refuses above them.

A fee is value that leaves the wallet and that no limit counts, so it has bounds of its own, one definition for both.
"""

from __future__ import annotations

from typing import Final

GWEI: Final = 10**9
FEE_PER_GAS_WEI_MAX: Final = 1_000 * GWEI
"""Bound of the fee and of the tip. Execution stays far below it, unless a transaction overtakes a claim of its nonce."""
GAS_LIMIT_MAX: Final = 5_000_000
"""Bound of the gas limit. No call of ours comes near it; a call that needs more is not one of ours."""
FEE_WEI_MAX: Final = 10**18
"""Bound of the fee for all of a transaction's gas together."""
