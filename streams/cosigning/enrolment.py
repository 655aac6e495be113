"""Enrolment: the keys by which cosigners know one another, made once, their public halves for the genesis document.

`enrol(description)` is for whoever founds an installation, `enrolled(place, party)` for a cosigner that takes a lost one's
place. What is there already is not made again. On one machine all five are enrolled at once; at real sites each makes its own
keys and sends the public halves to whoever writes the genesis document.
"""

from __future__ import annotations

from typing import Final

from infra.cluster.description import ClusterDescription
from infra.identity import ed25519, keyfile
from schemas.keys import Cosigner
from schemas.topics import COSIGNERS
from streams.cosigning.place import SITES, Identity, Place, generate_agreement_key, load_agreement_key

RECOVERY_KEY_FILE: Final = "recovery.pem"
"""Reads every back-up of every share: in production it is made and kept offline, and only its public half comes here."""


def enrol(description: ClusterDescription) -> list[Cosigner]:
    """All cosigners of a cluster, as governance is to know them. Raises PrivateFileRefused: a key file was tampered with."""
    recovery_key_file = description.secret(RECOVERY_KEY_FILE)
    if not recovery_key_file.exists():
        generate_agreement_key(recovery_key_file)
    public = load_agreement_key(recovery_key_file).public_key().public_bytes_raw().hex()
    for name in COSIGNERS:
        place = Place.of(description, name)
        place.prepare()
        place.recovery_key_file.write_text(public + "\n", "ascii")
    return [enrolled(Place.of(description, name), party) for party, name in enumerate(COSIGNERS, start=1)]


def enrolled(place: Place, party: int) -> Cosigner:
    """One cosigner, whose keys are made if they are not there."""
    place.prepare()
    if not place.signing_key_file.exists():
        keyfile.generate(place.signing_key_file)
    if not place.agreement_key_file.exists():
        generate_agreement_key(place.agreement_key_file)
    identity = Identity.load(place)
    return Cosigner(
        cosigner=place.name,
        party=party,
        site=SITES[place.name],
        signing_key=f"0x{ed25519.public_bytes(identity.signing_key).hex()}",
        agreement_key=f"0x{identity.agreement_key.public_key().public_bytes_raw().hex()}",
    )
