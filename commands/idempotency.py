"""From an idempotency key to the id of a command: one key of one principal, one id, one outcome.

A UUID is the id as it is, in lowercase; any other key becomes UUID version 5 (RFC 9562) of `<principal>/<key>` in
`COMMAND_NAMESPACE`, so that two principals who choose the same word do not meet. The id is part of what is signed, so a
client computes it by the same rule. A key may stand in double quotes, as the IETF draft "Idempotency-Key HTTP Header Field"
writes it; they are not part of it.
"""

from __future__ import annotations

import re
import uuid
from typing import Final

from schemas.values import CommandId, PrincipalId

COMMAND_NAMESPACE: Final = uuid.UUID("3f0c2b57-5f1e-5c64-9a55-0d1f6f7c4b21")
KEY_CHARACTERS_MAX: Final = 200

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_KEY: Final = re.compile(rf"[!#-\[\]-~]{{1,{KEY_CHARACTERS_MAX}}}")
"""Visible ASCII but for the double quote and the backslash, which would need escaping inside quotes."""


def command_id_of(principal: PrincipalId, key: str) -> CommandId:
    """The id of the command that `principal` sends under `key`.

    Raises:
        ValueError: the key is empty, too long, or holds blanks, quotes or characters other than visible ASCII.
    """
    bare = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    if not _KEY.fullmatch(bare):
        raise ValueError(
            f"must be a UUID, or 1 to {KEY_CHARACTERS_MAX} visible ASCII characters without quotes and backslashes"
        )
    return bare.lower() if _UUID.fullmatch(bare) else str(uuid.uuid5(COMMAND_NAMESPACE, f"{principal}/{bare}"))
