"""Doubles: who may be the same person, and two entries made one, for thirty days on trial."""
