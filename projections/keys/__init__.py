"""Keys as they are shown: put together from governance's events, wallets and signatures, and told in lines. Pure."""
