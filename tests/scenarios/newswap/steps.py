"""A scenario's steps: each is a sentence with the facts that held, printed as it happens, counted at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape


class NotHeld(Exception):
    """A step's claim is false. The message says what was found."""


@dataclass(slots=True)
class Script:
    """Runs steps one after the other; a step that does not hold ends the scenario, since the next would build on it."""

    console: Console = field(default_factory=lambda: Console(file=sys.stdout, highlight=False, soft_wrap=True))
    held: int = 0
    told: int = 0
    total: int = 0

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        self.console.print(f"\n[bold]{escape(title)}[/bold]")

    def step(self, sentence: str, act: Callable[[], str]) -> None:
        """Do one step; what `act` returns is printed as what was found.

        Raises:
            NotHeld: its claim is false.
        """
        self.told += 1
        begun = time.monotonic()
        try:
            found = act()
        except Exception as fault:
            self.console.print(f"  [red]✗ {escape(sentence)}[/red]\n      {type(fault).__name__}: {escape(str(fault))}")
            raise NotHeld(sentence) from fault
        self.held += 1
        took = (time.monotonic() - begun) * 1_000
        self.console.print(f"  [green]✓[/green] {escape(sentence)} [dim]({took:,.0f} ms)[/dim]")
        for line in found.splitlines():
            self.console.print(f"      [dim]{escape(line)}[/dim]")

    def close(self, total: int) -> int:
        """Print the last line; exit status 0 only if all `total` steps held."""
        self.console.print(f"\ndemo: {self.held} of {total} steps held")
        return 0 if self.held == total else 1


def claim(condition: object, found: str) -> None:
    """Raise unless `condition` is true.

    Raises:
        NotHeld: with what was found instead.
    """
    if not condition:
        raise NotHeld(found)
