"""Maps a key to its partition with `murmur2_random`, the partitioner that every producer of ours uses.

Source: Apache Kafka, `org.apache.kafka.common.utils.Utils.murmur2` and `toPositive`. It is computed here as well, because
a topic's writer may name any partition: whoever owns a desk must be able to tell that a record stands where it should.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from schemas.topics import DESK_PARTITIONS

_WORD: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C
_MULTIPLIER: Final = 0x5BD1E995
_SHIFT: Final = 24
_POSITIVE: Final = 0x7FFFFFFF


def murmur2(key: bytes) -> int:
    """The 32-bit MurmurHash2 of `key` as Kafka computes it, unsigned."""
    digest = _SEED ^ len(key)
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        digest = (digest * _MULTIPLIER & _WORD) ^ _mixed(int.from_bytes(key[at : at + 4], "little"))
    if rest := key[whole:]:
        digest = (digest ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _WORD
    digest = (digest ^ digest >> 13) * _MULTIPLIER & _WORD
    return digest ^ digest >> 15


def _mixed(word: int) -> int:
    word = word * _MULTIPLIER & _WORD
    return (word ^ word >> _SHIFT) * _MULTIPLIER & _WORD


@lru_cache(maxsize=16_384)
def desk_partition(key: bytes) -> int:
    """The partition of a desk-keyed topic on which records with `key` stand."""
    return (murmur2(key) & _POSITIVE) % DESK_PARTITIONS
