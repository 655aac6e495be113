"""Values: addresses against another implementation of EIP-55, and records that are built at their first use by any thread."""

import subprocess
import sys
from random import Random

import pytest
from eth_utils.address import is_checksum_address, to_checksum_address
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.docstrings import field_docs
from schemas.orders import Transfer
from schemas.values import Address, Record

ADDRESS: TypeAdapter[str] = TypeAdapter(Address)
FIRST_USES = """
import sys
from random import Random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from schemas.orders import Transfer
THREADS, sample = 8, {"kind": "transfer", "asset_id": "USDC", "amount": "1.5", "destination": "0x" + "0" * 40}
sys.setswitchinterval(1e-6)
together = Barrier(THREADS)
def use(_):
    together.wait()
    return Transfer.model_validate(sample).model_dump_json()
with ThreadPoolExecutor(THREADS) as pool:
    print(len(set(pool.map(use, range(THREADS)))))
"""


class Sized(Record):
    """A sample."""

    width: int
    """In metres."""
    plain: int = 0


class Coloured(Sized):
    """A sample of a sample."""

    colour: str
    """By name,
    in English."""


@given(st.binary(min_size=20, max_size=20))
def test_an_address_has_the_checksum_that_eth_utils_computes(raw: bytes) -> None:
    address = to_checksum_address(raw)
    assert ADDRESS.validate_python(address) == address


@given(st.binary(min_size=20, max_size=20), st.randoms())
def test_an_address_is_refused_where_eth_utils_finds_a_wrong_checksum(raw: bytes, random: Random) -> None:
    mixed = "0x" + "".join(random.choice((digit, digit.upper())) for digit in raw.hex())
    if is_checksum_address(mixed):
        assert ADDRESS.validate_python(mixed) == mixed
    else:
        with pytest.raises(ValidationError, match=to_checksum_address(raw)):
            ADDRESS.validate_python(mixed)


def test_a_field_is_described_by_the_string_below_it_and_so_is_an_inherited_one() -> None:
    properties = Coloured.model_json_schema()["properties"]
    described = {name: field.get("description") for name, field in properties.items()}
    assert described == {"width": "In metres.", "plain": None, "colour": "By name,\nin English."}
    assert field_docs(Sized) == {"width": "In metres."}


def test_threads_that_use_a_record_first_at_the_same_moment_all_get_it() -> None:
    for _ in range(3):
        ran = subprocess.run([sys.executable, "-c", FIRST_USES], capture_output=True, text=True, check=True, timeout=60)
        assert ran.stdout.split() == ["1"]


def test_a_record_is_not_built_before_it_is_used() -> None:
    script = "from schemas.orders import Transfer; print(Transfer.__pydantic_complete__)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split() == ["False"]
    assert Transfer.model_validate({"asset_id": "USDC", "amount": "1", "destination": "0x" + "0" * 40}).asset_id == "USDC"
