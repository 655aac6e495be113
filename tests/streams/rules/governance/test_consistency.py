"""An inconsistent genesis document is refused, with every reason at once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from schemas.firm import SigningKey, WebAuthnCredential
from schemas.keys import KeyHolder, SafeAccount
from streams.rules.governance import consistency
from streams.rules.governance.genesis import GenesisDocument, GenesisRefused
from tests.streams.rules.governance.changes.keys.ceremonies import FIVE, cosigner
from tests.world.firm import governance as firm

ZERO = "0x" + 40 * "0"
ELSEWHERE = 10


def first(part: str, **changes: Any) -> GenesisDocument:
    """The firm with its first person, wallet … changed."""
    entries = getattr(firm.document(), part)
    return firm.document(**{part: [entries[0].model_copy(update=changes), *entries[1:]]})


def doubled(part: str, **changes: Any) -> GenesisDocument:
    """The firm with its last person, wallet … listed again, under other names where `changes` say so."""
    entries = getattr(firm.document(), part)
    return firm.document(**{part: [*entries, entries[-1].model_copy(update=changes)]})


def limited(**changes: Any) -> GenesisDocument:
    return firm.document(policy=firm.policy(limits=[firm.limit("cap", **changes)]))


def settings(**changes: Any) -> GenesisDocument:
    return firm.document(policy=firm.policy(settings=firm.policy().settings.model_copy(update=changes)))


def cosigners(*, second: dict[str, Any]) -> GenesisDocument:
    """Two, the second with some of it changed."""
    return firm.document(cosigners=[cosigner(1), cosigner(2, **second)])


def safe(*owners: str, threshold: int = 1, **changes: Any) -> GenesisDocument:
    """The treasury is a Safe of keys in the token, one of which carries out what the others sign."""

    def holder(address: str) -> KeyHolder:
        return KeyHolder(address=address, key_backend="hsm", key_id=address[:8])

    sends = holder(firm.CUSTODIAN)
    account = SafeAccount(threshold=threshold, owners=[*map(holder, owners), sends], executor=sends)
    [wallet] = firm.document().wallets
    return firm.document(wallets=[wallet.model_copy(update={"key_backend": "safe", "safe": account} | changes)])


REFUSED: list[tuple[Callable[[], GenesisDocument], str]] = [
    (lambda: firm.document(desks=["newswap", "newswap"]), "desk newswap: listed 2 times"),
    (lambda: doubled("persons", credentials=[firm.credential("c2")]), "principal carl: listed 2 times"),
    (lambda: doubled("persons", principal="carla"), "credential Y2FybA: listed 2 times"),
    (
        lambda: doubled(
            "persons",
            principal="carla",
            credentials=[firm.credential("carl").model_copy(update={"credential_id": "AQID"})],
        ),
        f"credential's public key {firm.credential('carl').public_key}: listed 2 times",
    ),
    (lambda: doubled("systems", principal="bot-2"), "signing key detectors: listed 2 times"),
    (lambda: cosigners(second={"party": 1}), "cosigner's place 1: listed 2 times"),
    (lambda: cosigners(second={"cosigner": "cosigner-1"}), "cosigner cosigner-1: listed 2 times"),
    (lambda: cosigners(second={"keys": "cosigner-1"}), "cosigner's signing key 0x"),
    (lambda: cosigners(second={"agreement_key": cosigner(1).agreement_key}), "cosigner's agreement key 0x"),
    (lambda: cosigners(second={"agreement_key": "0x01"}), "cosigner cosigner-2: its agreement key is no X25519 key"),
    (lambda: cosigners(second={"signing_key": "0x01"}), "cosigner cosigner-2: its signing key: "),
    (lambda: cosigners(second={"cosigner": "mallory"}), "cosigner mallory: is none of cosigner-1, cosigner-2"),
    (lambda: safe(firm.VENUE, threshold=3), "wallet treasury-1: 3 owners of the Safe must sign, and it has 2"),
    (lambda: safe(firm.VENUE, firm.VENUE), f"wallet treasury-1: owner of the Safe {firm.VENUE}: listed 2 times"),
    (lambda: safe(firm.TREASURY), "wallet treasury-1: neither the Safe itself nor the zero address could sign for it"),
    (lambda: safe(firm.VENUE, safe=None), "wallet treasury-1: says who signs for a Safe if and only if it is one"),
    (lambda: safe(firm.VENUE, key_backend="hsm"), "wallet treasury-1: says who signs for a Safe if and only if it is one"),
    (
        lambda: safe(firm.VENUE, key_backend="mpc", safe=None),
        "wallet treasury-1: key 01 is in shares, which are made after genesis",
    ),
    (
        lambda: doubled(
            "systems",
            principal="bot-2",
            signing_keys=[firm.signing_key("detectors").model_copy(update={"key_id": "two"})],
        ),
        f"system's public key {firm.signing_key('detectors').public_key}: listed 2 times",
    ),
    (lambda: doubled("systems", principal="carl", signing_keys=[firm.signing_key("s2")]), "principal carl: listed 2"),
    (lambda: doubled("assets", token=None, chain_id=ELSEWHERE), "asset USDC: listed 2 times"),
    (lambda: doubled("assets", asset_id="USDT"), f"token {firm.USDC} on chain 31337: listed 2 times"),
    (lambda: doubled("assets", asset_id="ETC", token=None), "token native asset on chain 31337: listed 2 times"),
    (lambda: doubled("wallets", address=firm.VENUE), "wallet treasury-1: listed 2 times"),
    (lambda: doubled("wallets", wallet_id="w2"), f"wallet address {firm.TREASURY} on chain 31337: listed 2 times"),
    (lambda: doubled("contracts"), f"contract {firm.CUSTODIAN} on chain 31337: listed 2 times"),
    (lambda: firm.document(policy=firm.policy(limits=[firm.limit("a")] * 2)), "limit a: listed 2 times"),
    (lambda: first("persons", credentials=[]), "person paula: has no credential"),
    (
        lambda: first("persons", credentials=[WebAuthnCredential(credential_id="AQID", public_key="0x00")]),
        "person paula: credential AQID: not a map in canonical CBOR",
    ),
    (lambda: first("persons", desks=["newswap", "rates"]), "principal paula: there is no desk rates"),
    (lambda: first("systems", signing_keys=[]), "system treasury-bot: has no signing key"),
    (
        lambda: first("systems", signing_keys=[SigningKey(key_id="k", public_key="0x01")]),
        "system treasury-bot: signing key k: a public key has 32 bytes, this has 1",
    ),
    (lambda: first("systems", desks=["rates"]), "principal treasury-bot: there is no desk rates"),
    (lambda: first("assets", peg_usd=Decimal(0)), "asset ETH: is pegged at 0 USD"),
    (lambda: first("assets", token=ZERO), "asset ETH: the zero address is no token"),
    (lambda: first("wallets", desk_id="rates"), "wallet treasury-1: there is no desk rates"),
    (lambda: first("wallets", holding=firm.TREASURY), "wallet treasury-1: its holding address is its own"),
    (lambda: first("wallets", holding=firm.VENUE), f"wallet treasury-1: its holding address {firm.VENUE} is neither"),
    (lambda: first("wallets", holding=firm.USDC), f"wallet treasury-1: its holding address {firm.USDC} is neither"),
    (
        lambda: doubled("wallets", wallet_id="w2", address=firm.VENUE, chain_id=ELSEWHERE, holding=firm.CUSTODIAN),
        f"wallet w2: its holding address {firm.CUSTODIAN} is neither a listed account nor another wallet on its chain",
    ),
    (lambda: first("wallets", chain_id=ELSEWHERE), "wallet treasury-1: no asset is listed on chain 10"),
    (lambda: first("wallets", address=ZERO), "wallet treasury-1: nobody has the key of the zero address"),
    (lambda: first("contracts", chain_id=ELSEWHERE), f"contract {firm.VENUE}: no asset is listed on chain 10"),
    (lambda: first("contracts", address=ZERO), f"contract {ZERO}: what is sent to the zero address is lost"),
    (lambda: first("contracts", companions=[ZERO]), f"contract {firm.VENUE}: what is sent to the zero address is lost"),
    (lambda: limited(scope="trader", subject="mallory"), "limit cap: there is no trader mallory"),
    (lambda: limited(scope="wallet", subject="treasury-9"), "limit cap: there is no wallet treasury-9"),
    (lambda: limited(scope="contract", subject=firm.USDC), f"limit cap: there is no contract {firm.USDC}"),
    (lambda: limited(scope="desk", subject="rates"), "limit cap: there is no desk rates"),
    (lambda: limited(kind="rolling"), "limit cap: a rolling limit needs a window"),
    (lambda: limited(window_seconds=60), "limit cap: a limit per transaction has no window"),
    (lambda: limited(scope="protocol", subject="newswap"), "limit cap: there is no protocol newswap"),
    (lambda: limited(scope="counterparty", subject="circle"), "limit cap: there is no counterparty circle"),
    (lambda: limited(scope="asset", subject="EUR"), "limit cap: there is no asset EUR"),
    (lambda: limited(scope="destination", subject=firm.USDC), f"limit cap: there is no destination {firm.USDC}"),
    (lambda: settings(zone="Europe/Atlantis"), "settings: there is no time zone Europe/Atlantis"),
    (lambda: settings(zone="../etc/passwd"), "settings: there is no time zone ../etc/passwd"),
    (lambda: settings(webauthn_origins=[]), "settings: no webauthn_origins"),
    (lambda: settings(webauthn_origins=["http://127.0.0.1"]), "settings: origin http://127.0.0.1 is not https"),
    (lambda: settings(webauthn_origins=["localhost"]), "settings: origin localhost is not https"),
    (
        lambda: settings(webauthn_origins=["https://localhost.evil.example"]),
        "settings: origin https://localhost.evil.example does not belong to webauthn_rp_id localhost",
    ),
    (lambda: firm.document(policy=firm.policy("permit(")), "policy: not Cedar"),
]


def test_the_firm_makes_sense() -> None:
    consistency.require_sense(firm.document())


@pytest.mark.parametrize(
    "document",
    [
        limited(subject="paula"),
        limited(subject="treasury-bot"),
        limited(scope="wallet", subject="treasury-1"),
        limited(scope="contract", subject=firm.VENUE),
        limited(scope="desk", subject="newswap", kind="rolling", window_seconds=1),
        limited(scope="asset", subject="USDC"),
        limited(scope="destination", subject=firm.CUSTODIAN),
        first("wallets", holding=firm.CUSTODIAN),
        doubled("wallets", wallet_id="w2", address=firm.VENUE, holding=firm.TREASURY),
        settings(zone="Europe/Zurich"),
        settings(webauthn_rp_id="firm.example", webauthn_origins=["https://desk.firm.example", "https://firm.example"]),
        doubled("assets", asset_id="USDCOP", chain_id=ELSEWHERE),
        firm.document(systems=[]),
        firm.document(cosigners=FIVE),
        safe(firm.VENUE),
    ],
)
def test_what_could_work_is_taken(document: GenesisDocument) -> None:
    consistency.require_sense(document)


@pytest.mark.parametrize(("document", "reason"), REFUSED, ids=[reason[:60] for _, reason in REFUSED])
def test_nonsense_is_refused_with_the_reason(document: Callable[[], GenesisDocument], reason: str) -> None:
    with pytest.raises(GenesisRefused) as refusal:
        consistency.require_sense(document())
    assert reason in str(refusal.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    document = firm.document(desks=[], policy=firm.policy(limits=[firm.limit("cap", subject="mallory")]))
    with pytest.raises(GenesisRefused) as refusal:
        consistency.require_sense(document)
    text = str(refusal.value)
    assert "wallet treasury-1: there is no desk newswap" in text
    assert "limit cap: there is no trader mallory" in text
    assert "more" not in text


def test_a_flood_of_problems_is_cut_with_their_number() -> None:
    limits = [firm.limit(f"cap-{number}", subject="mallory") for number in range(60)]
    with pytest.raises(GenesisRefused, match="and 10 more"):
        consistency.require_sense(firm.document(policy=firm.policy(limits=limits)))
