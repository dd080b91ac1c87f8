"""The front page, the first run and the settings: rooms below, put together for the people who work here."""
