"""Where readers confirm, choose and leave, each behind a token that can do one thing."""
