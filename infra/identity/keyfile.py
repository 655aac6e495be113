"""Ed25519 signing keys in PEM files of mode 0600 (PKCS #8, RFC 8410).

Loads a key only from a file that no other user can read; never overwrites a key.
Leaves out passphrases: the file's mode and the machine's disk encryption protect it.
"""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from infra.identity.private_file import PrivateFileRefused, create_private, read_private


def generate(path: Path) -> Ed25519PrivateKey:
    """Make a key, keep it in the new file `path`, return it. Raises PrivateFileRefused when `path` exists."""
    key = Ed25519PrivateKey.generate()
    create_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def load(path: Path) -> Ed25519PrivateKey:
    """Return the key in `path`. Raises PrivateFileRefused: not private, or no unencrypted Ed25519 key."""
    content = read_private(path)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause stays out of the traceback: it could quote the file.
        raise PrivateFileRefused(path, "holds no unencrypted PEM private key", "generate one for this system") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise PrivateFileRefused(path, "holds a key that is not Ed25519", "generate one for this system")
    return key
