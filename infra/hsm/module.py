"""Loads the PKCS#11 library for one caller at a time.

A PKCS#11 library is process-global: C_Initialize and C_Finalize (PKCS#11 3.0, section 5.4) act on all sessions, SoftHSM
reads SOFTHSM2_CONF at C_Initialize only, and threads with sessions of their own crash it. So one caller at a time holds
the library and starts from a fresh C_Initialize.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pkcs11
from pkcs11.exceptions import PKCS11Error

from infra.hsm.errors import ModuleMissing, TokenBusy, TokenFailed

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib as Library  # noqa: N812 - a class that its authors wrote in lower case

CONFIG_VARIABLE: Final = "SOFTHSM2_CONF"

_occupied = threading.Lock()


@contextmanager
def loaded(module: Path, config_file: Path | None) -> Iterator["Library"]:
    """Give the initialised library at `module`, and finalise it afterwards.

    Raises TokenBusy when this process has loaded it already, ModuleMissing when it cannot be loaded, TokenFailed when it
    does not start.
    """
    if not _occupied.acquire(blocking=False):
        raise TokenBusy
    try:
        # Stays set while the library is in use: a second C_Initialize must find the same token.
        with _configured(config_file):
            library = _initialised(module, config_file)
            try:
                yield library
            finally:
                if library.initialized:
                    library.finalize()
    finally:
        _occupied.release()


def _initialised(module: Path, config_file: Path | None) -> "Library":
    if not module.is_file():
        raise ModuleMissing(module, "no such file")
    if config_file is not None and not config_file.is_file():
        raise ModuleMissing(module, f"its settings file {config_file} is missing")
    try:
        return pkcs11.lib(str(module))
    except (RuntimeError, OSError) as failure:
        # Errors of a loaded library have classes of their own; the loader raises the base class.
        if isinstance(failure, PKCS11Error) and type(failure) is not PKCS11Error:
            raise TokenFailed("starting its module", failure) from failure
        raise ModuleMissing(module, str(failure) or type(failure).__name__) from failure


@contextmanager
def _configured(config_file: Path | None) -> Iterator[None]:
    if config_file is None:
        yield
        return
    before = os.environ.get(CONFIG_VARIABLE)
    os.environ[CONFIG_VARIABLE] = str(config_file)
    try:
        yield
    finally:
        if before is None:
            del os.environ[CONFIG_VARIABLE]
        else:
            os.environ[CONFIG_VARIABLE] = before
