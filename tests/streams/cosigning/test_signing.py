"""What three cosigners sign together, and what no three can be brought to sign."""

from __future__ import annotations

from schemas.events.lifecycle import Signed
from tests.streams.cosigning.table import KEY, Table
from tests.streams.signing.scenery import pay


def test_an_order_of_a_wallet_in_shares_is_signed(made: Table) -> None:
    table = made
    table.line.use(table.signer())
    table.line.send("o1", pay("1000", wallet_id=KEY))
    table.line.run()
    assert table.line.outcome("o1") == "signed"
    (signed,) = table.line.events(Signed, "o1")
    assert signed.attestation is not None
    assert len(signed.attestation.cosigners) == 3
