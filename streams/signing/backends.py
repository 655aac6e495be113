"""Where keys are: the signing backends, one class each, behind `Signer`. Keys never leave their token."""

from __future__ import annotations

from typing import Protocol

from infra.chain.transaction import Signature
from infra.hsm.errors import KeyIdInvalid, KeyUnfit, KeyUnknown
from infra.hsm.token import Token
from schemas.events.governance import WalletAssigned


class KeyUnusable(Exception):
    """The enclave has no key that could sign for the wallet as governance assigned it; the message says why."""


class Signer(Protocol):
    """A backend that holds keys."""

    def sign(self, wallet: WalletAssigned, digest: bytes) -> Signature:
        """Sign 32 bytes with the key that `wallet` names.

        Raises:
            KeyUnusable: there is no such key here. Whatever else is raised stops the enclave.
        """
        ...


class HsmSigner:
    """A PKCS#11 token. One session, used under its own lock."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def sign(self, wallet: WalletAssigned, digest: bytes) -> Signature:
        """Sign with the token's key.

        Raises:
            KeyUnusable: governance says that another backend keeps it, or the token has no such key.
            TokenError: the token failed.
        """
        if wallet.key_backend != "hsm":
            raise KeyUnusable(f"wallet {wallet.wallet_id} is kept by {wallet.key_backend}, and this enclave holds an HSM")
        try:
            made = self._token.sign_digest(wallet.key_id, digest)
        except (KeyUnknown, KeyUnfit, KeyIdInvalid) as missing:
            raise KeyUnusable(str(missing)) from missing
        return Signature(made.y_parity, made.r, made.s)
