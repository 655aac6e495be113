"""Defines the errors of a token as one tree. Each message says what happened, then what to do.

TokenFailed wraps every other error of PKCS#11; the process then exits and is restarted.
"""

from pathlib import Path


class TokenError(Exception):
    """The token did not carry out a request."""


class ModuleMissing(TokenError):
    """The PKCS#11 library cannot be loaded."""

    def __init__(self, module: Path, reason: str) -> None:
        """Name the library's path and the loader's reason."""
        super().__init__(
            f"PKCS#11 module {module} cannot be loaded ({reason}); install it (SoftHSM: softhsm2) or correct the path"
        )


class TokenBusy(TokenError):
    """The process already has a PKCS#11 token open."""

    def __init__(self) -> None:
        """Take no details: a process has one session."""
        super().__init__("this process already has a token open; close it first, or share it: it has a lock")


class TokenClosed(TokenError):
    """The token was closed before."""

    def __init__(self) -> None:
        """Take no details."""
        super().__init__("the token is closed; open it again")


class TokenMissing(TokenError):
    """No token carries the label."""

    def __init__(self, label: str, module: Path) -> None:
        """Name the label and the PKCS#11 module."""
        super().__init__(f"no token labelled {label!r} in {module}; initialise it, or check SOFTHSM2_CONF and the label")


class WrongPin(TokenError):
    """The token refused the PIN. It is not tried again: real tokens lock after a few."""

    def __init__(self, label: str, pin_file: Path) -> None:
        """Name the token and the file that the PIN came from, never the PIN."""
        super().__init__(f"token {label!r} refused the PIN in {pin_file}; put the right PIN there before the token locks")


class KeyUnknown(TokenError):
    """There is no such key."""

    def __init__(self, key_id: str, place: str = "the token") -> None:
        """Name the key and the place that lacks it."""
        super().__init__(f"{place} has no key {key_id!r}; generate it, or check the wallet's key id")


class KeyExists(TokenError):
    """A key of this id exists already and is never replaced."""

    def __init__(self, key_id: str, place: str = "the token") -> None:
        """Name the key, and where it is."""
        super().__init__(f"{place} already has a key {key_id!r}; use it, or choose another id")


class KeyUnfit(TokenError):
    """The key may not be used: it could have been copied, or its id is not unique."""

    def __init__(self, key_id: str, problem: str) -> None:
        """Name the key and the property that it lacks."""
        super().__init__(f"key {key_id!r} {problem}; generate a new key in the token and move the funds to it")


class KeyIdInvalid(TokenError):
    """The id cannot name a key."""

    def __init__(self, key_id: str, bytes_max: int) -> None:
        """Name the id and the bound."""
        super().__init__(f"key id {key_id!r} is not 1 to {bytes_max} printable ASCII characters; choose such an id")


class DigestLength(TokenError):
    """The input is not a 32-byte digest; tokens sign a truncation of longer input without an error."""

    def __init__(self, length: int) -> None:
        """Give the length in bytes."""
        super().__init__(f"a digest has 32 bytes, this has {length}; hash the payload (keccak-256) first")


class TokenFull(TokenError):
    """The token has no room for another key. The partly stored key was removed."""

    def __init__(self, key_id: str) -> None:
        """Name the key that could not be made."""
        super().__init__(f"the token has no room for key {key_id!r}; destroy keys that are no longer used, or add a token")


class SealBroken(TokenError):
    """Sealed bytes cannot be opened with this key in this context."""

    def __init__(self, key_id: str) -> None:
        """Name the key."""
        super().__init__(
            f"sealing key {key_id!r} cannot open these bytes: another key or place sealed them, or they changed; "
            "restore them from a back-up"
        )


class SignatureInvalid(TokenError):
    """The token's signature does not verify under the key's public half."""

    def __init__(self, key_id: str) -> None:
        """Name the key."""
        super().__init__(f"the token returned a wrong signature for key {key_id!r}; take the token out of service")


class TokenFailed(TokenError):
    """The token or its library failed."""

    def __init__(self, doing: str, reason: BaseException) -> None:
        """Say what was being done and what PKCS#11 reported."""
        name = type(reason).__name__
        super().__init__(f"the token failed while {doing} ({name}: {reason}); restart this process, then check the token")
