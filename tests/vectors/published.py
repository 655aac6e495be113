"""The vectors as they were published (README.md says where and under which licence)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent


def published(name: str) -> Any:
    """The content of a file of vectors."""
    content = (FOLDER / name).read_bytes()
    return json.loads(gzip.decompress(content) if name.endswith(".gz") else content)
