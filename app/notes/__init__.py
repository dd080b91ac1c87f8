"""Notes: what staff write down about a person, in that person's timeline."""
