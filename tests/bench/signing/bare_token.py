"""Calls C_Sign alone: `python -m tests.bench.signing.bare_token KEY SIGNATURES` prints signatures per second.

PKCS#11 3.0 called through ctypes: log in, find the key by its id, then C_SignInit and C_Sign with CKM_ECDSA on 32 bytes.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Final

from infra.hsm.module import CONFIG_VARIABLE
from infra.hsm.settings import TokenSettings
from infra.identity.private_file import read_private
from infra.settings.description import current

CKF_SERIAL_SESSION: Final = 4
CKU_USER: Final = 1
CKA_CLASS: Final = 0
CKA_ID: Final = 0x102
CKO_PRIVATE_KEY: Final = 3
CKM_ECDSA: Final = 0x1041
SIGNATURE_BYTES: Final = 64
LABEL_PLACE: Final = slice(0, 32)
TOKEN_INFO_BYTES: Final = 512
SLOTS_MAX: Final = 16
_Ulong = ctypes.c_ulong


class _Attribute(ctypes.Structure):
    _fields_ = (("kind", _Ulong), ("value", ctypes.c_void_p), ("length", _Ulong))


class _Mechanism(ctypes.Structure):
    _fields_ = (("kind", _Ulong), ("parameter", ctypes.c_void_p), ("length", _Ulong))


class BareToken:
    """One session. Every call that does not return CKR_OK ends the program."""

    def __init__(self, settings: TokenSettings) -> None:
        if settings.config_file is not None:
            os.environ[CONFIG_VARIABLE] = str(settings.config_file)
        self._library = ctypes.CDLL(str(settings.module))
        self._session = _Ulong()
        pin = read_private(settings.pin_file).strip()
        self._call("C_Initialize", None)
        slot = self._slot(settings.label.encode())
        self._call("C_OpenSession", slot, _Ulong(CKF_SERIAL_SESSION), None, None, ctypes.byref(self._session))
        self._call("C_Login", self._session, _Ulong(CKU_USER), pin, _Ulong(len(pin)))

    def rate(self, key_id: str, signatures: int) -> float:
        """Signatures a second."""
        key, mechanism = self._key(key_id.encode()), _Mechanism(CKM_ECDSA, None, 0)
        digest, signature, length = bytes(32), ctypes.create_string_buffer(SIGNATURE_BYTES), _Ulong()
        begun = time.perf_counter()
        for _ in range(signatures):
            length.value = SIGNATURE_BYTES
            self._call("C_SignInit", self._session, ctypes.byref(mechanism), key)
            self._call("C_Sign", self._session, digest, _Ulong(len(digest)), signature, ctypes.byref(length))
        return signatures / (time.perf_counter() - begun)

    def _slot(self, label: bytes) -> ctypes.c_ulong:
        slots, count = (_Ulong * SLOTS_MAX)(), _Ulong(SLOTS_MAX)
        self._call("C_GetSlotList", ctypes.c_ubyte(1), slots, ctypes.byref(count))
        for slot in slots[: count.value]:
            told = ctypes.create_string_buffer(TOKEN_INFO_BYTES)
            self._call("C_GetTokenInfo", _Ulong(slot), told)
            if told.raw[LABEL_PLACE].rstrip() == label:
                return _Ulong(slot)
        raise SystemExit(f"no token is called {label!r}")

    def _key(self, key_id: bytes) -> ctypes.c_ulong:
        kind, name = _Ulong(CKO_PRIVATE_KEY), ctypes.create_string_buffer(key_id, len(key_id))
        template = (_Attribute * 2)(
            _Attribute(CKA_CLASS, ctypes.cast(ctypes.byref(kind), ctypes.c_void_p), ctypes.sizeof(kind)),
            _Attribute(CKA_ID, ctypes.cast(name, ctypes.c_void_p), len(key_id)),
        )
        found, count = _Ulong(), _Ulong()
        self._call("C_FindObjectsInit", self._session, template, _Ulong(len(template)))
        self._call("C_FindObjects", self._session, ctypes.byref(found), _Ulong(1), ctypes.byref(count))
        self._call("C_FindObjectsFinal", self._session)
        if count.value != 1:
            raise SystemExit(f"the token has no key {key_id!r}")
        return found

    def _call(self, function: str, *arguments: object) -> None:
        outcome = getattr(self._library, function)(*arguments)
        if outcome != 0:
            raise SystemExit(f"{function} returned 0x{outcome:x}")


if __name__ == "__main__":
    print(BareToken(current().token.settings).rate(sys.argv[1], int(sys.argv[2])))  # noqa: T201 - what the bench reads
