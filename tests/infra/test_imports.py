"""Bounds the imports of each program's start: a signer no web server, the command line no database driver.

Each import is made by a fresh interpreter. Times are measured by `make bench ONLY=startup`, not here.
"""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

WEB_SERVER = ("fastapi", "starlette", "uvicorn", "jinja2")
DATABASE = ("psycopg", "psycopg_pool")
KAFKA = ("confluent_kafka",)
CHAIN = ("web3", "eth_account", "eth_utils", "eth_abi")
SLOW = ("pydantic", "httpx", "rich", "cryptography", "structlog", "opentelemetry")
"""Nothing that only prints a help text needs these."""

LEFT_OUT = {
    "commands.cli.__main__": (*WEB_SERVER, *DATABASE, *KAFKA, *CHAIN, *SLOW),
    "commands.cli.desk.orders": (*WEB_SERVER, *DATABASE, *KAFKA, *CHAIN),
    "commands.cli.firm.proposals": (*WEB_SERVER, *DATABASE, *KAFKA, *CHAIN),
    "streams.signing.__main__": (*WEB_SERVER, *DATABASE, "web3", "httpx", "typer"),
    "streams.cosigning.__main__": (*WEB_SERVER, *DATABASE, "web3", "httpx", "typer"),
    "streams.custody.__main__": (*WEB_SERVER, *DATABASE, "web3", "httpx", "typer"),
    "streams.desk.__main__": (*WEB_SERVER, *DATABASE, "web3", "httpx", "typer"),
    "streams.governance.__main__": (*WEB_SERVER, *DATABASE, "web3", "httpx", "typer"),
    "streams.execution.__main__": (*WEB_SERVER, *DATABASE, "typer"),
    "streams.broadcast.__main__": (*WEB_SERVER, *DATABASE, "typer"),
    "streams.settlement.__main__": (*WEB_SERVER, *DATABASE, "typer"),
    "streams.detectors.__main__": (*WEB_SERVER, *DATABASE, "web3", "httpx", "typer"),
    "projections.projector.__main__": (*WEB_SERVER, "web3", "httpx", "typer"),
    "schemas.wire": (*WEB_SERVER, *DATABASE, *KAFKA, *CHAIN, "httpx", "structlog", "typer"),
}
"""By module: the libraries that importing it must not import."""


@pytest.mark.parametrize("module", LEFT_OUT)
def test_a_program_imports_no_library_that_it_does_not_need(module: str) -> None:
    imported = _imported(f"import {module}")
    assert module in imported
    assert sorted(imported & set(LEFT_OUT[module])) == []


def test_the_help_of_the_command_line_imports_no_subcommand() -> None:
    imported = _imported("import sys, commands.cli as cli\nsys.argv = ['proofdesk', '--help']\ncli.app(standalone_mode=False)")
    assert "commands.cli.subcommands" in imported
    assert sorted(imported & {*WEB_SERVER, *DATABASE, *KAFKA, *CHAIN, *SLOW, "commands.client", "schemas"}) == []


def _imported(statements: str) -> set[str]:
    """The names of all modules that a fresh interpreter holds after `statements`."""
    script = f"{statements}\nimport sys\nprint('\\n' + ' '.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(ran.stdout.splitlines()[-1].split())
