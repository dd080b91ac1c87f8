"""Companies and households: people who belong together. Both are groups with a name; what else is known of them differs."""
