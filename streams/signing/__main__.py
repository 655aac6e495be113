"""The enclave's process: `python -m streams.signing`.

It opens its token, then shuts itself in, then reads the log: in this order, because a thread that runs already would stay
free, and because the PIN is out of reach afterwards. From then on it reaches Kafka's brokers and nothing else, so it sends no
spans: the trace passes through it in the headers.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NoReturn

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

import infra
import schemas
import streams
from infra.cluster.description import ClusterDescription, current
from infra.hsm.token import Token
from infra.isolation.sandbox import confine, runtime_paths
from infra.telemetry import logging, metrics
from schemas.topics import Principal
from streams.engine.decider import Processor
from streams.engine.process import run
from streams.engine.references import References
from streams.signing.backends.hsm import HsmSigner
from streams.signing.backends.switch import SwitchingSigner
from streams.signing.decider import SigningDecider
from streams.signing.enclave import Enclave
from streams.signing.root import RootedGovernance
from streams.signing.witness import REFERENCE_TOPICS

PRINCIPAL: Final[Principal] = "signer"
ROOT_KEY_BYTES: Final = 32


class EnclaveSettings(BaseSettings):
    """Read from the environment."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    production: bool = Field(default=False, alias="PROOFDESK_PRODUCTION")
    """Whether a machine that cannot confine the enclave wholly is refused."""


class RootKeyInvalid(Exception):
    """The pinned root key is not one."""


def pinned_root_key(file: Path) -> bytes:
    """The root key that this installation has pinned: 32 bytes.

    Raises:
        RootKeyInvalid: the file does not hold 64 hexadecimal digits.
    """
    try:
        key = bytes.fromhex(file.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise RootKeyInvalid(f"{file} holds no root key ({error}): write the key's 64 hexadecimal digits there") from error
    if len(key) != ROOT_KEY_BYTES:
        raise RootKeyInvalid(f"{file} holds {len(key)} bytes; an Ed25519 key has {ROOT_KEY_BYTES}")
    return key


def broker_ports(bootstrap: str) -> tuple[int, ...]:
    """The ports in `host:port,host:port`. Raises ValueError."""
    return tuple(int(address.rpartition(":")[2]) for address in bootstrap.split(","))


def shut_in(description: ClusterDescription, settings: EnclaveSettings) -> None:
    """Give up whatever the enclave does not need from here on. Raises ConfinementRefused."""
    counters = description.runtime / metrics.FOLDER
    counters.mkdir(mode=0o700, exist_ok=True)
    token = description.token.config_file
    confine(
        read=[
            *runtime_paths(),
            *(Path(package.__path__[0]) for package in (infra, schemas, streams)),
            description.secret(f"kafka-{PRINCIPAL}.json"),
            *([] if token is None else [token.parent]),
        ],
        write=[counters],
        connect_ports=broker_ports(description.kafka_bootstrap),
        demand_complete=settings.production,
    )
    os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT", None)


def main() -> NoReturn:
    """Wire the enclave and run it."""
    logging.configure(PRINCIPAL)
    description = current()
    governance = RootedGovernance(pinned_root_key(description.root_key_file))
    with Token.open(description.token.settings) as token:
        shut_in(description, EnclaveSettings())
        references = References(description, PRINCIPAL, REFERENCE_TOPICS)
        enclave = Enclave(references, SwitchingSigner({"hsm": HsmSigner(token)}), governance)
        run(
            Processor(
                principal=PRINCIPAL,
                inputs=("simulated",),
                outputs=("signed", "signing-refused"),
                decider=SigningDecider(),
                observer=enclave,
            ),
            description,
        )


if __name__ == "__main__":
    main()
