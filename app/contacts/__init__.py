"""People: their addresses and what they told about themselves. What happens to them stands elsewhere."""
