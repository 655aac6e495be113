"""A key in a file, for development: refused unless this installation says of itself that it is one, and always in production.

A reader of the file can move the funds, so the installation must ask for it: `PROOFDESK_DEVELOPMENT=1`. Leaves out the files
themselves (`infra.keys.software`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.ethereum.transaction import Signature
from infra.hsm.errors import KeyIdInvalid, KeyUnfit, KeyUnknown
from streams.signing.backends.contract import KeyUnusable, Made, Task

if TYPE_CHECKING:
    from infra.keys.software import SoftwareKeys
    from streams.judging.installation import EnclaveSettings


class NotForDevelopment(Exception):
    """Keys in files are asked for where funds may be real."""


class SoftwareSigner:
    """Keys in files of one folder."""

    def __init__(self, keys: SoftwareKeys, settings: EnclaveSettings) -> None:
        """Take over the keys. Raises NotForDevelopment."""
        if settings.production:
            raise NotForDevelopment(
                "keys in files are never used in production; have the wallet's key made in a token or in shares"
            )
        if not settings.development:
            raise NotForDevelopment("keys in files are for development; say PROOFDESK_DEVELOPMENT=1 if this is what it is for")
        self._keys = keys

    def sign(self, task: Task) -> Made:
        """Sign with the key in its file.

        Raises:
            KeyUnusable: there is no such key.
            PrivateFileRefused: another user could have read it.
        """
        try:
            made = self._keys.sign_digest(task.key_id, task.digest)
        except (KeyUnknown, KeyUnfit, KeyIdInvalid) as missing:
            raise KeyUnusable(str(missing)) from missing
        return Made(Signature(made.y_parity, made.r, made.s))
