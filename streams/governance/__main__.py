"""The governance processor as a process: `python -m streams.governance`."""

from infra.settings import description
from streams.governance.process import run

if __name__ == "__main__":
    run(description.current())
