"""How fast, over how many connections, and when to stop: what holds over any number of senders.

The limits are rows in PostgreSQL, refilled by its clock, and there only where something is limited. ``Pacer`` is what
a sender asks; ``slots`` shares connections; ``watch`` stops a mailing that is refused over and over.
"""
