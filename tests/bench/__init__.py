"""Side-by-side benchmarks (`make bench [ONLY=name]`): ours, a floor that does as little as possible, and peers, in one run."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
"""The repository."""
