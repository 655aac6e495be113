"""A key in shares: the enclave opens a session, the cosigners judge and sign, the enclave takes what recovers to the key.

Serves `mpc` and `hybrid` alike: the cosigners themselves choose how shares are sealed. Decides when cosigners are asked, when
others are, and which messages count as their signature. The enclave cannot make cosigners sign, and they believe none of its
claims. Bytes that have a signature on the topic never get a second session: signatures of DKLs23 are randomised, and a second
one would be a second transaction. So a new coordinator first reads all messages since the order was simulated. The signer keeps
no lasting state: after a crash the topic is the state. Source: architecture, rule 10; ADR 12.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
from pydantic import ValidationError

from infra.ethereum.transaction import Signature, TransactionInvalid, signer_of
from infra.proofs import base64url
from schemas.canonical import cosigner_verdict_digest, session_id
from schemas.events.base import Refusal
from schemas.events.keys import KeyGenerated
from schemas.keys import CosignerVerdict, KeyId
from schemas.sessions import Accusation, Cosigned, CosignerMessage, SessionOpened
from schemas.values import MICROS_PER_MS, Instant, Sha256, Slug
from streams.rules.firm.view import Governance
from streams.sessions.coordination import TO_ALL, CosignerStandings, Quorum, chosen, rounds_said
from streams.sessions.refusals import ABORTED, PASSING
from streams.sessions.signed_messages import UNSIGNED, NotFromSender, require_from, require_signed
from streams.signing.backends.contract import KeyUnusable, Made, Pending, Task

SILENCE_MICROS: Final = 2_000 * MICROS_PER_MS
"""The silence after which cosigners are replaced; doubled in each further attempt, up to the maximum below."""
SILENCE_MICROS_MAX: Final = 10_000 * MICROS_PER_MS
AGAIN_MICROS: Final = 100 * MICROS_PER_MS
"""The wait between a passing refusal and the next attempt; longer each time."""
VERDICTS_MICROS: Final = 2_000 * MICROS_PER_MS
"""The longest wait for the other participants' verdicts, once there is a signature."""
CLOCKS_APART_MICROS: Final = 60_000 * MICROS_PER_MS
TASKS_MAX: Final = 1_000

log = structlog.get_logger(__name__)


class Inbox(Protocol):
    """The cosigners' messages: `streams.sessions.transport.Inbox`."""

    @property
    def has_caught_up(self) -> bool:
        """Return True if all messages that were there when it was made have been taken."""
        ...

    def take(self, seconds: float) -> Sequence[SessionOpened | CosignerMessage]:
        """Return the records that have come since."""
        ...


@dataclass(frozen=True, slots=True)
class Channel:
    """The channel to the cosigners."""

    listen: Callable[[Instant], Inbox]
    """Read the records since a time, and new ones."""
    send: Callable[[Iterable[SessionOpened]], None]


@dataclass(slots=True)
class _Attempt:
    opened: SessionOpened
    until: Instant
    rounds: dict[Slug, set[tuple[int, Slug]]] = field(default_factory=dict)
    """Each participant's messages of the protocol, as (round, receiver)."""
    accusers: set[Slug] = field(default_factory=set)
    refused: dict[Slug, str] = field(default_factory=dict)
    """The check that each participant refused with."""
    is_lost: bool = False
    """A participant refused: the attempt cannot succeed."""
    again_at: Instant = 0
    """The time at which another attempt may follow a lost one."""


@dataclass(slots=True)
class _Asked:
    """One task, its attempts and their outcomes."""

    task: Task
    attempts: dict[Sha256, _Attempt] = field(default_factory=dict)
    refused: dict[Slug, Refusal] = field(default_factory=dict)
    signed_at: Instant = 0

    @property
    def newest(self) -> _Attempt | None:
        return next(reversed(self.attempts.values()), None)


_Said = tuple[Sha256, Cosigned]
"""A session and the signature that a cosigner reports for it."""


class MpcSigner:
    """Asks cosigners for signatures."""

    def __init__(self, firm: Callable[[], Governance], channel: Channel, clock: Callable[[], Instant]) -> None:
        """`firm`: governance as the enclave believes it."""
        self._firm = firm
        self._channel = channel
        self._clock = clock
        self._inbox: Inbox | None = None
        self._company = CosignerStandings()
        self._asked: dict[bytes, _Asked] = {}
        self._signed: dict[Slug, dict[Sha256, _Said]] = {}
        """By cosigner and digest. Each cosigner has its own bound, so none can crowd out another's report."""

    def sign(self, task: Task) -> Made | Pending:
        """Ask for a signature of the task's digest, or look whether it has come.

        Raises:
            KeyUnusable: there is no such key in shares, or so many cosigners refuse that too few are left.
            KafkaException: cosigners cannot be reached.
        """
        made, now = self._key(task.key_id), self._clock()
        if self._inbox is None:
            self._inbox = self._channel.listen(task.simulated.decided_at - CLOCKS_APART_MICROS)
        for record in self._inbox.take(0):
            if isinstance(record, CosignerMessage):
                self._take(record, now)
        if (signature := self._found(task, made, now)) is not None:
            self._asked.pop(task.digest, None)
            return signature
        if not self._inbox.has_caught_up:
            return Pending("what cosigners have said is still being read")
        return self._pursue(task, made, now)

    def _key(self, key_id: KeyId) -> KeyGenerated:
        standing = self._firm().keys.get(key_id)
        if standing is None or standing.generated is None or standing.generated.backend not in ("mpc", "hybrid"):
            raise KeyUnusable(f"governance knows no key {key_id} in shares")
        if not standing.may_sign:
            raise KeyUnusable(f"key {key_id} is {standing.status}", remedy="nothing was signed; have the key resumed")
        return standing.generated

    def _quorum(self, made: KeyGenerated) -> Quorum:
        firm = self._firm()
        names = firm.keys[made.key_id].cosigners
        holders = {name: firm.cosigners[name].cosigner for name in names if name in firm.cosigners}
        return Quorum(holders, made.threshold, made.sites_min)

    def _pursue(self, task: Task, made: KeyGenerated, now: Instant) -> Pending:
        """Open a session if none is under way, or another if that one leads nowhere."""
        asked = self._asked.setdefault(task.digest, _Asked(task))
        if len(self._asked) > TASKS_MAX:
            del self._asked[next(iter(self._asked))]
        attempt = asked.newest
        if attempt is not None and attempt.is_lost and now < attempt.again_at:
            return Pending("cosigners are asked again in a moment")
        if attempt is not None and not attempt.is_lost:
            if now < attempt.until:
                return Pending(f"cosigners {', '.join(attempt.opened.participants)} are signing")
            self._blame_silence(attempt, now)
        quorum = self._quorum(made)
        if len(quorum.holders) - len(asked.refused) < quorum.threshold and asked.refused:
            raise _unusable(asked.refused)
        turn = task.digest + len(asked.attempts).to_bytes(4, "big")
        names = chosen(quorum, self._company, asked.refused, turn, now)
        if names is None:
            if asked.refused:
                raise _unusable(asked.refused)
            return Pending(f"too few cosigners of key {made.key_id} can sign together")
        self._open(asked, names, now)
        return Pending(f"cosigners {', '.join(names)} were asked")

    def _open(self, asked: _Asked, names: tuple[Slug, ...], now: Instant) -> None:
        task, number = asked.task, len(asked.attempts) + 1
        opened = SessionOpened(
            session_id="0" * 64,
            kind="sign",
            key_id=task.key_id,
            epoch=self._firm().keys[task.key_id].epoch,
            participants=list(names),
            attempt=number,
            opened_at=now,
            order_id=task.simulated.order_id,
            simulated_hash=task.simulated_hash,
            part=task.part,
        )
        opened = opened.model_copy(update={"session_id": session_id(opened)})
        asked.attempts[opened.session_id] = _Attempt(opened, now + min(SILENCE_MICROS * number, SILENCE_MICROS_MAX))
        self._channel.send([opened])
        log.info("cosigners asked", order_id=task.simulated.order_id, cosigners=names, attempt=number)

    def _blame_silence(self, attempt: _Attempt, now: Instant) -> None:
        """Pass over the participants that are furthest behind: the others wait for them. All, if none is behind."""
        names = attempt.opened.participants
        through = {name: rounds_said(name, names, attempt.rounds.get(name, ())) for name in names}
        behind = [name for name in names if through[name] == min(through.values())]
        for name in behind:
            self._company.pass_over(name, now)
        log.warning("cosigners were silent", session=attempt.opened.session_id, cosigners=behind)

    def _take(self, message: CosignerMessage, now: Instant) -> None:
        """Note what a message means for what was asked; what its sender did not sign means nothing."""
        enrolled = self._firm().cosigners.get(message.sender)
        if enrolled is None:
            return
        asked, attempt = self._about(message.session_id)
        if message.kind != "signed" and attempt is None:
            return
        try:
            require_from(message, enrolled.cosigner)
            if message.kind == "signed":
                self._take_signed(message, base64url.decode(message.payload))
            elif asked is not None and attempt is not None:
                self._take_said(message, asked, attempt, now)
        except (NotFromSender, ValidationError, ValueError) as reason:
            log.warning("message dropped", session=message.session_id, sender=message.sender, reason=str(reason))

    def _about(self, session: Sha256) -> tuple[_Asked, _Attempt] | tuple[None, None]:
        for asked in self._asked.values():
            if session in asked.attempts:
                return asked, asked.attempts[session]
        return None, None

    def _take_signed(self, message: CosignerMessage, payload: bytes) -> None:
        cosigned = Cosigned.model_validate_json(payload)
        mine = self._signed.setdefault(message.sender, {})
        mine.setdefault(cosigned.digest, (message.session_id, cosigned))
        if len(mine) > TASKS_MAX:
            del mine[next(iter(mine))]

    def _take_said(self, message: CosignerMessage, asked: _Asked, attempt: _Attempt, now: Instant) -> None:
        names, sender = attempt.opened.participants, message.sender
        if sender not in names:
            return
        match message.kind:
            case "round" if message.round <= TO_ALL and message.receiver in ("", *names):
                attempt.rounds.setdefault(sender, set()).add((message.round, message.receiver))
            case "banned":
                accused = Accusation.model_validate_json(base64url.decode(message.payload)).cosigner
                if accused in names:
                    self._company.keep_apart(sender, accused)
                    attempt.accusers.add(sender)
            case "refused" if sender not in attempt.refused:
                refusal = Refusal.model_validate_json(base64url.decode(message.payload))
                log.warning("cosigner refuses", cosigner=sender, check=refusal.check, reason=refusal.message)
                self._take_refused(sender, refusal, asked, attempt, now)

    def _take_refused(self, sender: Slug, refusal: Refusal, asked: _Asked, attempt: _Attempt, now: Instant) -> None:
        """Note a refusal. The first refusal ends the attempt; later ones are ignored."""
        is_passing = refusal.check in PASSING
        if not is_passing:
            asked.refused[sender] = refusal
        elif refusal.check != ABORTED:
            if sender not in attempt.accusers:
                self._company.pass_over(sender, now)
        elif not attempt.accusers and ABORTED not in attempt.refused.values():
            for name in attempt.opened.participants:
                self._company.pass_over(name, now)
        attempt.refused[sender] = refusal.check
        if not attempt.is_lost and is_passing:
            attempt.again_at = now + min(AGAIN_MICROS * attempt.opened.attempt, SILENCE_MICROS_MAX)
        attempt.is_lost = True

    def _found(self, task: Task, made: KeyGenerated, now: Instant) -> Made | None:
        """Return a signature by this key, with the verdicts of the cosigners that report it; wait briefly for these."""
        digest = task.digest.hex()
        said = {name: mine[digest] for name, mine in self._signed.items() if digest in mine}
        by_signature: dict[tuple[str, str, int], dict[Slug, _Said]] = {}
        for name, (session, cosigned) in said.items():
            by_signature.setdefault((cosigned.r, cosigned.s, cosigned.y_parity), {})[name] = session, cosigned
        for (r, s, y_parity), words in by_signature.items():
            signature = _recovering(task.digest, r, s, y_parity, made.address)
            if signature is None:
                continue
            asked = self._asked.setdefault(task.digest, _Asked(task))
            asked.signed_at = asked.signed_at or now
            took_part = _took_part(asked, words)
            verdicts = [each for name, (_, cosigned) in took_part.items() if (each := self._verdict(task, name, cosigned))]
            if len(verdicts) < made.threshold and now - asked.signed_at < VERDICTS_MICROS:
                continue
            for name in took_part:
                self._company.heard(name)
            origins = Counter((session, cosigned.epoch) for session, cosigned in took_part.values())
            ((session, epoch), _), *_ = origins.most_common(1)
            return Made(signature, epoch, session, tuple(sorted(verdicts, key=lambda each: each.cosigner)))
        return None

    def _verdict(self, task: Task, name: Slug, cosigned: Cosigned) -> CosignerVerdict | None:
        """Return a cosigner's verdict on the order; None if its signature is wrong, or its site is not the enrolled one."""
        verdict = CosignerVerdict(
            cosigner=name,
            site=cosigned.site,
            code_hash=cosigned.code_hash,
            policy_hash=cosigned.policy_hash,
            governance_position=cosigned.governance_position,
            signature=UNSIGNED,
        )
        enrolled = self._firm().cosigners.get(name)
        if enrolled is None or enrolled.cosigner.site != cosigned.site:
            return None
        try:
            require_signed(
                enrolled.cosigner,
                cosigner_verdict_digest(verdict, task.simulated.order_id, task.digest),
                cosigned.verdict_signature,
            )
        except NotFromSender as reason:
            log.warning("verdict dropped", cosigner=name, reason=str(reason))
            return None
        return verdict.model_copy(update={"signature": cosigned.verdict_signature})


def _took_part(asked: _Asked, words: Mapping[Slug, _Said]) -> Mapping[Slug, _Said]:
    """Return the reports of the participants that were asked. Any cosigner can repeat a signature, for any session.

    After a restart, the participants are unknown: then all reports count, and governance's threshold is of verdicts.
    """
    opened = {session: attempt.opened for session, attempt in asked.attempts.items()}
    found = {
        name: (session, cosigned)
        for name, (session, cosigned) in words.items()
        if session in opened and name in opened[session].participants and cosigned.epoch == opened[session].epoch
    }
    return found or words


def _recovering(digest: bytes, r: str, s: str, y_parity: int, address: str) -> Signature | None:
    """Return the signature, if the key of `address` made it."""
    try:
        signature = Signature(y_parity, int(r, 16), int(s, 16))
        return signature if signer_of(digest, signature) == address else None
    except TransactionInvalid:
        return None


def _unusable(refused: dict[Slug, Refusal]) -> KeyUnusable:
    first = next(iter(refused.values()))
    told = "; ".join(f"{name} ({refusal.check}): {refusal.message}" for name, refusal in refused.items())
    return KeyUnusable(f"too few cosigners are left: {told}", check=first.check, remedy=first.remedy)
