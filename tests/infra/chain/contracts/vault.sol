// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC20, ERC4626, IERC20} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

/// OpenZeppelin's ERC-4626 vault as it is, and two calls that no standard knows.
contract Vault is ERC4626 {
    event Told(uint256 number, string words);

    constructor(IERC20 asset_) ERC20("Vault shares", "VLT") ERC4626(asset_) {}

    /// Takes native money and an asset through an allowance.
    function enter(uint256 amount, string calldata words) external payable {
        IERC20(asset()).transferFrom(msg.sender, address(this), amount);
        emit Told(amount, words);
    }
}
