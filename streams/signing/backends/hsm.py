"""A key in a PKCS#11 token, made there and unable to leave it."""

from __future__ import annotations

from infra.ethereum.transaction import Signature
from infra.hsm.errors import KeyIdInvalid, KeyUnfit, KeyUnknown
from infra.hsm.token import Token
from streams.signing.backends.contract import KeyUnusable, Made, Task


class HsmSigner:
    """A PKCS#11 token. One session, used under its own lock."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def sign(self, task: Task) -> Made:
        """Sign with the token's key.

        Raises:
            KeyUnusable: the token has no such key.
            TokenError: the token failed.
        """
        try:
            made = self._token.sign_digest(task.key_id, task.digest)
        except (KeyUnknown, KeyUnfit, KeyIdInvalid) as missing:
            raise KeyUnusable(str(missing)) from missing
        return Made(Signature(made.y_parity, made.r, made.s))
