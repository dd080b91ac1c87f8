"""Measurements of the whole engine, beside the best that this machine can do at the same minute."""
