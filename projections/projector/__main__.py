"""`python -m projections.projector`: keep the tables of the cluster that PROOFDESK_RUNTIME names up with its log."""

from __future__ import annotations

from infra.settings import description
from projections.projector.process import run
from projections.projector.projecting import project

if __name__ == "__main__":
    run(project, description.current())
