"""Pure decisions about signals: what a hit is, which program made it, who stands behind it."""
