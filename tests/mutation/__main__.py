"""`python -m tests.mutation [ROOM]`: makes one small change to the room's code at a time, and counts those its tests notice.

mutmut makes the changes (DeMillo, Lipton, Sayward: "Hints on Test Data Selection", 1978). It works on a copy under `.runtime/`,
with an environment of its own beside the product's. The score is noticed changes of all; what survived is listed, to be read.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from infra.setup.environment import make_environment

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".runtime" / "mutation"
LOCK: Final = Path(__file__).with_name("requirements.lock")
COPIED: Final = ("schemas", "infra", "streams", "commands", "projections", "tests")
LONG: Final = ("tests/streams/rules/limits/test_machine.py",)
"""Tests of so many steps that they would be the whole of a run's time: changes are judged without them."""
LIST_SECONDS_MAX: Final = 300
RUN_SECONDS_MAX: Final = 7_200
STATS: Final = "mutants/mutmut-cicd-stats.json"
SURVIVORS_SHOWN_MAX: Final = 200

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(stderr=True, highlight=False)


@app.command()
def main(
    room: Annotated[str, typer.Argument(help="The folder to be changed.")] = "streams/rules/orders",
    children: Annotated[int, typer.Option(help="Changes that are tried at the same time.")] = os.cpu_count() or 1,
) -> None:
    """Print the room's mutation score, and one JSON object as the last line."""
    tests = Path("tests") / room
    if not (ROOT / room).is_dir() or not (ROOT / tests).is_dir():
        raise typer.BadParameter(f"{room} is no room with tests of its own in {tests}")
    mutmut, tree = _installed(), _copied(room, tests)
    console.print(f"mutation of {room}: running; what it does is in {tree.relative_to(ROOT)}/mutmut.log")
    _run(mutmut, tree, ["run", "--max-children", str(children)])
    _run(mutmut, tree, ["export-cicd-stats"])
    survivors = _survivors(mutmut, tree)
    for name in survivors[:SURVIVORS_SHOWN_MAX]:
        console.print(f"  survived: {name}")
    stats = json.loads((tree / STATS).read_text("utf-8"))
    noticed = stats["killed"] + stats["timeout"] + stats["segfault"]
    score = round(100 * noticed / stats["total"], 1) if stats["total"] else 0.0
    typer.echo(json.dumps({"room": room, "score_percent": score, **stats}))


def _installed() -> Path:
    """The mutmut of an environment that also sees the product's packages."""
    environment = FOLDER / "environment"
    stamp = environment / "proofdesk.stamp"
    if not stamp.exists() or stamp.stat().st_mtime < LOCK.stat().st_mtime:
        make_environment(environment, LOCK)
        packages = next((environment / "lib").glob("python3*/site-packages"))
        ours = next(Path(path) for path in sys.path if path.endswith("site-packages"))
        (packages / "product.pth").write_text(f"{ours}\n", "utf-8")
        stamp.touch()
    return environment / "bin" / "mutmut"


def _copied(room: str, tests: Path) -> Path:
    """A fresh copy of the repository's code, told what to change and by which tests it is judged."""
    tree = FOLDER / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    more = {
        "source_paths": [room],
        "pytest_add_cli_args_test_selection": [str(tests)],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", *(f"--ignore={each}" for each in LONG)],
        "also_copy": [*COPIED, "pyproject.toml"],
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in more.items()]
    (tree / "pyproject.toml").write_text("\n".join([settings, "[tool.mutmut]", *lines, ""]), "utf-8")
    return tree


def _run(mutmut: Path, tree: Path, arguments: list[str]) -> None:
    with (tree / "mutmut.log").open("ab") as log:
        done = subprocess.run([mutmut, *arguments], cwd=tree, stdout=log, stderr=log, check=False, timeout=RUN_SECONDS_MAX)
    if done.returncode != 0:
        raise typer.Exit(_failed(tree))


def _failed(tree: Path) -> int:
    console.print(f"mutmut failed: read {tree.relative_to(ROOT)}/mutmut.log; the room's own tests must pass first")
    return 1


def _survivors(mutmut: Path, tree: Path) -> list[str]:
    shown = subprocess.run([mutmut, "results"], cwd=tree, capture_output=True, text=True, check=True, timeout=LIST_SECONDS_MAX)
    lines = (line.strip() for line in shown.stdout.splitlines())
    return [line.removesuffix(": survived") for line in lines if line.endswith(": survived")]


if __name__ == "__main__":
    app()
