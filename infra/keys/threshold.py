"""Threshold ECDSA on secp256k1 (DKLs23, ePrint 2023/765): the typed face over the Rust module `proofdesk_mpc`.

Decides that a share is a handle: its secret lives in Rust, is wiped when the last holder lets go, and never is a Python
object; what leaves is sealed. A session is one party's side of one run, in rounds: `start` gives what to say first, `awaits`
who must then be heard, and `advance`, given exactly these, what to say next, until it is `finished`. It ends for good at the
first wrong message, and is never stored: what it holds could be used once only, and a second use would leak the share.
Messages to one party are secret and must be encrypted to it; those to everybody must be the same for everybody (one ordered
log sees to it). Nothing here may be given a message twice. Who uses a share says first of which key it is (its account, which
is public): so shares that do not go together are told apart into those of two keys, and those of two epochs of one.

A refresh keeps the correlations of the oblivious transfers and randomises them (ePrint 2019/1328, section 8): a thief of old
shares, who hears nothing of the refresh, is left with nothing. A complete one makes them anew, in twenty times the time; it is
for when a party was banned, or a share was taken from a back-up, and so for whoever does not want to rely on randomising.
Leaves out transport, de-duplication and who may take part. No public audit of the Rust library (dkls23-core) is known.
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
ANOTHER_KEY: Final = "find out which of the two was put in the wrong place, and put the right share there from its back-up"
ANOTHER_EPOCH: Final = (
    "one of them is from before a rotation, and signs nothing any more: see with key show which epoch counts, "
    "and have the share of whoever lacks it recovered"
)


class SessionAborted(Exception):
    """The run is over without a result, and only another session can give one."""

    def __init__(self, reason: str, banned: int | None = None, blamed: int | None = None) -> None:
        """Keep what is known of why, in words that hold nothing secret.

        `banned`: the party that nobody may ever run anything with again: each further run would leak some of the share.
        `blamed`: the party whose message it was; None when that is not known.
        """
        super().__init__(reason)
        self.reason = reason
        self.banned = banned
        self.blamed = blamed


class ShareUnfit(SessionAborted):
    """The share does not go with another, of another key or epoch (it says which), or was not sealed under the key given.

    Which of the two is the wrong one is not known here; `blamed` has the other.
    """


class Outgoing(NamedTuple):
    """A message to `receiver`, None: to everybody else. What goes to one party is secret."""

    receiver: int | None
    payload: bytes


class Incoming(NamedTuple):
    """A message from `sender`, whose signature was verified; `broadcast` when it was to everybody."""

    sender: int
    payload: bytes
    broadcast: bool


class ThresholdSignature(NamedTuple):
    """An ECDSA signature on secp256k1 with s at most half the order (EIP-2). `y_parity` is 0 or 1."""

    r: int
    s: int
    y_parity: int


class Share:
    """One party's share of a key. It has no bytes but sealed ones, and can neither be copied nor pickled."""

    __slots__ = ("_held",)

    def __init__(self, held: proofdesk_mpc.Share) -> None:
        """Take what a session or `opened` made."""
        self._held = held

    @property
    def public_key(self) -> bytes:
        """The key's public half, uncompressed: 0x04, x, y, 65 bytes."""
        return self._held.public_key

    @property
    def address(self) -> str:
        """The key's checksummed address."""
        return self._held.address

    @property
    def party(self) -> int:
        """Which share it is, from 1."""
        return self._held.party

    @property
    def threshold(self) -> int:
        """How many shares sign."""
        return self._held.threshold

    @property
    def parties(self) -> int:
        """How many shares there are."""
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
        """The handle, for sessions."""
        return self._held

    def __repr__(self) -> str:
        return repr(self._held)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a share is neither copied nor pickled; seal it")


class Session(Protocol):
    """What all sessions can do, whatever their result is."""

    def start(self) -> list[Outgoing]:
        """Begin; return what to say in round 1."""
        ...

    @property
    def awaits(self) -> frozenset[tuple[int, bool]]:
        """Who must be heard in the current round: (party, whether in what it says to everybody)."""
        ...

    def advance(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Go on, having heard exactly who is awaited; return what to say in the next round, nothing at the end.

        Raises SessionAborted, ShareUnfit, or ValueError for messages that are not those awaited.
        """
        ...

    @property
    def finished(self) -> bool:
        """Whether there is a result."""
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
    """A session of those who have shares already, which have to go together."""

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
            # What is of another key is given on as nothing, which ends the run as any other message would that is wrong.
            said = super().advance([self._without_account(each) for each in messages])
        except SessionAborted as aborted:
            raise self._explained(aborted, messages) from None
        self._has_compared = True
        return said

    def _without_account(self, message: Incoming) -> Incoming:
        named, payload = message.payload[:ACCOUNT_BYTES], message.payload[ACCOUNT_BYTES:]
        return message._replace(payload=payload if named == self._account else b"")

    def _explained(self, aborted: SessionAborted, messages: Sequence[Incoming]) -> SessionAborted:
        """The same abort, in words that say which of two shares is of what, if that is why."""
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
        """The share. Raises ValueError before the end."""
        share = self._session.result()
        if not isinstance(share, proofdesk_mpc.Share):
            raise TypeError("a session for shares gave something else")
        return Share(share)


class Keygen(_ShareRounds):
    """Party `party` of `parties` makes a key with the others, of whom `threshold` will sign."""

    __slots__ = ()

    def __init__(self, session_id: bytes, threshold: int, parties: int, party: int) -> None:
        """`session_id` has 32 bytes and is never used again. Raises ValueError: threshold, party or length."""
        super().__init__(proofdesk_mpc.keygen(_session_id(session_id), threshold, parties, party))


class Refresh(_Holding, _ShareRounds):
    """The holder of `share` makes new shares of the same key with all others; the old ones then go together with none."""

    __slots__ = ()

    def __init__(self, share: Share, session_id: bytes, *, complete: bool = False) -> None:
        """`session_id` has 32 bytes and is never used again; `complete`: with new correlations, too, which all must say."""
        super().__init__(proofdesk_mpc.refresh(share.held, _session_id(session_id), complete))
        self._holds(share)


class Signing(_Holding):
    """The holder of `share` signs `digest` with `counterparties`: as many as make up the threshold with it."""

    __slots__ = ()

    def __init__(self, share: Share, session_id: bytes, counterparties: Sequence[int], digest: bytes) -> None:
        """`session_id` has 32 bytes and is never used again. Raises ValueError: too few, too many, or wrong lengths."""
        super().__init__(proofdesk_mpc.signing(share.held, _session_id(session_id), list(counterparties), digest))
        self._holds(share)

    @property
    def result(self) -> ThresholdSignature:
        """The signature, verified under the key by the library. Raises ValueError before the end."""
        told = self._session.result()
        match told:
            case (bytes() as r, bytes() as s, int() as y_parity):
                return ThresholdSignature(int.from_bytes(r, "big"), int.from_bytes(s, "big"), y_parity)
            case _:
                raise TypeError("a session for signatures gave something else")


def _session_id(session_id: bytes) -> bytes:
    if len(session_id) != SESSION_ID_BYTES:
        raise ValueError(f"a session id has {SESSION_ID_BYTES} bytes, this has {len(session_id)}")
    return session_id


@contextmanager
def _told() -> Iterator[None]:
    """Turn the Rust module's abort into ours; its cause would add nothing."""
    try:
        yield
    except proofdesk_mpc.Aborted as aborted:
        reason, banned, blamed, unfit = aborted.args
        raise (ShareUnfit if unfit else SessionAborted)(reason, banned, blamed) from None
