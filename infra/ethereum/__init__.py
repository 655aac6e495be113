"""Encodes and strictly decodes what Ethereum speaks: calldata, transactions, traces, answers, Safe signatures. Pure."""
