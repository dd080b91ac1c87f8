"""``flask content``: compile a mail as Nod would send it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TextIO

import click
from flask.cli import AppGroup

from app.content.letters import Draft, write

group = AppGroup("content", help="Letters and their MJML.")


@group.command("compile")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--language", default="en", help="Of its words, such as de.")
@click.option("--text", "as_text", is_flag=True, help="Write the text part instead of the HTML.")
def compile_command(file: TextIO, language: str, as_text: bool) -> None:
    """Compile an MJML FILE ("-" reads what is piped in): HTML goes out, problems as JSON to the errors.

    Ends with 1 where a problem would keep it from being sent; its merge tags stay as they are.
    """
    try:
        source = file.read()
    except UnicodeDecodeError:
        raise click.ClickException("This file is not UTF-8. Save it as UTF-8 first.") from None
    written = write(Draft("", "", source, language=language))
    click.echo(written.text if as_text else written.html, nl=False)
    click.echo(json.dumps([asdict(problem) for problem in written.problems], ensure_ascii=False), err=True)
    sys.exit(0 if written.is_usable else 1)
