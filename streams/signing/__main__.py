"""The enclave's process: `python -m streams.signing`.

It opens its token, then confines itself, then reads the log: in this order, because a thread that runs already would stay free,
and because the PIN is out of reach afterwards. From then on it reaches only Kafka's brokers, so it sends no spans: the trace
passes through it in the headers.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import infra
import schemas
import streams
from infra.hsm.errors import KeyExists, TokenError
from infra.hsm.token import Token
from infra.isolation.sandbox import confine, runtime_paths
from infra.keys.sealing import TokenSealer
from infra.keys.software import SoftwareKeys
from infra.settings.description import ClusterDescription, current
from infra.telemetry import metrics
from schemas.keys import KeyBackend
from schemas.topics import Principal
from streams.engine import shell
from streams.engine.process import run, wall_clock
from streams.engine.references import References
from streams.engine.shell import Ends, Stop
from streams.judging.evidence_reader import REFERENCE_TOPICS
from streams.judging.installation import (
    CAPS_FILE,
    KEYS_FOLDER,
    MEMORY_FOLDER,
    UNFIT,
    EnclaveSettings,
    own_folder,
    pinned_caps,
    pinned_root_key,
    token_paths,
)
from streams.judging.journal import SealedJournal
from streams.judging.memory import SealedMemory
from streams.rules.decider import Processor
from streams.rules.evidence.signing_decider import SigningDecider
from streams.rules.governance.root import RootedGovernance
from streams.signing.backends.contract import Signer
from streams.signing.backends.cosigners import over_kafka
from streams.signing.backends.hsm import HsmSigner
from streams.signing.backends.mpc import MpcSigner
from streams.signing.backends.safe import with_safes
from streams.signing.backends.software import SoftwareSigner
from streams.signing.enclave import Enclave

PRINCIPAL: Final[Principal] = "signer"
MEMORY_KEY: Final = "signer-memory"
"""The id of the token's key that seals the memory."""


def broker_ports(bootstrap: str) -> tuple[int, ...]:
    """Return the ports in `host:port,host:port`. Raises ValueError."""
    return tuple(int(address.rpartition(":")[2]) for address in bootstrap.split(","))


def shut_in(description: ClusterDescription, settings: EnclaveSettings) -> None:
    """Drop every right that the enclave does not need from here on. Raises ConfinementRefused."""
    counters = description.runtime / metrics.FOLDER
    counters.mkdir(mode=0o700, exist_ok=True)
    own = own_folder(description, PRINCIPAL)
    confine(
        read=[
            *runtime_paths(),
            *(Path(package.__path__[0]) for package in (infra, schemas, streams)),
            description.secret(f"kafka-{PRINCIPAL}.json"),
            *token_paths(description.token),
            *([own / KEYS_FOLDER] if settings.development else []),
        ],
        write=[counters, own / MEMORY_FOLDER],
        connect_ports=broker_ports(description.kafka_bootstrap),
        demand_complete=settings.production,
    )
    os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT", None)


def opened_memory(folder: Path, token: Token) -> SealedJournal:
    """Return the journal in `folder`, sealed by a key of the token. Raises MemoryRefused, SealRefused, TokenError."""
    with suppress(KeyExists):
        token.generate_sealing_key(MEMORY_KEY)
    return SealedJournal(folder, TokenSealer(token, MEMORY_KEY))


def main() -> int:
    """Run the enclave until a fresh start (`EXIT_RESTART`) or a person (`EXIT_REFUSED`) has to help."""
    ends = Ends(
        refusals=UNFIT,
        refused="the enclave signs nothing",
        paused=(TokenError,),
        pausing="restarting: nothing is signed until the token is back",
    )
    return shell.run(PRINCIPAL, _serve, ends)


def _serve(_stop: Stop) -> NoReturn:
    """Wire the enclave and run it."""
    description, settings = current(), EnclaveSettings()
    governance = RootedGovernance(pinned_root_key(description.root_key_file))
    own = own_folder(description, PRINCIPAL)
    caps = pinned_caps(own / CAPS_FILE, production=settings.production)
    with Token.open(description.token.settings) as token, opened_memory(own / MEMORY_FOLDER, token) as journal:
        shut_in(description, settings)
        memory = SealedMemory(journal, caps, journal.entries)
        references = References(description, PRINCIPAL, REFERENCE_TOPICS)
        mpc = MpcSigner(lambda: governance.view, over_kafka(description, PRINCIPAL), wall_clock)
        keys: dict[KeyBackend, Signer] = {"hsm": HsmSigner(token), "mpc": mpc, "hybrid": mpc}
        if settings.development:
            keys["software"] = SoftwareSigner(SoftwareKeys(own / KEYS_FOLDER), settings)
        enclave = Enclave(references, with_safes(keys, lambda: governance.view), governance, memory)
        run(
            Processor(
                principal=PRINCIPAL,
                inputs=("simulated",),
                outputs=("signed", "signing-refused"),
                decider=SigningDecider(),
                observer=enclave,
                performer=enclave,
            ),
            description,
            UNFIT,
        )


if __name__ == "__main__":
    sys.exit(main())
