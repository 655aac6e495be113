"""`proofdesk policy`: show what is in force; validate, back-test, propose and activate what is to follow it."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from commands.cli import profile
from commands.cli.firm.answers import answered
from commands.cli.firm.drafts import difference, draft_of
from commands.cli.firm.proposals import ProposalId, agree
from commands.cli.output import EXIT_REFUSED, answering, fields, print_json, stderr, stdout, table, when
from commands.client import PolicyDraft

BACKTESTED_ORDERS: Final = 1_000
BACKTESTED_ORDERS_MAX: Final = 5_000

app = typer.Typer(no_args_is_help=True)

File = Annotated[str, typer.Argument(metavar="FILE|-", help="Policies in Cedar, or JSON as `policy show --json` prints it.")]


@app.command()
def show(url: profile.Url = "", runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False) -> None:
    """Print the policy in force."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = client.read("/v1/policies/active")
    if as_json:
        print_json(found)
        return
    limits, since = len(found["limits"]), when(found["activated_at"])
    fields([("version", found["version"]), ("hash", found["policy_hash"]), ("since", since), ("limits", limits)])
    stdout.print(found["cedar"], markup=False, soft_wrap=True)


@app.command()
def validate(
    file: File, url: profile.Url = "", runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False
) -> None:
    """Print everything that speaks against a policy; exit status 3 if anything does."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = client.ask("/v1/policies/validate", draft_of(file, client).model_dump(mode="json"))
    if as_json:
        print_json(found)
    elif found["valid"]:
        stdout.print(f"nothing speaks against it; it would have the hash {found['policy_hash']}")
    else:
        for problem in found["problems"]:
            stderr.print(problem, markup=False)
    if not found["valid"]:
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def backtest(
    file: File,
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    most: Annotated[
        int, typer.Option("--orders", min=1, max=BACKTESTED_ORDERS_MAX, help="Of the newest orders, so many.")
    ] = BACKTESTED_ORDERS,
    *,
    as_json: profile.Json = False,
) -> None:
    """Print which past orders a policy would have decided otherwise, with amounts."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        draft = draft_of(file, client).model_dump(mode="json")
        found = client.ask("/v1/policies/backtest", {**draft, "orders": most})
    if as_json:
        print_json(found)
        return
    stdout.print(f"{len(found['otherwise'])} of {found['orders']} orders would be decided otherwise")
    if found["totals"]:
        rows = [(each["before"], each["after"], each["orders"], each["amount_usd"]) for each in found["totals"]]
        table(("was", "would be", "orders", "USD"), rows)
        table(("order", "initiator", "USD", "was", "would be", "because"), [_otherwise(each) for each in found["otherwise"]])


@app.command()
def propose(  # noqa: PLR0913, PLR0917 - options
    file: File,
    reason: Annotated[str, typer.Option(help="Why; it stands in the log.")],
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Propose a policy; a quorum of others must agree to it. What a file leaves out is proposed as it is in force."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
        draft = draft_of(file, client)
        if not as_json:
            for line in difference(_in_force(client.read("/v1/policies/active")), draft):
                stdout.print(line, markup=False, soft_wrap=True)
        answered(client.propose_policy(draft, reason), as_json=as_json)


@app.command()
def activate(  # noqa: PLR0913 - options
    proposal_id: ProposalId,
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether this is what you agree to.")] = False,
    as_json: profile.Json = False,
) -> None:
    """Agree to a proposed policy; it is in force as soon as its quorum is met. As `proposal approve`."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, "")) as client:
        agree(client, proposal_id, yes=yes, as_json=as_json)


def _in_force(found: dict[str, Any]) -> PolicyDraft:
    return PolicyDraft.model_validate(found)


def _otherwise(found: dict[str, Any]) -> tuple[object, ...]:
    before, after = found["before"], found["after"]
    because = "; ".join(dict.fromkeys([*(each["check"] for each in after["refusals"]), *after["rules"]]))
    amount = found["amount_usd"]
    return found["order_id"], found["initiator"], amount, _verdict(before), _verdict(after), because


def _verdict(verdict: dict[str, Any]) -> str:
    needs = f" ({', '.join(verdict['requires'])})" if verdict["requires"] else ""
    return f"{verdict['outcome']}{needs}"
