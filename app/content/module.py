"""What this domain adds to the house."""

from app.content import queries as _tables  # noqa: F401  the tables are known once this is imported
from app.kernel.module import Module

MODULE = Module("content")
