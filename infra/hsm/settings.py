"""Names a token, its PKCS#11 module and its PIN file: four values, none of them secret."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """One PKCS#11 token. `config_file` becomes SOFTHSM2_CONF, and is None for a token that needs none."""

    module: Path
    label: str
    pin_file: Path
    config_file: Path | None
