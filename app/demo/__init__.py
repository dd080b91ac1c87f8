"""A small shop that never was: sample data, made by the same services that real visitors use."""
