"""The partition hash is Kafka's, to the bit: otherwise a desk would have two owners."""

from __future__ import annotations

import pytest

from schemas.partitioning import desk_partition, murmur2
from schemas.topics import DESK_PARTITIONS


@pytest.mark.parametrize(
    ("key", "signed"),
    [  # from Apache Kafka's own UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_that_of_kafka(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


def test_every_key_has_one_partition_and_all_are_used() -> None:
    partitions = {desk_partition(f"desk-{n}".encode()) for n in range(100)}
    assert partitions == set(range(DESK_PARTITIONS))
