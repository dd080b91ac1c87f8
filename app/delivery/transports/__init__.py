"""Ways out of the house: one contract, one file for each transport."""
