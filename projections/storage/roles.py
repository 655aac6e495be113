"""The two roles that know the tables, and how they connect: `projector` writes them, `reader` sees the views."""

from __future__ import annotations

import json
from typing import Final

from psycopg.conninfo import make_conninfo

from infra.identity.private_file import read_private
from infra.settings.description import ClusterDescription

PROJECTOR: Final = "projector"
READER: Final = "reader"
CONNECT_SECONDS_MAX: Final = 5


def conninfo(description: ClusterDescription, role: str) -> str:
    """Return the connection string of `role`. It holds the password: never log it.

    Raises:
        OSError: its credentials are not in this cluster's secrets, or others can read them.
    """
    credentials = json.loads(read_private(description.secret(f"postgres-{role}.json")))
    return make_conninfo(
        description.postgres,
        user=credentials["username"],
        password=credentials["password"],
        connect_timeout=CONNECT_SECONDS_MAX,
    )
