"""Proof that leaves the house: evidence files, their verifier, and signed days kept where nobody here can change them."""
