"""The coordinator chooses participants, and replaces those that refuse, stay silent or are accused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.keys import Cosigner
from schemas.topics import COSIGNERS
from streams.cosigning.installation import SITES
from streams.sessions.coordination import PASSED_OVER_MICROS, CosignerStandings, Quorum, chosen
from tests.world.line.cosigners import enrolled

pytestmark = pytest.mark.shares

FIVE: dict[str, Cosigner] = {name: enrolled(name) for name in COSIGNERS}
THREE_OF_TWO_SITES = Quorum(FIVE, 3, 2)
names = st.sets(st.sampled_from(COSIGNERS))
pairs = st.sets(st.sets(st.sampled_from(COSIGNERS), min_size=2, max_size=2).map(frozenset))
turns = st.binary(min_size=1, max_size=8)


@given(refused=names, apart=pairs, late=names, turn=turns, sites=st.integers(1, 3))
def test_who_is_asked_makes_up_the_quorum(
    refused: set[str], apart: set[frozenset[str]], late: set[str], turn: bytes, sites: int
) -> None:
    company = CosignerStandings(dict.fromkeys(late, 10), apart)
    asked = chosen(Quorum(FIVE, 3, sites), company, refused, turn, now=5)
    if asked is None:
        assert refused or apart, "all five are there, and nobody spoke against anybody"
        return
    assert len(set(asked)) == 3
    assert not set(asked) & refused
    assert len({SITES[name] for name in asked}) >= sites
    assert not any(pair <= set(asked) for pair in apart)


@given(turn=turns, late=st.sets(st.sampled_from(COSIGNERS), max_size=2))
def test_who_was_silent_is_asked_only_if_there_is_nobody_else(turn: bytes, late: set[str]) -> None:
    company = CosignerStandings()
    for name in late:
        company.pass_over(name, now=0)
    asked = chosen(Quorum(FIVE, 3, 1), company, (), turn, now=1)
    assert asked is not None
    assert not set(asked) & late
    if len(late) == 2:
        asked = chosen(Quorum(FIVE, 3, 1), company, asked[:1], turn, now=1)
        assert asked is not None
        assert set(asked) & late


def test_a_silence_is_forgotten_after_a_while_or_by_a_word() -> None:
    company = CosignerStandings()
    for name in COSIGNERS:
        company.pass_over(name, now=0)
    company.heard("cosigner-1")
    assert "cosigner-1" not in company.passed_over
    assert set(company.passed_over.values()) == {PASSED_OVER_MICROS}
    asked = {chosen(THREE_OF_TWO_SITES, company, (), bytes([turn]), now=PASSED_OVER_MICROS) for turn in range(50)}
    assert len(asked) > 5, "all take their turns again"


def test_one_liar_can_shut_out_itself_at_most() -> None:
    """It accuses every cosigner; the accused still sign with the others."""
    company = CosignerStandings()
    for name in COSIGNERS:
        company.keep_apart("cosigner-2", name)
    asked = chosen(THREE_OF_TWO_SITES, company, (), b"turn", now=0)
    assert asked is not None
    assert "cosigner-2" not in asked


def test_too_few_of_too_few_sites_are_nobody() -> None:
    assert chosen(THREE_OF_TWO_SITES, CosignerStandings(), COSIGNERS[:3], b"turn", now=0) is None
    assert chosen(Quorum(FIVE, 3, 3), CosignerStandings(), ["cosigner-5"], b"turn", now=0) is None
