"""Makes the SoftHSM2 token of a local cluster once and finds it again later.

Sets its place (`<cluster>/hsm/`, mode 0700), its label and its PINs. The PINs are random, live in files of mode 0600 and
reach the token through C_InitToken and C_InitPIN (PKCS#11 3.0, sections 5.5 and 5.6) inside this process:
`softhsm2-util` takes them as arguments, which every user of the machine can read.
Leaves out real HSMs, whose tokens are initialised in a ceremony and not by a program.
"""

import ctypes
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pkcs11 import SlotFlag, Token, TokenFlag
from pkcs11.exceptions import PKCS11Error

from infra.hsm.errors import ModuleMissing, TokenFailed
from infra.hsm.module import loaded
from infra.hsm.settings import TokenSettings
from infra.identity.private_file import PRIVATE_FOLDER_MODE, create_private, read_private, write_private

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib as Library  # noqa: N812 - a class that its authors wrote in lower case

MODULE_VARIABLE: Final = "PROOFDESK_PKCS11_MODULE"
MODULE_PLACES: Final = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/opt/homebrew/lib/softhsm/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
)
TOKEN_LABEL: Final = "proofdesk"  # noqa: S105 - a name, not a secret
PIN_RANDOM_BYTES: Final = 24
LABEL_FIELD_BYTES: Final = 32


def find_module() -> Path:
    """Return the path of libsofthsm2, from PROOFDESK_PKCS11_MODULE or the usual places. Raises ModuleMissing."""
    named = os.environ.get(MODULE_VARIABLE)
    if named is not None:
        return Path(named)
    for place in MODULE_PLACES:
        if place.is_file():
            return place
    raise ModuleMissing(MODULE_PLACES[0], "not in any of the usual places")


def initialise(folder: Path) -> TokenSettings:
    """Make the token of the cluster in `folder`, or find the existing one. Safe for concurrent callers.

    Raises ModuleMissing, TokenBusy, TokenFailed, or PrivateFileRefused when a PIN file was tampered with.
    """
    place = folder.resolve() / "hsm"
    store = place / "tokens"
    for part in (place, store):
        part.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
        part.chmod(PRIVATE_FOLDER_MODE)
    settings = TokenSettings(find_module(), TOKEN_LABEL, place / "pin", place / "softhsm2.conf")
    with _alone(place):
        write_private(place / "softhsm2.conf", _configuration(store))
        officer_pin = _pin(place / "so-pin")
        user_pin = _pin(settings.pin_file)
        with loaded(settings.module, settings.config_file) as library:
            try:
                _initialise_token(library, settings, officer_pin, user_pin)
            except PKCS11Error as failure:
                raise TokenFailed("initialising it", failure) from failure
    return settings


def _configuration(store: Path) -> bytes:
    return (
        f"directories.tokendir = {store}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
    ).encode()


def _pin(path: Path) -> str:
    if not path.exists():
        create_private(path, secrets.token_urlsafe(PIN_RANDOM_BYTES).encode())
    return read_private(path).decode("ascii")


def _initialise_token(library: "Library", settings: TokenSettings, officer_pin: str, user_pin: str) -> None:
    token = _labelled(library, settings.label)
    if token is None:
        _call_init_token(settings, _free_slot(library), officer_pin)
        token = library.get_token(token_label=settings.label)
    # A crash between the two calls leaves a token without a user PIN, and so without keys: continue from there.
    if TokenFlag.USER_PIN_INITIALIZED not in token.flags:
        with token.open(rw=True, so_pin=officer_pin) as session:
            session.init_pin(user_pin)


def _labelled(library: "Library", label: str) -> Token | None:
    return next(iter(library.get_tokens(token_label=label)), None)


def _free_slot(library: "Library") -> int:
    slots = (slot for slot in library.get_slots() if SlotFlag.TOKEN_PRESENT in slot.flags)
    return next(slot.slot_id for slot in slots if TokenFlag.TOKEN_INITIALIZED not in slot.get_token().flags)


def _call_init_token(settings: TokenSettings, slot_id: int, officer_pin: str) -> None:
    """Call C_InitToken, which python-pkcs11 lacks, on the library that it has loaded and initialised."""
    function = ctypes.CDLL(str(settings.module)).C_InitToken
    function.argtypes = (ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
    function.restype = ctypes.c_ulong
    label = settings.label.encode().ljust(LABEL_FIELD_BYTES, b" ")
    outcome = function(slot_id, officer_pin.encode(), len(officer_pin), label)
    if outcome != 0:
        raise TokenFailed("initialising it", RuntimeError(f"C_InitToken returned 0x{outcome:x}"))


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
