"""What a mail says: MJML, merge tags, system mails, checks."""
