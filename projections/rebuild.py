"""`python -m projections.rebuild`: fill new tables from the log's beginning while the old ones serve, then swap them."""

from __future__ import annotations

from infra.settings import description
from projections.projector.process import run
from projections.projector.projecting import rebuild

if __name__ == "__main__":
    run(rebuild, description.current())
