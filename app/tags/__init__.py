"""Tags: short words that staff put on people, from one list for the whole workspace."""
