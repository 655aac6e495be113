"""Where keys are: the signing backends, one class each, behind `enclave.Signer`. Keys never leave their token."""

from __future__ import annotations

from infra.chain.transaction import Signature
from infra.hsm.token import Token
from schemas.events.governance import WalletAssigned


class BackendUnknown(Exception):
    """Governance assigned the wallet to a key that this enclave does not hold."""


class HsmSigner:
    """A PKCS#11 token. One session, used under its own lock."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def sign(self, wallet: WalletAssigned, digest: bytes) -> Signature:
        """Sign with the key that the wallet names.

        Raises:
            BackendUnknown: the wallet's key is not in an HSM.
        """
        if wallet.key_backend != "hsm":
            raise BackendUnknown(f"wallet {wallet.wallet_id} is kept by {wallet.key_backend}, and this enclave holds an HSM")
        made = self._token.sign_digest(wallet.key_id, digest)
        return Signature(made.y_parity, made.r, made.s)
