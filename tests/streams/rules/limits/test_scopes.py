"""Every limit scope of the schema is complete: half-added ones fail here."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

import pytest

from schemas.firm import LimitScope
from streams.rules.limits.scopes import SCOPES, Institution, Subjects, known_subjects
from tests.world.firm.desk import FIRM

DISTINCT = Subjects(**{name: f"<{name}>" for name in Subjects._fields})


def unfinished(scopes: tuple[str, ...], table: Collection[str]) -> set[str]:
    """Scopes that the schema, the table and an order's subjects do not all have."""
    return ({*scopes} ^ {*table}) | ({*scopes} ^ {*Subjects._fields})


def test_the_table_holds_every_scope_of_the_schema_and_no_other() -> None:
    assert unfinished(get_args(LimitScope), SCOPES) == set()


def test_a_half_added_scope_is_noticed() -> None:
    assert unfinished((*get_args(LimitScope), "site"), SCOPES) == {"site"}
    assert unfinished((*get_args(LimitScope), "site"), (*SCOPES, "site")) == {"site"}
    assert unfinished(get_args(LimitScope), (*SCOPES, "site")) == {"site"}


@pytest.mark.parametrize("scope", get_args(LimitScope))
def test_a_scope_reads_its_own_subject(scope: LimitScope) -> None:
    assert SCOPES[scope].subject(DISTINCT) == f"<{scope}>"


def test_the_known_subjects_are_those_that_governance_lists() -> None:
    firm = FIRM.governance
    contracts = firm.contracts.values()
    institution = Institution(firm.principals, firm.wallets, firm.assets, contracts, firm.desks)
    addresses = {each.address for each in contracts}
    assert {scope: set(known) for scope, known in known_subjects(institution).items()} == {
        "trader": set(firm.principals),
        "wallet": set(firm.wallets),
        "asset": set(firm.assets),
        "destination": addresses,
        "contract": addresses,
        "protocol": {each.protocol for each in contracts} - {""},
        "counterparty": {each.counterparty for each in contracts} - {""},
        "desk": set(firm.desks),
        "firm": set(),
    }
