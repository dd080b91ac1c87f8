"""Running Nod on one machine: set-up, embedded servers, process manager, development mailbox, doctor.

Start reading at `run.py`. `bootstrap.py` and `tether.py` run before, or outside of, the virtual
environment and use the standard library only. Nothing in the domains imports this package.
"""
