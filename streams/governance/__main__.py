"""The governance processor as a process: `python -m streams.governance`."""

from infra.cluster import description
from streams.governance.process import run

run(description.current())
