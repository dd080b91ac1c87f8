"""What keeps a form from being used against people: puzzles, limits, and a look at the address."""
