"""The verbs of engagement: count signals, count anew, forget; and other rules to count by."""

from app.engagement.service.counting import forget, recompute, record
from app.engagement.service.recount import RECOUNT, recount_slice, set_rules

__all__ = ["RECOUNT", "forget", "recompute", "record", "recount_slice", "set_rules"]
