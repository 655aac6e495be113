"""Defines governance's refusals of reports about keys. The firm's custodian sends these, so a person must look."""

from __future__ import annotations

from streams.rules.refusals.base import Refused


class NotTheCustodian(Refused):
    """The report is not from the custodian."""

    check = "not-the-custodian"
    says = "{principal} reported on a key, and only the system {custodian} may"
    remedy = "find the process or person that used the credentials of {principal}, and have governance revoke them"


class OrderNotOpen(Refused):
    """The report answers no open order."""

    check = "order-not-open"
    says = "no order about a key at position {position} is open"
    remedy = "nothing needs to be done if it was answered already; otherwise read the key's history"


class ReportOfOther(Refused):
    """The report's outcome does not fit its order."""

    check = "report-of-other"
    says = "the report says {outcome} of key {key_id}, for which it was ordered to {operation} it: {problem}"
    remedy = "have the custodian's report corrected; the order stays open"


class KeyUnproven(Refused):
    """The key lacks the proofs of its holders."""

    check = "key-unproven"
    says = "the report about key {key_id} does not hold: {problem}"
    remedy = "have the ceremony done again, with all its cosigners; suspend the key if somebody may have forged the report"
