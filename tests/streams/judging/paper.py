"""Makes minimal payloads and signatures for specifications."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any, Final

from infra.ethereum import transaction
from schemas.events.lifecycle import Signed
from schemas.examples import example
from streams.rules.evidence.memory.payloads import Payload
from tests.world.line.scenery import START, address_of, private_key
from tests.world.line.scenery import named as order_named

CHAIN: Final = 31_337
GWEI: Final = 10**9


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def transaction_hash(text: str) -> str:
    return f"0x{sha256(text)}"


def payload(order: str = "o1", nonce: int = 5, **changes: Any) -> Payload:
    """An order's transaction: by default each order has bytes and a call of its own."""
    content = changes.pop("content", order)
    shape = {
        "wallet_id": "treasury-1",
        "chain_id": CHAIN,
        "nonce": nonce,
        "order_id": order_named(order),
        "digest": sha256(f"{content} at {nonce}"),
        "call": sha256(order),
        "is_empty": False,
        "max_fee_per_gas": 100 * GWEI,
        "max_priority_fee_per_gas": 10 * GWEI,
        "backend": "hsm",
        "amount_usd": Decimal(1_000),
        "claimed_at": START,
    }
    return Payload.model_validate(shape | changes)


def signed(made: Payload, **changes: Any) -> Signed:
    """A record of a payload's signature; the bytes are not those of the payload."""
    shape = {
        "order_id": made.order_id,
        "wallet_id": made.wallet_id,
        "wallet": address_of(made.wallet_id),
        "chain_id": made.chain_id,
        "nonce": made.nonce,
        "transaction_hash": transaction_hash(made.digest),
        "amount_usd": made.amount_usd,
        "decided_at": made.claimed_at,
        "replaces": made.replaces,
        "overtakes": made.overtakes,
    }
    return example(Signed).model_copy(update=shape | changes)


def real_signature(nonce: int, **changes: Any) -> Signed:
    """A signature over real bytes, which a memory that knows nothing can take apart."""

    unsigned = transaction.Transaction(CHAIN, nonce, 1, 15, 21_000, address_of("somebody"), 1, b"")
    made = private_key("treasury-1").sign_recoverable(transaction.digest(unsigned), hasher=None)
    r, s = int.from_bytes(made[:32], "big"), int.from_bytes(made[32:64], "big")
    raw = transaction.assemble(unsigned, transaction.Signature(made[64], r, s))
    return signed(payload(nonce=nonce), raw_transaction=f"0x{raw.raw.hex()}", transaction_hash=raw.hash, **changes)
