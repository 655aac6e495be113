"""Bring a lost cosigner's share to another in its place: `python -m streams.cosigning.recovery`, on the new one's machine.

    python -m streams.cosigning.recovery cosigner-3 shared-1 7 --backup shared-1-7.backup --recovery-key recovery.pem

The back-up was made by the lost cosigner: a back-up of another cosigner's share, or of another epoch than named, is refused.
Reading it takes the recovery key, which is kept offline and is brought only for this. The share is sealed anew for the new
cosigner. It cannot be used until the `recover` that a quorum agreed to has refreshed all shares (README). Exit status 0, or 3
with the reason.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from infra.hsm.errors import TokenError
from infra.hsm.token import Token
from infra.identity.private_file import PrivateFileRefused, read_private
from infra.keys.sealing import FileSealer, TokenSealer
from infra.keys.threshold import ShareUnfit
from infra.keys.vault import ShareExists, ShareVault
from infra.local_cluster.processes import EXIT_REFUSED
from infra.proofs.envelope import EnvelopeRefused
from infra.settings.description import current
from streams.cosigning.installation import SEALING_KEY, CosignerFolder, load_agreement_key, make_sealing_key, number_of

REFUSALS: Final = (EnvelopeRefused, ShareUnfit, ShareExists, PrivateFileRefused, TokenError, ValueError)


def vault_of(place: CosignerFolder, token: Token | None) -> ShareVault:
    """Return the vault of a cosigner's shares: with a token, of its hybrid keys; without one, of its MPC keys."""
    if token is None:
        return ShareVault(place.shares / "mpc", FileSealer(place.sealing_key_file))
    return ShareVault(place.shares / "hybrid", TokenSealer(token, SEALING_KEY))


def main() -> int:
    """Restore one share."""
    parser = argparse.ArgumentParser(description="Restore a share from its back-up.")
    parser.add_argument("cosigner")
    parser.add_argument("key_id")
    parser.add_argument("epoch", type=int)
    parser.add_argument("--backup", type=Path, required=True)
    parser.add_argument("--recovery-key", type=Path, required=True)
    parser.add_argument("--hybrid", action="store_true", help="the key's shares are sealed by the cosigner's token")
    asked = parser.parse_args()
    description = current()
    try:
        place = CosignerFolder.of(description, asked.cosigner)
        place.prepare()
        backup, recovery_key = read_private(asked.backup), load_agreement_key(asked.recovery_key)
        settings = description.cosigner_token(place.name).settings
        with Token.open(settings) if asked.hybrid else nullcontext() as token:
            if token is not None:
                make_sealing_key(token)
            vault = vault_of(place, token)
            share = vault.restore(asked.key_id, asked.epoch, backup, recovery_key, party=number_of(place.name))
    except REFUSALS as reason:
        sys.stderr.write(f"refused: {reason}\n")
        return EXIT_REFUSED
    sys.stdout.write(f"{place.name} has the share of key {asked.key_id}, epoch {asked.epoch}, of {share.address}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
