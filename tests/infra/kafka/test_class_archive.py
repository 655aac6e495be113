"""Java uses the archive of a broker's classes, and starts without a broken one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.kafka import class_archive
from infra.kafka.properties import Seat
from infra.kafka.server import Broker, archive_of, java, new_cluster_id
from infra.local_cluster.services import JARS

pytestmark = pytest.mark.cluster

PASSWORDS = dict.fromkeys(class_archive.PRINCIPALS, "sesame")


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    """The jars in a folder of their own, without an archive."""
    folder = tmp_path / "jars"
    folder.mkdir()
    for jar in JARS.glob("*.jar"):
        shutil.copy2(jar, folder)
    return folder


def test_the_archive_that_is_made_holds_the_brokers_classes(jars: Path) -> None:
    class_archive.make(jars)
    assert not list(jars.glob("*.draft"))
    # `-Xshare:on` makes Java stop where it would otherwise go without the archive.
    shared = [java(), "-Xshare:on", f"-XX:SharedArchiveFile={archive_of(jars)}", "-Xlog:class+load", "-XX:TieredStopAtLevel=1"]
    asked = [*shared, "-cp", f"{jars}/*", "kafka.tools.StorageTool", "random-uuid"]
    ran = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)
    loaded = [line for line in ran.stdout.splitlines() if "org.apache.kafka" in line and "source:" in line]
    assert sum("shared objects file" in line for line in loaded) > len(loaded) / 2 > 0


@pytest.mark.parametrize("content", [b"", b"no archive", bytes(100_000)])
def test_a_broker_goes_without_an_archive_that_is_broken(jars: Path, tmp_path: Path, content: bytes) -> None:
    archive_of(jars).write_bytes(content)
    (tmp_path / "broker").mkdir()
    seat = Seat(1, 20_001, 20_002)
    Broker(tmp_path / "broker", jars, seat, (seat,), new_cluster_id(), PASSWORDS).prepare()
    assert (tmp_path / "broker" / "log" / "meta.properties").exists()
