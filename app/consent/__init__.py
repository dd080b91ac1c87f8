"""Permission: interests, purposes, the ledger, and the one question "may we write?".

``ledger`` appends events whose personal part stands behind a commitment, ``seals`` chain and sign them,
``verify`` finds any changed byte. ``permissions`` and ``reach`` are the projection, written in the same
transaction; ``queries.gate_sql`` is the only text of the gate.
"""
