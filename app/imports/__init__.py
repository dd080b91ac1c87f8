"""People who come in by files: read, checked, taken in slices, and undone where that was wrong."""
