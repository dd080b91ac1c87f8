"""Engagement: one number for how much somebody reads, and the signals behind it."""
