"""Remembers what was made of a value, within a bound: most values of records have been seen before.

Addresses, roles, hashes of policies, limits and the instants of one batch come again and again. Left out: which value comes
how often. When there are too many all are forgotten, which costs less than to keep count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

REMEMBERED_MAX: Final = 8_192
"""Values of one form that are remembered."""
REMEMBERED_BYTES_MAX: Final = 100
"""Longer texts are rarely the same twice."""

_SIZED: Final = (str, bytes)

K = TypeVar("K")
V = TypeVar("V")


class Remembered(dict[K, V], Generic[K, V]):
    """What `make` gives, by what it is given: looked up as in a dictionary, made where it is not there.

    Equal keys must give equal values, and values must never change.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[K], V]) -> None:
        self._make = make

    def __missing__(self, key: K) -> V:
        made = self._make(key)
        if isinstance(key, _SIZED) and len(key) > REMEMBERED_BYTES_MAX:
            return made
        if len(self) >= REMEMBERED_MAX:
            self.clear()
        self[key] = made
        return made
