"""How a mail leaves: mailings, messages, wire format, transports, retries."""
