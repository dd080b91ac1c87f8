"""Campaigns: a letter, whom it is for, when it goes, and what came of it."""
