"""Prints a desk's answer: the order after a command, or the decision on a trial order."""

from __future__ import annotations

from commands.answers import AWAITING_APPROVAL, OrderAnswer, TrialAnswer
from commands.cli.output import fields, print_json, refused, table, when
from schemas.events.facts import LimitFact, Unmet
from schemas.values import plain


def answered(answer: OrderAnswer, *, as_json: bool) -> None:
    """Print an order as a command has left it; exit as refused when policy refused it."""
    if as_json:
        print_json(answer.model_dump(mode="json", exclude_none=True))
    else:
        _order(answer)
    if answer.outcome == "refused":
        refused(() if as_json else answer.refusals)


def tried(answer: TrialAnswer, *, as_json: bool) -> None:
    """Print the predicted decision and its grounds; exit as refused if the order would be refused."""
    if as_json:
        print_json(answer.model_dump(mode="json", exclude_none=True))
    else:
        _trial(answer)
    if answer.outcome == "refused":
        refused(() if as_json else answer.refusals)


def _order(answer: OrderAnswer) -> None:
    fields(
        [
            ("order", answer.order_id),
            ("state", answer.state),
            ("amount", f"{answer.amount_usd} USD" if answer.amount_usd is not None else ""),
            ("needs", ", ".join(answer.requires)),
            *_missing(answer.unmet),
            ("approval hash", answer.approval_hash),
            ("until", when(answer.expires_at) if answer.state == AWAITING_APPROVAL else ""),
            ("because", answer.message),
        ]
    )
    if answer.children:
        table(
            ("part", "state", "amount", "needs"),
            [(each.order_id, each.state, f"{each.amount_usd} USD", ", ".join(each.requires)) for each in answer.children],
        )


def _trial(answer: TrialAnswer) -> None:
    fields(
        [
            ("would be", answer.outcome),
            ("amount", f"{answer.amount_usd} USD" if answer.amount_usd is not None else ""),
            ("needs", ", ".join(answer.requires)),
            *_missing(answer.unmet),
        ]
    )
    if answer.rules:
        table(("rule", "effect", "because"), [(each.rule_id, each.effect, each.reason) for each in answer.rules])
    if answer.facts is not None and answer.facts.limits:
        table(("limit", "whose", "cap", "used", "asks for", "over"), [_limit(each) for each in answer.facts.limits])


def _missing(unmet: tuple[Unmet, ...]) -> list[tuple[str, object]]:
    return [("missing", f"{each.missing} ({', '.join(each.could_approve) or 'nobody could give it'})") for each in unmet]


def _limit(fact: LimitFact) -> tuple[object, ...]:
    if fact.measure == "count":
        cap, used, asks = (f"{each} orders" for each in (fact.cap_count, fact.used_count, fact.requested_count))
    else:
        cap, used, asks = (f"{plain(each)} USD" for each in (fact.cap_usd, fact.used_usd, fact.requested_usd))
    return fact.limit_id, fact.scope_key, cap, used, asks, "yes" if fact.exceeded else ""
