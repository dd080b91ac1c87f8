"""Files that staff keep with a person: a contract, a letter, a scan."""
