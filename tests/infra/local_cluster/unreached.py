"""Describes a cluster with a real token, and with no process behind any of its addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from infra.hsm.softhsm import initialise
from infra.settings.description import ClusterDescription, TokenPlace

NOWHERE: Final = "localhost:1"


def unreached(folder: Path, kafka_bootstrap: str = NOWHERE) -> ClusterDescription:
    """Initialise a token in `folder`, and write the description where processes read it."""
    token = initialise(folder)
    description = ClusterDescription(
        runtime=folder,
        http=f"http://{NOWHERE}",
        node=f"http://{NOWHERE}",
        postgres=f"postgresql://{NOWHERE}/x",
        kafka_bootstrap=kafka_bootstrap,
        token=TokenPlace(module=token.module, label=token.label, pin_file=token.pin_file, config_file=token.config_file),
    )
    (folder / "cluster.json").write_text(description.model_dump_json(), "utf-8")
    return description
