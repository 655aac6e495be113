"""Log lines are JSON on stderr, name their service and time, and never show a value under a secret's name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def lines(script: str, **environment: str) -> list[dict[str, object]]:
    """The log lines of a process that runs `script` after configuring logs; its stdout must stay clean."""
    preamble = "import logging\nimport structlog\nfrom infra.telemetry.logging import configure\nconfigure('desk')\n"
    finished = subprocess.run(
        [sys.executable, "-c", preamble + script],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert finished.stdout == ""
    return [json.loads(line) for line in finished.stderr.splitlines()]


def test_a_line_says_what_who_and_when() -> None:
    (line,) = lines("structlog.get_logger('x').warning('order held', order_id='o1')", PROOFDESK_INSTANCE="1")
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {"event": "order held", "order_id": "o1", "level": "warning", "service": "desk", "instance": "1"}


@pytest.mark.parametrize(("level", "shown"), [("", 2), ("debug", 3), ("WARNING", 1), ("error", 0)])
def test_the_level_is_the_environments_and_info_by_default(level: str, shown: int) -> None:
    script = "log = structlog.get_logger()\nlog.debug('a')\nlog.info('b')\nlog.warning('c')\n"
    assert len(lines(script, PROOFDESK_LOG_LEVEL=level)) == shown


def test_what_libraries_log_has_the_same_form() -> None:
    (line,) = lines("logging.getLogger('uvicorn').warning('slow %s', 3)\nlogging.getLogger('uvicorn').info('no')")
    assert (line["event"], line["level"], line["service"]) == ("slow 3", "warning", "desk")


def test_what_is_named_like_a_secret_is_withheld_however_deep() -> None:
    (line,) = lines(
        "structlog.get_logger().info('x', pin='s3cret', Password='s3cret', so_pin='s3cret', opinion='kept', tokens=2,\n"
        "    kafka={'username': 'desk', 'password': 's3cret'}, all=[{'private_key': 's3cret'}, ({'TOKEN': 's3cret'},)])"
    )
    assert "s3cret" not in json.dumps(line)
    assert (line["opinion"], line["tokens"], line["pin"]) == ("kept", 2, "[withheld]")
    assert line["kafka"] == {"username": "desk", "password": "[withheld]"}


def test_a_librarys_secrets_are_withheld_too() -> None:
    (line,) = lines("logging.getLogger('x').warning('y', extra={'password': 's3cret'})")
    assert "s3cret" not in json.dumps(line)


def test_a_traceback_shows_no_variables() -> None:
    (line,) = lines(
        "def fail():\n    pin = '-'.join(['s3', 'cret'])\n    return 1 / 0\n"
        "try:\n    fail()\nexcept ZeroDivisionError:\n    structlog.get_logger().exception('broken')\n"
    )
    assert "ZeroDivisionError" in str(line["exception"])
    assert "s3-cret" not in json.dumps(line)


def test_values_that_are_not_json_and_lines_that_are_not_one_stay_one_line() -> None:
    (line,) = lines("from pathlib import Path\nstructlog.get_logger().info('two\\nlines', path=Path('/x'), raw=b'\\xff')")
    assert (line["event"], line["path"]) == ("two\nlines", "/x")


def test_configuring_again_does_not_double_the_lines() -> None:
    assert len(lines("configure('desk')\nlogging.getLogger('x').error('once')\nstructlog.get_logger().info('once')")) == 2
