"""Segments: people chosen by a tree of rules, counted and listed by one statement."""
