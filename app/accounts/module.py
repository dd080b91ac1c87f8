"""What this domain adds to the house."""

from app.kernel.module import Module

MODULE = Module("accounts")
