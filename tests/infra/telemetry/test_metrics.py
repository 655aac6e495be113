"""One exposition shows what all processes count, across restarts and SIGKILL."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[3]

COUNTING = """
import os, signal, sys
from infra.telemetry import metrics
metrics.configure("desk")
desk = metrics.ProcessorMetrics("desk")
desk.took("commands", 3)
desk.took("commands")
desk.wrote("approved", 2)
desk.parked(int(sys.argv[1]))
with desk.transaction():
    pass
try:
    with desk.transaction():
        raise ValueError
except ValueError:
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""
SHOWING = """
import sys
from infra.telemetry import metrics
metrics.configure("gateway")
metrics.observe_request("/v1/orders/{id}", "GET", 200, 0.004)
sys.stdout.buffer.write(metrics.exposition())
"""


def python(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def count(runtime: Path, instance: str, parked: int) -> None:
    finished = python(COUNTING, str(parked), PROOFDESK_RUNTIME=str(runtime), PROOFDESK_INSTANCE=instance)
    assert finished.returncode == -signal.SIGKILL, finished.stderr


def shown(runtime: Path) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    finished = python(SHOWING, PROOFDESK_RUNTIME=str(runtime))
    assert finished.returncode == 0, finished.stderr
    families = text_string_to_metric_families(finished.stdout)
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for family in families for each in family.samples}


DESK = ("service", "desk")


def test_the_gateway_shows_the_sum_of_all_workers_and_each_ones_gauge(tmp_path: Path) -> None:
    count(tmp_path, "0", parked=4)
    count(tmp_path, "1", parked=1)
    numbers = shown(tmp_path)
    assert numbers["proofdesk_inputs_total", (DESK, ("topic", "commands"))] == 8
    assert numbers["proofdesk_events_total", (DESK, ("topic", "approved"))] == 4
    assert numbers["proofdesk_parked_inputs", (("instance", "0"), DESK)] == 4
    assert numbers["proofdesk_parked_inputs", (("instance", "1"), DESK)] == 1


def test_a_worker_that_was_killed_counts_on_where_it_stopped_and_in_the_same_files(tmp_path: Path) -> None:
    count(tmp_path, "0", parked=4)
    files = sorted(path.name for path in (tmp_path / "metrics").iterdir())
    count(tmp_path, "0", parked=0)
    assert sorted(path.name for path in (tmp_path / "metrics").iterdir()) == files
    numbers = shown(tmp_path)
    assert numbers["proofdesk_inputs_total", (DESK, ("topic", "commands"))] == 8
    assert numbers["proofdesk_parked_inputs", (("instance", "0"), DESK)] == 0


def test_only_transactions_that_succeed_are_timed(tmp_path: Path) -> None:
    count(tmp_path, "0", parked=0)
    assert shown(tmp_path)["proofdesk_transaction_seconds_count", (DESK,)] == 1


def test_requests_are_timed_by_route_in_buckets(tmp_path: Path) -> None:
    numbers = shown(tmp_path)
    route = (("method", "GET"), ("route", "/v1/orders/{id}"), ("status", "200"))
    assert numbers["proofdesk_http_request_seconds_bucket", (("le", "0.0025"), *route)] == 0
    assert numbers["proofdesk_http_request_seconds_bucket", (("le", "0.005"), *route)] == 1


def test_the_folder_of_numbers_is_the_clusters_own(tmp_path: Path) -> None:
    shown(tmp_path / "one")
    assert (tmp_path / "one" / "metrics").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_outside_a_cluster_the_numbers_stay_in_the_process(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROOFDESK_")}
    finished = subprocess.run(
        [sys.executable, "-c", SHOWING],
        env={**environment, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert 'route="/v1/orders/{id}"' in finished.stdout
    assert list(tmp_path.iterdir()) == []
