"""Enrolment: the keys by which cosigners know one another, made once, their public halves for governance.

`enrol(description)` founds an installation on one machine. `python -m streams.cosigning.enrolment` enrols one cosigner on a
machine of its own: before genesis, or in the place of a lost one (README).

    python -m streams.cosigning.enrolment cosigner-3 --site london --recovery-public recovery.pub > cosigner-3.json

It prints the entry for the genesis document, or the file for `proofdesk key recover`. The output holds no secret. Keys that
exist are kept, so the command can be repeated. Exit status 0, or 3 with the reason.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from infra.hsm.errors import TokenError
from infra.hsm.token import Token
from infra.identity import keyfile
from infra.identity.private_file import PrivateFileRefused, write_private
from infra.local_cluster.processes import EXIT_REFUSED
from infra.proofs import ed25519
from infra.settings.description import ClusterDescription, current
from schemas.keys import Cosigner
from schemas.topics import COSIGNERS
from schemas.values import Slug
from streams.cosigning.installation import (
    SITES,
    CosignerFolder,
    generate_agreement_key,
    load_agreement_key,
    load_identity,
    make_sealing_key,
    number_of,
)

RECOVERY_KEY_FILE: Final = "recovery.pem"
"""Reads every back-up of every share: in production it is made and kept offline, and only its public half comes here."""
AGREEMENT_KEY_BYTES: Final = 32
REFUSALS: Final = (PrivateFileRefused, TokenError, ValueError, OSError)


def enrol(description: ClusterDescription) -> list[Cosigner]:
    """Return all cosigners of a cluster in governance's form. Raises PrivateFileRefused: a key file was tampered with."""
    recovery_key_file = description.secret(RECOVERY_KEY_FILE)
    if not recovery_key_file.exists():
        generate_agreement_key(recovery_key_file)
    public = load_agreement_key(recovery_key_file).public_key().public_bytes_raw()
    places = [CosignerFolder.of(description, name) for name in COSIGNERS]
    for place in places:
        place.prepare()
        pin_recovery_key(place, public.hex())
    return [enrolled(place, SITES[place.name]) for place in places]


def enrolled(place: CosignerFolder, site: Slug) -> Cosigner:
    """Return one cosigner; make its keys if they are not there."""
    place.prepare()
    if not place.signing_key_file.exists():
        keyfile.generate(place.signing_key_file)
    if not place.agreement_key_file.exists():
        generate_agreement_key(place.agreement_key_file)
    identity = load_identity(place)
    return Cosigner(
        cosigner=place.name,
        party=number_of(place.name),
        site=site,
        signing_key=f"0x{ed25519.public_bytes(identity.signing_key).hex()}",
        agreement_key=f"0x{identity.agreement_key.public_key().public_bytes_raw().hex()}",
    )


def pin_recovery_key(place: CosignerFolder, public: str) -> None:
    """Have the cosigner back its shares up for the holder of this key: 64 hexadecimal digits. Raises ValueError."""
    if len(bytes.fromhex(public)) != AGREEMENT_KEY_BYTES:
        raise ValueError(f"a recovery key has {AGREEMENT_KEY_BYTES} bytes, and this is {public!r}")
    write_private(place.recovery_key_file, f"{public}\n".encode("ascii"))


def main() -> int:
    """Enrol one cosigner on this machine."""
    parser = argparse.ArgumentParser(description="Make a cosigner's keys, and print their public halves.")
    parser.add_argument("cosigner")
    parser.add_argument("--site", help="where it is; else where one of this name is in a new installation")
    parser.add_argument("--recovery-public", type=Path, help="a file: the recovery key's public half, 64 hexadecimal digits")
    asked = parser.parse_args()
    description = current()
    try:
        place = CosignerFolder.of(description, asked.cosigner)
        place.prepare()
        if asked.recovery_public is not None:
            pin_recovery_key(place, asked.recovery_public.read_text("ascii").strip())
        elif not place.recovery_key_file.exists():
            raise ValueError("its shares would have no back-up: name the recovery key's public half with --recovery-public")
        with Token.open(description.cosigner_token(place.name).settings) as token:
            make_sealing_key(token)
        cosigner = enrolled(place, asked.site or SITES[place.name])
    except REFUSALS as reason:
        sys.stderr.write(f"refused: {reason}\n")
        return EXIT_REFUSED
    sys.stdout.write(cosigner.model_dump_json(indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
