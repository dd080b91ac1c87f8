"""What every domain stands on: database, clock, events, jobs, errors, tokens, guards. No word of e-mail marketing."""
