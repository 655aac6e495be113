"""Wraps the Rust module `proofdesk_mpc` in types: threshold ECDSA on secp256k1 (DKLs23, ePrint 2023/765).

A share is a handle: its secret lives in Rust, is wiped when the last reference goes, never becomes a Python object, and
leaves only sealed. A session is one party's side of one run, in rounds: `start` returns the first messages, `awaits` the
parties whose messages are due, and `advance`, given exactly these, the next messages, until it is `finished`. A session ends
for good at the first wrong message and is never stored: a second use of its state would leak the share.
Messages to one party are secret and must be encrypted to it; broadcasts must be the same for every party (one ordered log
ensures it). The caller must pass each message once. Each session first names its key (its account, which is public), so
that an error can say whether shares are of two keys or of two epochs of one key.

A refresh keeps the correlations of the oblivious transfers and randomises them (ePrint 2019/1328, section 8): a thief of old
shares who saw no message of the refresh learns nothing. A complete refresh makes new correlations and takes twenty times as
long; use it after a ban, after a share came from a back-up, or to avoid relying on randomisation.
Leaves out transport, de-duplication and the choice of participants. The Rust library (dkls23-core) has no known public audit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, Protocol

import proofdesk_mpc

from infra.ethereum.addresses import checksummed

SESSION_ID_BYTES: Final = 32
DIGEST_BYTES: Final = 32
SEALING_KEY_BYTES: Final = 32
ACCOUNT_BYTES: Final = 20
ANOTHER_KEY: Final = "one of the two is in the wrong place; find it, and restore the right share there from its back-up"
ANOTHER_EPOCH: Final = (
    "one of them is from before a rotation and can no longer sign; see the current epoch with key show, "
    "then recover the share of the cosigner that lacks it"
)


class SessionAborted(Exception):
    """The run ended without a result; start another session."""

    def __init__(self, reason: str, banned: int | None = None, blamed: int | None = None) -> None:
        """Keep the reason, which holds nothing secret.

        `banned`: the party that may never take part in a run again: each further run would leak part of the share.
        `blamed`: the party that sent the wrong message; None when it is not known.
        """
        super().__init__(reason)
        self.reason = reason
        self.banned = banned
        self.blamed = blamed


class ShareUnfit(SessionAborted):
    """The share does not match another's key or epoch (the message says which), or was not sealed under the given key.

    Either of the two shares may be the wrong one; `blamed` names the other party.
    """


class Outgoing(NamedTuple):
    """A message to `receiver`, or to all other parties if that is None. A message to one party is secret."""

    receiver: int | None
    payload: bytes


class Incoming(NamedTuple):
    """A message from `sender`, whose signature was verified; `broadcast` if it went to all parties."""

    sender: int
    payload: bytes
    broadcast: bool


class ThresholdSignature(NamedTuple):
    """An ECDSA signature on secp256k1 with s at most half the order (EIP-2). `y_parity` is 0 or 1."""

    r: int
    s: int
    y_parity: int


class Share:
    """One party's share of a key. It leaves only as sealed bytes and can neither be copied nor pickled."""

    __slots__ = ("_held",)

    def __init__(self, held: proofdesk_mpc.Share) -> None:
        """Wrap a share that a session or `opened` made."""
        self._held = held

    @property
    def public_key(self) -> bytes:
        """Return the key's public half, uncompressed: 0x04, x, y, 65 bytes."""
        return self._held.public_key

    @property
    def address(self) -> str:
        """Return the key's checksummed address."""
        return self._held.address

    @property
    def party(self) -> int:
        """Return the share's number, from 1."""
        return self._held.party

    @property
    def threshold(self) -> int:
        """Return the number of shares that sign."""
        return self._held.threshold

    @property
    def parties(self) -> int:
        """Return the number of shares."""
        return self._held.parties

    def sealed(self, key: bytes) -> bytes:
        """Return the share under ChaCha20-Poly1305 with `key` (32 bytes), which must seal nothing else."""
        return self._held.sealed(key)

    @classmethod
    def opened(cls, key: bytes, sealed: bytes) -> Share:
        """Return the share in `sealed`. Raises ShareUnfit when it was changed, or sealed under another key."""
        with _told():
            return cls(proofdesk_mpc.Share.opened(key, sealed))

    @property
    def held(self) -> proofdesk_mpc.Share:
        """Return the handle, for sessions."""
        return self._held

    def __repr__(self) -> str:
        return repr(self._held)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a share is neither copied nor pickled; seal it")


class Session(Protocol):
    """The methods of every session."""

    def start(self) -> list[Outgoing]:
        """Begin; return the messages of round 1."""
        ...

    @property
    def awaits(self) -> frozenset[tuple[int, bool]]:
        """Return the messages due in the current round as (party, is_broadcast)."""
        ...

    def advance(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Take exactly the awaited messages; return those of the next round, none at the end.

        Raises SessionAborted, ShareUnfit, or ValueError for messages other than the awaited ones.
        """
        ...

    @property
    def finished(self) -> bool:
        """Return True if there is a result."""
        ...


class _Rounds:
    __slots__ = ("_session",)

    def __init__(self, session: proofdesk_mpc.Session) -> None:
        self._session = session

    def start(self) -> list[Outgoing]:
        with _told():
            return [Outgoing(*said) for said in self._session.start()]

    @property
    def awaits(self) -> frozenset[tuple[int, bool]]:
        return frozenset(self._session.awaits())

    def advance(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        with _told():
            return [Outgoing(*said) for said in self._session.advance(messages)]

    @property
    def finished(self) -> bool:
        return self._session.finished()

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a session is neither copied nor pickled; what it holds may be used once only")


class _Holding(_Rounds):
    """A session of parties that hold shares already, which must be of one key and epoch."""

    __slots__ = ("_account", "_has_compared")

    def _holds(self, share: Share) -> None:
        self._account = bytes.fromhex(share.address.removeprefix("0x"))
        self._has_compared = False

    def start(self) -> list[Outgoing]:
        return [said._replace(payload=self._account + said.payload) for said in super().start()]

    def advance(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        try:
            if self._has_compared:
                return super().advance(messages)
            # A message of another key is passed on empty, which ends the run as any wrong message does.
            said = super().advance([self._without_account(each) for each in messages])
        except SessionAborted as aborted:
            raise self._explained(aborted, messages) from None
        self._has_compared = True
        return said

    def _without_account(self, message: Incoming) -> Incoming:
        named, payload = message.payload[:ACCOUNT_BYTES], message.payload[ACCOUNT_BYTES:]
        return message._replace(payload=payload if named == self._account else b"")

    def _explained(self, aborted: SessionAborted, messages: Sequence[Incoming]) -> SessionAborted:
        """Return the abort, with the keys or epochs of the two shares if they differ."""
        own = checksummed(self._account)
        for sender, payload, _ in () if self._has_compared else messages:
            named = payload[:ACCOUNT_BYTES]
            if len(named) == ACCOUNT_BYTES and named != self._account:
                reason = f"the share of party {sender} is of another key, {checksummed(named)}, and ours of {own}"
                return ShareUnfit(f"{reason}; {ANOTHER_KEY}", aborted.banned, sender)
        if not isinstance(aborted, ShareUnfit) or aborted.blamed is None:
            return aborted
        reason = f"the share of party {aborted.blamed} and ours are both of the key of {own}, but of different epochs"
        return ShareUnfit(f"{reason}; {ANOTHER_EPOCH}", aborted.banned, aborted.blamed)


class _ShareRounds(_Rounds):
    __slots__ = ()

    @property
    def result(self) -> Share:
        """Return the share. Raises ValueError before the end."""
        share = self._session.result()
        if not isinstance(share, proofdesk_mpc.Share):
            raise TypeError("a session for shares returned no share")
        return Share(share)


class Keygen(_ShareRounds):
    """Party `party` of `parties` makes a key with the others, of whom `threshold` will sign."""

    __slots__ = ()

    def __init__(self, session_id: bytes, threshold: int, parties: int, party: int) -> None:
        """`session_id` has 32 bytes and is never used again. Raises ValueError: threshold, party or length."""
        super().__init__(proofdesk_mpc.keygen(_session_id(session_id), threshold, parties, party))


class Refresh(_Holding, _ShareRounds):
    """The holder of `share` makes new shares of the same key with all others; old shares match none of the new ones."""

    __slots__ = ()

    def __init__(self, share: Share, session_id: bytes, *, complete: bool = False) -> None:
        """`session_id` has 32 bytes and is never used again; `complete`: make new correlations too; all must set it."""
        super().__init__(proofdesk_mpc.refresh(share.held, _session_id(session_id), complete))
        self._holds(share)


class Signing(_Holding):
    """The holder of `share` signs `digest` with `counterparties`; together they are as many as the threshold."""

    __slots__ = ()

    def __init__(self, share: Share, session_id: bytes, counterparties: Sequence[int], digest: bytes) -> None:
        """`session_id` has 32 bytes and is never used again. Raises ValueError: too few, too many, or wrong lengths."""
        super().__init__(proofdesk_mpc.signing(share.held, _session_id(session_id), list(counterparties), digest))
        self._holds(share)

    @property
    def result(self) -> ThresholdSignature:
        """Return the signature, which the library has verified. Raises ValueError before the end."""
        told = self._session.result()
        match told:
            case (bytes() as r, bytes() as s, int() as y_parity):
                return ThresholdSignature(int.from_bytes(r, "big"), int.from_bytes(s, "big"), y_parity)
            case _:
                raise TypeError("a session for signatures returned no signature")


def _session_id(session_id: bytes) -> bytes:
    if len(session_id) != SESSION_ID_BYTES:
        raise ValueError(f"a session id has {SESSION_ID_BYTES} bytes, this has {len(session_id)}")
    return session_id


@contextmanager
def _told() -> Iterator[None]:
    """Turn the Rust module's abort into SessionAborted, without its cause."""
    try:
        yield
    except proofdesk_mpc.Aborted as aborted:
        reason, banned, blamed, unfit = aborted.args
        raise (ShareUnfit if unfit else SessionAborted)(reason, banned, blamed) from None
