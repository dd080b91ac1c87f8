"""Mails that answer what one person did in a shop: templates with the letters' editor, one call to send, a report."""
