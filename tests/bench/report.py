"""A benchmark's result: medians and ratios, since timings on a shared machine drift and only comparisons within a run hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

DECIMALS_BELOW = 100


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one benchmark. Higher is better unless `unit` is a time."""

    name: str
    unit: str
    ours: float
    floor: float
    peers: Mapping[str, float]
    ratios: Mapping[str, float]
    runs: Mapping[str, Sequence[float]]
    note: str = ""
    """What else a reader of the table should know: where the time goes, what was left out."""

    @classmethod
    def of(cls, name: str, unit: str, runs: Mapping[str, Sequence[float]], note: str = "") -> Result:
        """From paired runs: `ours`, `floor` and any peers. One that failed has fewer figures; its first pairs are compared.

        Raises:
            KeyError: `ours` or `floor` is missing.
        """
        medians = {who: median(figures) for who, figures in runs.items()}
        ratios = {
            f"ours/{who}": round(median(a / b for a, b in zip(runs["ours"], figures, strict=False)), 3)
            for who, figures in runs.items()
            if who != "ours"
        }
        peers = {who: figure for who, figure in medians.items() if who not in ("ours", "floor")}
        return cls(name, unit, medians["ours"], medians["floor"], peers, ratios, runs, note)


def say(line: str) -> None:
    """Print progress, such as the figure of one run, beside the results."""
    Console(stderr=True, highlight=False).print(line, markup=False, soft_wrap=True)


def record(result: Result, log: Path) -> None:
    """Print a result's table, and append it as one JSON object to `log`: at once, since what comes later may fail."""
    console = Console(highlight=False)
    console.print(_table(result))
    if result.note:
        console.print(result.note, markup=False, soft_wrap=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as out:
        out.write(json.dumps(_plain(result)) + "\n")


def _table(result: Result) -> Table:
    table = Table("who", "median", "ours / who", "runs", title=f"{result.name}, {result.unit}", title_justify="left")
    rows: list[tuple[str, float]] = [("ours", result.ours), ("floor", result.floor), *result.peers.items()]
    for who, figure in rows:
        runs = "  ".join(_figure(run) for run in result.runs[who])
        table.add_row(who, _figure(figure), str(result.ratios.get(f"ours/{who}", "")), runs)
    return table


def _figure(figure: float) -> str:
    """Formats a figure as a whole number, with decimals where they matter."""
    return f"{figure:,.0f}" if figure >= DECIMALS_BELOW else f"{figure:.1f}"


def _plain(result: Result) -> dict[str, Any]:
    return {**asdict(result), "runs": {who: list(figures) for who, figures in result.runs.items()}}
