"""Defines governance's refusals of reports about keys. The firm's custodian sends these, so a person must look."""

from __future__ import annotations

from streams.rules.refusals.base import Refused


class NotTheCustodian(Refused):
    """Somebody else's word about a key."""

    check = "not-the-custodian"
    says = "{principal} reported on a key, which only the system {custodian} does"
    remedy = "find out who uses the credentials of {principal} for this, and have governance revoke them"


class OrderNotOpen(Refused):
    """An answer to nothing."""

    check = "order-not-open"
    says = "nothing that was ordered about a key at position {position} is still to be answered"
    remedy = "nothing needs to be done if it was answered already; else look at the key's history"


class ReportOfOther(Refused):
    """An answer to another question."""

    check = "report-of-other"
    says = "the report says {outcome} of key {key_id}, for which it was ordered to {operation} it: {problem}"
    remedy = "have the custodian's report corrected; the order stays open"


class KeyUnproven(Refused):
    """A key that those who are to hold it do not vouch for."""

    check = "key-unproven"
    says = "the report about key {key_id} does not hold: {problem}"
    remedy = "have the ceremony done again, with all its cosigners; suspend the key if somebody may have forged the report"
