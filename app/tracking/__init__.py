"""Tracking: opens and clicks of those who allowed it, and whether a person or a program made them."""
