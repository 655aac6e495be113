"""`proofdesk key list` and `key show`: where keys are, how old they are, when they were last used, what was said of them."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from commands.cli import profile
from commands.cli.output import answering, fields, print_json, stdout, table, when
from commands.client import ProofdeskClient

SECOND_MICROS: Final = 1_000_000
COLUMNS: Final = ("key", "state", "kept", "address", "signs for", "age", "last used", "rotation", "cosigners")
_SPANS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def _named(which: str) -> str:
    """A key's id; the ones that would name another page of the API are none."""
    if which in ("", ".", ".."):
        raise typer.BadParameter("that is no key's id")
    return which


KeyName = Annotated[str, typer.Argument(metavar="KEY", help="The key's id.", callback=_named)]


def list_keys(url: profile.Url = "", runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False) -> None:
    """Print every key: where it is, for what, how old it and its shares are, when it was last used, when to rotate it."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = client.read("/v1/keys")["keys"]
    now = time.time_ns() // 1_000
    if as_json:
        print_json([{**each, "age_seconds": _age_seconds(each, now)} for each in found])
        return
    table(COLUMNS, [columns(each, now).values() for each in found])


def show(
    which: KeyName, url: profile.Url = "", runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False
) -> None:
    """Print a key and all that governance has said of it."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = one(client, which)
    now = time.time_ns() // 1_000
    if as_json:
        print_json({**found, "age_seconds": _age_seconds(found, now)})
        return
    fields(
        [
            ("key", found["key_id"]),
            ("state", found["state"]),
            ("ordered", found["ordered"]),
            ("kept", _kept(found)),
            ("address", found["address"]),
            ("public key", found["public_key"]),
            ("signs for", _uses(found)),
            ("age", span(_age_seconds(found, now))),
            ("last used", _last_used(found)),
            ("rotation", _rotation(found)),
            ("successor", found["successor"]),
            ("cosigners", _cosigners(found)),
            *safe_of(found),
        ]
    )
    stdout.print()
    table(
        ("", "event", "at", "what"), [(e["position"], e["topic"], when(e["decided_at"]), e["said"]) for e in found["history"]]
    )


def one(client: ProofdeskClient, which: str) -> dict[str, Any]:
    """A key as the read side shows it. Raises CommandRefused when there is none, SystemFault."""
    found: dict[str, Any] = client.read(f"/v1/keys/{quote(which, safe='')}")
    return found


def columns(key: dict[str, Any], now: int) -> dict[str, object]:
    """A key for people, by the names of `COLUMNS`."""
    state = f"{key['state']}, {key['ordered']} ordered" if key["ordered"] else key["state"]
    age, last = span(_age_seconds(key, now)), _last_used(key)
    values = key["key_id"], state, _kept(key), key["address"], _uses(key), age, last, _rotation(key), _cosigners(key)
    return dict(zip(COLUMNS, values, strict=True))


def span(seconds: int) -> str:
    """A length of time in the largest unit of which it has one."""
    name, length = next(((name, length) for name, length in _SPANS if seconds >= length), _SPANS[-1])
    return f"{seconds // length} {name}"


def _age_seconds(key: dict[str, Any], now: int) -> int:
    """Since the key, or its present shares, were made; of a key that was there before, since it was first spoken of."""
    since: int = key["renewed_at"] or key["known_since"]
    return max(0, now - since) // SECOND_MICROS


def _kept(key: dict[str, Any]) -> str:
    """Describe the key's backend and the number of signers."""
    backend = key["backend"] or ""
    if not key["threshold"]:
        return backend
    among = f" of {len(key['cosigners'])}" if key["cosigners"] else ""
    epoch = f", epoch {key['epoch']}" if key["epoch"] else ""
    sites = f", {key['sites_min']} sites" if key["sites_min"] > 1 else ""
    return f"{backend} {key['threshold']}{among}{epoch}{sites}"


def _uses(key: dict[str, Any]) -> str:
    return ", ".join(each["wallet_id"] + ("" if each["role"] == "wallet" else f" ({each['role']})") for each in key["uses"])


def _last_used(key: dict[str, Any]) -> str:
    return when(key["last_used_at"]) or "never"


def safe_of(key: dict[str, Any]) -> list[tuple[str, object]]:
    """Describe a Safe's owners and its executor."""
    if not (safe := key["safe"]):
        return []
    holders = [*(("owner", owner) for owner in safe["owners"]), ("sent by", safe["executor"])]
    return [(role, f"{each['address']}, {each['key_backend']} key {each['key_id']}") for role, each in holders]


def _rotation(key: dict[str, Any]) -> str:
    return "DUE" if key["rotation_due"] else when(key["rotate_at"])


def _cosigners(key: dict[str, Any]) -> str:
    return ", ".join(f"{each['cosigner']} {each['site'] or '(replaced)'}" for each in key["cosigners"])
