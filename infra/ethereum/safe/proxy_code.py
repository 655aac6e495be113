"""The code that creates a proxy of a Safe: SafeProxy 1.4.1 as its authors compiled it. Each Safe's address holds its hash.

The code is kept here and not asked of a node, so that the address that people agree to, and send money to, depends on no node's
answer. The constructor's argument, the address of the code behind the proxy, follows it. Source: npm
`@safe-global/safe-contracts` 1.4.1, `SafeProxy.json`; a factory returns the same code (`proxyCreationCode`).
"""

from typing import Final

PROXY_CREATION_CODE: Final = bytes.fromhex(
    "608060405234801561001057600080fd5b506040516101e63803806101e68339818101604052602081101561003357600080fd5b81019080"
    "80519060200190929190505050600073ffffffffffffffffffffffffffffffffffffffff168173ffffffffffffffffffffffffffffffffff"
    "ffffff1614156100ca576040517f08c379a00000000000000000000000000000000000000000000000000000000081526004018080602001"
    "828103825260228152602001806101c46022913960400191505060405180910390fd5b806000806101000a81548173ffffffffffffffffff"
    "ffffffffffffffffffffff021916908373ffffffffffffffffffffffffffffffffffffffff1602179055505060ab806101196000396000f3"
    "fe608060405273ffffffffffffffffffffffffffffffffffffffff600054167fa619486e0000000000000000000000000000000000000000"
    "000000000000000060003514156050578060005260206000f35b3660008037600080366000845af43d6000803e60008114156070573d6000"
    "fd5b3d6000f3fea264697066735822122003d1488ee65e08fa41e58e888a9865554c535f2c77126a82cb4c0f917f31441364736f6c634300"
    "07060033496e76616c69642073696e676c65746f6e20616464726573732070726f7669646564"
)
