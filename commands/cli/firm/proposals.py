"""`proofdesk proposal`: what waits for a quorum, and a person's yes or no with their own key.

What is to be agreed to is shown, and hashed again here; a hash that differs from the server's is never signed.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from commands.cli import profile
from commands.cli.firm.answers import answered
from commands.cli.firm.drafts import difference
from commands.cli.output import answering, fields, print_json, stdout, table, when
from commands.client import PolicyDraft, ProofdeskClient, ShownProposal, wanted_agreement
from schemas.firm_commands import ProposePolicy

app = typer.Typer(no_args_is_help=True)

ProposalId = Annotated[str, typer.Argument(metavar="ID", help="The proposal's id.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]


@app.command("list")
def list_proposals(
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    state: Annotated[str, typer.Option(help="Only in this state, such as awaiting-approval.")] = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Print proposals, newest first."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        found = client.read("/v1/proposals", **({"state": state} if state else {}))["proposals"]
    if as_json:
        print_json(found)
        return
    rows = [
        (each["proposal_id"], each["kind"], each["state"], each["proposer"], ", ".join(each["requires"]), each["reason"])
        for each in found
    ]
    table(("proposal", "what", "state", "proposer", "needs", "because"), rows)


@app.command()
def show(
    proposal_id: ProposalId, url: profile.Url = "", runtime: profile.Runtime = profile.RUNTIME, *, as_json: profile.Json = False
) -> None:
    """Print a proposal and what it would change."""
    with answering(as_json=as_json), profile.reading(url, runtime) as client:
        if as_json:
            print_json(client.read(f"/v1/proposals/{proposal_id}"))
        else:
            _describe(client, client.proposal(proposal_id))


@app.command()
def approve(  # noqa: PLR0913 - options
    proposal_id: ProposalId,
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether this is what you agree to.")] = False,
    as_json: profile.Json = False,
) -> None:
    """Show what would change, check its hash, and agree to exactly that."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, "")) as client:
        agree(client, proposal_id, yes=yes, as_json=as_json)


@app.command()
def decline(  # noqa: PLR0913, PLR0917 - options
    proposal_id: ProposalId,
    reason: Reason,
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    *,
    as_json: profile.Json = False,
) -> None:
    """Say no; the proposal is closed."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, "")) as client:
        answered(client.decline_proposal(proposal_id, reason), as_json=as_json)


@app.command()
def withdraw(  # noqa: PLR0913, PLR0917 - options
    proposal_id: ProposalId,
    reason: Reason = "",
    url: profile.Url = "",
    runtime: profile.Runtime = profile.RUNTIME,
    principal: profile.Principal = "",
    key: profile.Key = None,
    key_id: profile.KeyId = "",
    *,
    as_json: profile.Json = False,
) -> None:
    """Take your own proposal back."""
    with answering(as_json=as_json), profile.acting(url, runtime, profile.identity(principal, key, key_id)) as client:
        answered(client.withdraw_proposal(proposal_id, reason), as_json=as_json)


def agree(client: ProofdeskClient, proposal_id: str, *, yes: bool, as_json: bool) -> None:
    """Show a proposal's changes, then approve it. Raises ApprovalMismatch."""
    proposal = client.proposal(proposal_id)
    agreement = wanted_agreement(proposal)
    if not as_json:
        _describe(client, proposal)
        if not yes and stdout.is_terminal:
            typer.confirm("Agree to exactly this?", abort=True)
    answered(client.approve_proposal(agreement), as_json=as_json)


def _describe(client: ProofdeskClient, proposal: ShownProposal) -> None:
    fields(
        [
            ("proposal", proposal.proposal_id),
            ("what", proposal.kind),
            ("state", proposal.state),
            ("proposer", proposal.proposer),
            ("reason", proposal.reason),
            ("needs", ", ".join(proposal.requires)),
            ("approved by", ", ".join(each.approver for each in proposal.approvals)),
            ("until", when(proposal.expires_at)),
            ("because", proposal.message),
            ("hash", proposal.proposal_hash),
        ]
    )
    change = proposal.change
    if isinstance(change, ProposePolicy):
        for line in difference(client.policy_in_force(), PolicyDraft.model_validate(change.model_dump(mode="json"))):
            stdout.print(line, markup=False, soft_wrap=True)
        return
    said: dict[str, Any] = change.model_dump(mode="json", exclude={"kind", "reason"})
    fields([*said.get("access", said.get("change", said)).items()])
