"""Signs and seals with keys that are made in a PKCS#11 token and never leave it.

A key counts as made only when a restarted library finds it on the token and it works: SoftHSM reports success for a key
that its disk had no room for. Only 32-byte digests are signed, only by a key that never could have been copied
(`infra.hsm.key_pairs`), and each signature must recover to the key's own public half before it is returned. A key counts as
destroyed when the token holds nothing under its id. Sources: PKCS#11 3.0; EIP-2 for low s.
One lock guards one session: threads with sessions of their own crash SoftHSM under python-pkcs11.
Leaves out the digest's meaning and the caller's rights: the signer decides both first.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from pkcs11 import Attribute, PublicKey, Session
from pkcs11.exceptions import (
    DeviceMemory,
    FunctionFailed,
    GeneralError,
    KeyHandleInvalid,
    NoSuchToken,
    ObjectHandleInvalid,
    PinIncorrect,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    UserPinNotInitialized,
)
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from infra.ethereum.recovery import DIGEST_BYTES, RecoverableSignature, address_of
from infra.hsm import key_pairs, sealing_keys
from infra.hsm.errors import (
    DigestLength,
    KeyExists,
    KeyUnfit,
    KeyUnknown,
    TokenClosed,
    TokenError,
    TokenFailed,
    TokenFull,
    TokenMissing,
    WrongPin,
)
from infra.hsm.key_pairs import KeyPair, key_name
from infra.hsm.module import loaded
from infra.hsm.sealing_keys import SealingKey
from infra.hsm.settings import TokenSettings
from infra.identity.private_file import read_private

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib as Library  # noqa: N812 - a class that its authors wrote in lower case

OPEN_ATTEMPTS_MAX: Final = 12
OPEN_WAIT_S_MAX: Final = 0.5
OPEN_WAIT_S_MIN: Final = 0.02
LOST_RACES: Final = (NoSuchToken, GeneralError, UserPinNotInitialized)
"""SoftHSM reports these when it reads the token's file while another process, logging in, writes it."""
PROBE_DIGEST: Final = hashlib.sha256(b"proofdesk/probe/v1").digest()
"""Each new key signs it once as a test; it is no transaction's digest."""


class Token:
    """An open token. Use it as a context manager, or close it; its methods may be called from any thread.

    After `close` they all raise TokenClosed.
    """

    def __init__(self, open_session: Callable[[], Session], reset: Callable[[], None], resources: ExitStack) -> None:
        """Take over a library and the resources to release with it. Callers use `Token.open`."""
        self._open_session = open_session
        self._reset = reset
        self._resources = resources
        self._session = open_session()
        self._lock = threading.Lock()
        self._pairs: dict[str, KeyPair] = {}
        self._sealing: dict[str, SealingKey] = {}
        self._closed = False

    @classmethod
    def open(cls, settings: TokenSettings) -> Self:
        """Log into the token that `settings` name.

        Raises PrivateFileRefused (PIN file), ModuleMissing, TokenBusy, TokenMissing, WrongPin or TokenFailed.
        """

        def open_session() -> Session:
            pin = read_private(settings.pin_file).decode("utf-8").strip()
            return _logged_in(library, settings, pin)

        with ExitStack() as resources:
            library = resources.enter_context(loaded(settings.module, settings.config_file))
            token = cls(open_session, library.reinitialize, resources)
            token._resources = resources.pop_all()
            return token

    def close(self) -> None:
        """Log out and unload the library; calling it again does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._forget()
            with self._resources, suppress(PKCS11Error):
                # The session may be closed already; finalising the library ends any other.
                self._session.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def generate_key(self, key_id: str) -> str:
        """Make a signing key in the token and return its address. Raises KeyExists, KeyIdInvalid, TokenFull or TokenFailed."""
        with self._held(f"generating key {key_id!r}"):
            self._make(key_id, key_pairs.generate, self._probe_pair)
            return address_of(self._pair(key_id).point)

    def generate_sealing_key(self, key_id: str) -> None:
        """Make an AES key in the token that seals. Raises KeyExists, KeyIdInvalid, TokenFull or TokenFailed."""
        with self._held(f"generating sealing key {key_id!r}"):
            self._make(key_id, sealing_keys.generate, self._probe_sealing)

    def destroy_key(self, key_id: str) -> str:
        """Destroy all objects of a key's id; return the SHA-256 of its public half, or of its id if it has none.

        A second call finishes an interrupted destruction with the same result. Raises KeyUnknown or TokenFailed.
        """
        name = key_name(key_id)
        with self._held(f"destroying key {key_id!r}"):
            self._forget()
            found = list(self._session.get_objects({Attribute.ID: name}))
            if not found:
                raise KeyUnknown(key_id)
            points = [key_pairs.point_of(key_id, key) for key in found if isinstance(key, PublicKey)]
            # The public half goes last: while it exists, the result can be computed again.
            for key in sorted(found, key=lambda each: isinstance(each, PublicKey)):
                key.destroy()
            if any(self._session.get_objects({Attribute.ID: name})):
                raise KeyUnfit(key_id, "is still there after it was destroyed")
            return hashlib.sha256(b"".join(points) or name).hexdigest()

    def discard_key(self, key_id: str) -> None:
        """Remove the remains of an interrupted key generation, if any. Raises KeyIdInvalid or TokenFailed."""
        name = key_name(key_id)
        with self._held(f"discarding the remains of key {key_id!r}"):
            self._remove(name)

    def key_ids(self) -> tuple[str, ...]:
        """Return the ids of the token's signing keys, sorted. Raises TokenFailed."""
        with self._held("listing its keys"):
            return key_pairs.ids(self._session)

    def has_key(self, key_id: str) -> bool:
        """Return True if any object in the token has this id. Raises KeyIdInvalid or TokenFailed."""
        with self._held(f"looking for key {key_id!r}"):
            return any(self._session.get_objects({Attribute.ID: key_name(key_id)}))

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
            try:
                raw = key_pairs.sign(pair, digest)
            except (KeyHandleInvalid, ObjectHandleInvalid):
                # Another process destroyed the key after it was found: report it as unknown, not as a failed token.
                self._forget()
                pair = self._pair(key_id)
                raw = key_pairs.sign(pair, digest)
        return key_pairs.checked(key_id, raw, digest, pair.point)

    def seal(self, key_id: str, plain: bytes, context: bytes) -> bytes:
        """Seal bytes with a sealing key, for this `context` only. Raises KeyUnknown, KeyUnfit or TokenFailed."""
        with self._held(f"sealing with key {key_id!r}"):
            return sealing_keys.seal(self._session, self._sealing_key(key_id), plain, context)

    def unseal(self, key_id: str, sealed: bytes, context: bytes) -> bytes:
        """Open bytes that were sealed in this `context`. Raises SealBroken, KeyUnknown, KeyUnfit or TokenFailed."""
        with self._held(f"opening bytes sealed by key {key_id!r}"):
            return sealing_keys.unseal(self._session, self._sealing_key(key_id), key_id, sealed, context)

    @contextmanager
    def _held(self, doing: str) -> Iterator[None]:
        """Hold the session; wrap PKCS#11 errors in TokenFailed."""
        with self._lock:
            # The library reuses the numbers of closed sessions: this number may belong to another session by now.
            if self._closed:
                raise TokenClosed
            try:
                yield
            except PKCS11Error as failure:
                raise TokenFailed(doing, failure) from failure

    def _make(self, key_id: str, generate: Callable[[Session, str], None], probe: Callable[[str], None]) -> None:
        """Make a key and check that the token kept it; remove its remains when it did not."""
        name = key_name(key_id)
        if any(self._session.get_objects({Attribute.ID: name})):
            raise KeyExists(key_id)
        try:
            generate(self._session, key_id)
            self._start_anew()
            probe(key_id)
        except (DeviceMemory, FunctionFailed, GeneralError, TokenError) as failure:
            self._remove(name)
            raise TokenFull(key_id) from failure

    def _remove(self, name: bytes) -> None:
        self._start_anew()
        for leftover in list(self._session.get_objects({Attribute.ID: name})):
            leftover.destroy()

    def _start_anew(self) -> None:
        """Finalise and initialise the library, so that it reads the token's contents again."""
        self._forget()
        self._reset()
        self._session = self._open_session()

    def _forget(self) -> None:
        self._pairs.clear()
        self._sealing.clear()

    def _probe_pair(self, key_id: str) -> None:
        pair = self._pair(key_id)
        key_pairs.checked(key_id, key_pairs.sign(pair, PROBE_DIGEST), PROBE_DIGEST, pair.point)

    def _probe_sealing(self, key_id: str) -> None:
        key = self._sealing_key(key_id)
        sealing_keys.unseal(self._session, key, key_id, sealing_keys.seal(self._session, key, PROBE_DIGEST, b""), b"")

    def _pair(self, key_id: str) -> KeyPair:
        pair = self._pairs.get(key_id)
        if pair is None:
            pair = self._pairs[key_id] = key_pairs.find(self._session, key_id)
        return pair

    def _sealing_key(self, key_id: str) -> SealingKey:
        key = self._sealing.get(key_id)
        if key is None:
            key = self._sealing[key_id] = sealing_keys.find(self._session, key_id)
        return key


def _logged_in(library: "Library", settings: TokenSettings, pin: str) -> Session:
    """Open a session, trying again from a new C_Initialize where SoftHSM loses a race with another process."""
    attempts = Retrying(
        retry=retry_if_exception_type(LOST_RACES),
        stop=stop_after_attempt(OPEN_ATTEMPTS_MAX),
        wait=wait_random_exponential(multiplier=OPEN_WAIT_S_MIN, max=OPEN_WAIT_S_MAX),
        before_sleep=lambda _: library.reinitialize(),
        reraise=True,
    )
    try:
        return attempts(lambda: library.get_token(token_label=settings.label).open(rw=True, user_pin=pin))
    except NoSuchToken:
        raise TokenMissing(settings.label, settings.module) from None
    # One attempt only: each wrong PIN brings a real token nearer to its lock.
    except (PinIncorrect, PinLenRange, PinLocked):
        raise WrongPin(settings.label, settings.pin_file) from None
    except PKCS11Error as failure:
        raise TokenFailed("opening it", failure) from failure
