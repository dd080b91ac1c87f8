"""Blocks: a letter as a list of filled-in parts, from which its MJML is written."""
