"""Signing with secp256k1 keys that are made in a PKCS#11 token and never leave it.

Decides how keys are made (SENSITIVE, neither EXTRACTABLE nor MODIFIABLE), that an id names one key for ever, that only
32-byte digests are signed, only by a key that never could have been copied, and that no signature leaves before it
recovers to the key's own public half. Sources: PKCS#11 3.0; EIP-2 for low s.
There is one session behind one lock: threads with sessions of their own crash SoftHSM under python-pkcs11.
Leaves out what a digest means, who may ask, and destruction of keys: those are decided before a token is reached.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, PrivateKey, PublicKey, Session
from pkcs11.exceptions import GeneralError, NoSuchToken, PinIncorrect, PinLenRange, PinLocked, PKCS11Error
from pkcs11.types import SignMixin
from pkcs11.util.ec import encode_named_curve_parameters
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from infra.hsm.errors import (
    DigestLength,
    KeyExists,
    KeyIdInvalid,
    KeyUnfit,
    KeyUnknown,
    SignatureInvalid,
    TokenClosed,
    TokenFailed,
    TokenMissing,
    WrongPin,
)
from infra.hsm.ethereum import DIGEST_BYTES, POINT_BYTES, RecoverableSignature, address_of, normalise
from infra.hsm.module import loaded
from infra.hsm.settings import TokenSettings
from infra.identity.private_file import read_private

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib as Library  # noqa: N812 - a class that its authors wrote in lower case

CURVE: Final = "secp256k1"
KEY_ID_BYTES_MAX: Final = 64
# DER: an OCTET STRING of 65 bytes, which PKCS#11 3.0 (6.3.3) puts around the point.
POINT_PREFIX: Final = b"\x04\x41"
OPEN_ATTEMPTS_MAX: Final = 12
OPEN_WAIT_S_MAX: Final = 0.5
OPEN_WAIT_S_MIN: Final = 0.02

# What a key must say of itself before it signs. LOCAL, ALWAYS_ and NEVER_ are set by the token alone, so an imported
# key, or one whose protection was added later, cannot claim them.
PROTECTION: Final = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.ALWAYS_SENSITIVE: True,
    Attribute.NEVER_EXTRACTABLE: True,
    Attribute.LOCAL: True,
}


@dataclass(frozen=True, slots=True)
class _KeyPair:
    private: SignMixin
    point: bytes


class Token:
    """An open token. Use it as a context manager, or close it; its methods may be called from any thread.

    After `close` they all raise TokenClosed.
    """

    def __init__(self, session: Session, resources: ExitStack) -> None:
        """Take over an open session and what must be released with it; `Token.open` is the way to get one."""
        self._session = session
        self._resources = resources
        self._lock = threading.Lock()
        self._pairs: dict[str, _KeyPair] = {}
        self._closed = False

    @classmethod
    def open(cls, settings: TokenSettings) -> Self:
        """Log into the token that `settings` name.

        Raises PrivateFileRefused (PIN file), ModuleMissing, TokenBusy, TokenMissing, WrongPin or TokenFailed.
        """
        pin = read_private(settings.pin_file).decode("utf-8").strip()
        with ExitStack() as resources:
            library = resources.enter_context(loaded(settings.module, settings.config_file))
            session = resources.enter_context(_logged_in(library, settings, pin))
            return cls(session, resources.pop_all())

    def close(self) -> None:
        """Log out and unload the library; calling it again does nothing."""
        with self._lock:
            self._closed = True
            self._pairs.clear()
            self._resources.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def generate_key(self, key_id: str) -> str:
        """Make a key in the token and return its address. Raises KeyExists, KeyIdInvalid or TokenFailed."""
        name = _key_name(key_id)
        with self._held(f"generating key {key_id!r}"):
            if any(self._session.get_objects({Attribute.ID: name})):
                raise KeyExists(key_id)
            parameters = self._session.create_domain_parameters(
                KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(CURVE)}, local=True
            )
            parameters.generate_keypair(
                id=name,
                label=key_id,
                store=True,
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                private_template={
                    Attribute.PRIVATE: True,
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                    Attribute.MODIFIABLE: False,
                },
                public_template={Attribute.PRIVATE: False, Attribute.MODIFIABLE: False},
            )
            return address_of(self._pair(key_id).point)

    def key_ids(self) -> tuple[str, ...]:
        """Return the ids of the token's private keys, sorted. Raises TokenFailed."""
        with self._held("listing its keys"):
            found = self._session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
            return tuple(sorted(key[Attribute.ID].decode("ascii", "replace") for key in found))

    def public_key(self, key_id: str) -> bytes:
        """Return the public key, uncompressed: 0x04, x, y, 65 bytes. Raises KeyUnknown, KeyUnfit or TokenFailed."""
        with self._held(f"reading key {key_id!r}"):
            return self._pair(key_id).point

    def address(self, key_id: str) -> str:
        """Return the key's checksummed address. Raises KeyUnknown, KeyUnfit or TokenFailed."""
        return address_of(self.public_key(key_id))

    def sign_digest(self, key_id: str, digest: bytes) -> RecoverableSignature:
        """Sign 32 bytes. Raises DigestLength, KeyUnknown, KeyUnfit, SignatureInvalid or TokenFailed."""
        if len(digest) != DIGEST_BYTES:
            raise DigestLength(len(digest))
        with self._held(f"signing with key {key_id!r}"):
            pair = self._pair(key_id)
            raw = pair.private.sign(digest, mechanism=Mechanism.ECDSA)
        signature = normalise(raw, digest, pair.point)
        if signature is None:
            raise SignatureInvalid(key_id)
        return signature

    @contextmanager
    def _held(self, doing: str) -> Iterator[None]:
        """Hold the session, and turn what PKCS#11 reports meanwhile into TokenFailed."""
        with self._lock:
            # The library hands out the numbers of closed sessions again: this one's may be somebody else's by now.
            if self._closed:
                raise TokenClosed
            try:
                yield
            except PKCS11Error as failure:
                raise TokenFailed(doing, failure) from failure

    def _pair(self, key_id: str) -> _KeyPair:
        pair = self._pairs.get(key_id)
        if pair is None:
            pair = self._pairs[key_id] = _find_pair(self._session, key_id)
        return pair


def _find_pair(session: Session, key_id: str) -> _KeyPair:
    name = _key_name(key_id)
    found = list(session.get_objects({Attribute.ID: name}))
    private = [key for key in found if isinstance(key, PrivateKey)]
    public = [key for key in found if isinstance(key, PublicKey)]
    if not private:
        raise KeyUnknown(key_id)
    if len(private) != 1 or len(public) != 1:
        raise KeyUnfit(key_id, f"has {len(private)} private and {len(public)} public halves")
    signer = private[0]
    for attribute, wanted in PROTECTION.items():
        if signer[attribute] is not wanted:
            raise KeyUnfit(key_id, f"is not {attribute.name} = {wanted}")
    if not isinstance(signer, SignMixin):
        raise KeyUnfit(key_id, "may not sign")
    if bytes(public[0][Attribute.EC_PARAMS]) != encode_named_curve_parameters(CURVE):
        raise KeyUnfit(key_id, f"is not on {CURVE}")
    encoded = bytes(public[0][Attribute.EC_POINT])
    point = encoded.removeprefix(POINT_PREFIX)
    if len(point) != POINT_BYTES or len(encoded) != POINT_BYTES + len(POINT_PREFIX):
        raise KeyUnfit(key_id, "has a public half that is not an uncompressed point")
    return _KeyPair(signer, point)


def _key_name(key_id: str) -> bytes:
    if not (0 < len(key_id) <= KEY_ID_BYTES_MAX and key_id.isascii() and key_id.isprintable()):
        raise KeyIdInvalid(key_id, KEY_ID_BYTES_MAX)
    return key_id.encode("ascii")


def _logged_in(library: "Library", settings: TokenSettings, pin: str) -> Session:
    """Open a session, trying again from a new C_Initialize where SoftHSM loses a race with another process."""
    attempts = Retrying(
        retry=retry_if_exception_type((NoSuchToken, GeneralError)),
        stop=stop_after_attempt(OPEN_ATTEMPTS_MAX),
        wait=wait_random_exponential(multiplier=OPEN_WAIT_S_MIN, max=OPEN_WAIT_S_MAX),
        before_sleep=lambda _: library.reinitialize(),
        reraise=True,
    )
    try:
        return attempts(lambda: library.get_token(token_label=settings.label).open(rw=True, user_pin=pin))
    except NoSuchToken:
        raise TokenMissing(settings.label, settings.module) from None
    # A PIN that is wrong now is wrong later, and each try brings a real token nearer to its lock: one attempt only.
    except (PinIncorrect, PinLenRange, PinLocked):
        raise WrongPin(settings.label, settings.pin_file) from None
    except PKCS11Error as failure:
        raise TokenFailed("opening it", failure) from failure
