"""What the sample data add to the house: a command."""

from __future__ import annotations

from app.kernel.module import Module

MODULE = Module("demo", cli=("app.demo.cli:group",))
