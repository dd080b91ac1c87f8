"""Who works here: workspaces (brands), users and their roles, sessions, API keys, and the record of their acts."""
