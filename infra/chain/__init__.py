"""EVM chains: one node's JSON-RPC, EIP-1559 transactions, calldata, traces, prices, and a local world to try them on."""
