"""People and their addresses: what a person is, nothing that happens to them."""
