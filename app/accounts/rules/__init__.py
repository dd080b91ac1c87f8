"""Pure decisions of accounts: roles, passwords, addresses, colours, links."""
